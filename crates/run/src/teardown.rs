//! Handles a run's servers when it is over.

pub use dbmatrix_containers::nest::StopPatience;
pub use dbmatrix_flavours::matrix::After;
use dbmatrix_flavours::matrix::{Flavour, Managed};
use dbmatrix_flavours::provision::{ProvisionError, Provisioner};
use dbmatrix_report::event::Sender;
use futures_util::future::join_all;

use super::environment::Environment;

/// Applies to each server of a run, replicas included, what the matrix says about it. Returns human-readable
/// failures.
pub async fn teardown(
    environment: &Environment,
    flavours: &[Flavour],
    patience: StopPatience,
    after: impl Fn(&Flavour) -> After,
) -> Vec<String> {
    let servers = flavours.iter().flat_map(|flavour| {
        let after = after(flavour);
        flavour.servers().map(move |one| (one, after))
    });
    let managed = servers.filter_map(|(one, after)| Some((one, one.managed()?, after)));
    let each = managed.map(|(one, managed, after)| {
        let done = teardown_server(environment, one, managed, after, patience);
        async {
            let reason = done.await.err()?;
            Some(format!("{}: {reason}", one.name))
        }
    });
    join_all(each).await.into_iter().flatten().collect()
}

async fn teardown_server(
    environment: &Environment,
    flavour: &Flavour,
    managed: &Managed,
    after: After,
    patience: StopPatience,
) -> Result<(), ProvisionError> {
    let (children, first) = (&environment.context.children, flavour.container());
    let current = children.current(&first);
    // No receiver is left.
    let (events, _) = Sender::channel();
    let provisioner = Provisioner::new(&environment.context, flavour, managed, &events);
    let stop = async { Ok(children.stop(&current, patience).await?) };
    if after == After::Keep {
        // An interrupted replay leaves servers paused that wait for their turn, and an
        // interrupted file replicas that it has cut off.
        children.resume(&current).await?;
        children.reconnect(&current).await?;
    }
    match (after, patience) {
        (After::Keep, StopPatience::None) => Ok(children.remove_inactive(&first).await?),
        (After::Keep, StopPatience::Some) => provisioner.prepare_standby().await,
        (After::Stop, StopPatience::None) => {
            let remove = async { Ok(children.remove_inactive(&first).await?) };
            tokio::try_join!(stop, remove).map(drop)
        }
        (After::Stop, StopPatience::Some) => {
            tokio::try_join!(stop, provisioner.prepare_standby()).map(drop)
        }
        (After::Delete, _) => {
            children.remove(&current).await?;
            Ok(children.remove_other(&first).await?)
        }
        (After::Pause, _) => provisioner.pause_fresh().await,
    }
}
