//! What becomes of a run's servers when it is over.

use futures_util::future::join_all;

use super::environment::Environment;
use super::flavour::{hold_fresh, prepare_standby};
use crate::event::Sender;
pub use crate::matrix::After;
use crate::matrix::{Flavour, Managed};
use crate::nest::NestError;
pub use crate::nest::StopPatience;

/// Does to the servers of a run what is to become of each. Returns what could
/// not be done, for people.
pub async fn teardown(
    environment: &Environment,
    flavours: &[Flavour],
    patience: StopPatience,
    after: impl Fn(&Flavour) -> After,
) -> Vec<String> {
    let managed = flavours
        .iter()
        .filter_map(|flavour| Some((flavour, flavour.managed()?)));
    let each = managed.map(|(flavour, managed)| {
        let rest = rest(environment, flavour, managed, after(flavour), patience);
        async {
            let reason = rest.await.err()?;
            Some(format!("{}: {reason}", flavour.name))
        }
    });
    join_all(each).await.into_iter().flatten().collect()
}

async fn rest(
    environment: &Environment,
    flavour: &Flavour,
    managed: &Managed,
    after: After,
    patience: StopPatience,
) -> Result<(), String> {
    let (children, first) = (&environment.children, flavour.container());
    let current = children.current(&first);
    let told = |error: NestError| error.to_string();
    match (after, patience) {
        (After::Keep, StopPatience::None) => children.remove_inactive(&first).await.map_err(told),
        (After::Keep, StopPatience::Some) => prepare_standby(environment, flavour, managed)
            .await
            .map_err(told),
        (After::Stop, StopPatience::None) => tokio::try_join!(
            children.stop(&current, patience),
            children.remove_inactive(&first)
        )
        .map(drop)
        .map_err(told),
        (After::Stop, StopPatience::Some) => tokio::try_join!(
            children.stop(&current, patience),
            prepare_standby(environment, flavour, managed)
        )
        .map(drop)
        .map_err(told),
        (After::Delete, _) => {
            children.remove(&current).await.map_err(told)?;
            children.remove_other(&first).await.map_err(told)
        }
        (After::Pause, _) => {
            // Nobody listens any more.
            let (events, _) = Sender::channel();
            hold_fresh(environment, flavour, managed, &events).await
        }
    }
}
