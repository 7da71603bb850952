//! By replica: the newer server follows the older one from the beginning of its binary log,
//! which has all of the data, and takes its place when it has all of it.
//!
//! So the newer server runs every statement that the older one has run, as it does where
//! people move in this way.

use dbmatrix_flavours::server::{Follower, Following, Former, Peer, Promotion, Topology};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::error::{InStep, WalkError};
use super::stop::Running;
use crate::replicas::LIMIT;

/// Lets a server follow the one before it on the path, and promotes it. Returns notes.
pub(super) fn move_by_replica<'a>(
    from: &'a Running<'_>,
    to: &'a Running<'_>,
) -> BoxFuture<'a, Result<Vec<String>, WalkError>> {
    async move {
        let (old, new) = (from.stop.name, to.stop.name);
        let password = from.stop.replication_password();
        let following = Following {
            topology: Topology::Async,
            source: &from.server,
            replica: &to.server,
        };
        let who = Follower {
            source: from.child.address,
            replica: to.child.address,
            password: &password,
        };
        let followed = async {
            following.begin(who).await?;
            // Its limit is that of one transaction.
            following.catch_up_patiently(to.stop.step_timeout).await
        };
        followed.await.in_step(format!("let {new} follow {old}"))?;
        let promotion = Promotion {
            chosen: peer(to),
            former: Former::Leaves(peer(from)),
            others: &[],
            password: &password,
            limit: LIMIT,
            // The copies are thrown away.
            engine: None,
        };
        let promoted = promotion.run().await.in_step(format!("promote {new}"))?;
        let off = promoted.events_off;
        let note = format!("{off} events stay disabled; `ALTER EVENT … ENABLE` lets them run");
        Ok((off > 0).then_some(note).into_iter().collect())
    }
    .boxed()
}

fn peer<'a>(running: &'a Running<'_>) -> Peer<'a> {
    Peer {
        name: running.stop.name,
        server: &running.server,
        address: running.child.address,
        container: &running.child.name,
    }
}
