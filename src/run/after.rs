//! What becomes of a run's servers when it is over.

use futures_util::future::join_all;

use super::flavour::{copy_ahead, hold_fresh};
use super::stand::Stand;
use crate::event::Sender;
pub use crate::matrix::After;
use crate::matrix::Flavour;
use crate::nest::NestError;
pub use crate::nest::Patience;

/// Does to the servers of a run what is to become of each. Returns what could
/// not be done, for people.
pub async fn put_to_rest(
    stand: &Stand,
    flavours: &[Flavour],
    patience: Patience,
    after: impl Fn(&Flavour) -> After,
) -> Vec<String> {
    let each = flavours.iter().map(|flavour| {
        let rest = rest(stand, flavour, after(flavour), patience);
        async {
            let reason = rest.await.err()?;
            Some(format!("{}: {reason}", flavour.name))
        }
    });
    join_all(each).await.into_iter().flatten().collect()
}

async fn rest(
    stand: &Stand,
    flavour: &Flavour,
    after: After,
    patience: Patience,
) -> Result<(), String> {
    let (children, first) = (&stand.children, flavour.container());
    let current = children.current(&first);
    let told = |error: NestError| error.to_string();
    match (after, patience) {
        (After::Keep, Patience::None) => children.remove_former(&first).await.map_err(told),
        (After::Keep, Patience::Some) => copy_ahead(stand, flavour).await.map_err(told),
        (After::Stop, Patience::None) => tokio::try_join!(
            children.stop(&current, patience),
            children.remove_former(&first)
        )
        .map(drop)
        .map_err(told),
        (After::Stop, Patience::Some) => tokio::try_join!(
            children.stop(&current, patience),
            copy_ahead(stand, flavour)
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
            hold_fresh(stand, flavour, &events).await
        }
    }
}
