//! How far the replicas of a list are, as they say themselves.
//!
//! Each is asked as the routed user, where its server is reached as it is: a list sets no
//! route and makes no proxy. One that does not answer soon stays unknown.

use std::collections::BTreeMap;
use std::time::Duration;

use dbmatrix_containers::nest::{ContainerInfo, Located};
use dbmatrix_flavours::server::{Login, MYSQL_PORT, ReplicaProgress, log_in, replica_progress};
use futures_util::future::join_all;
use tokio::time::timeout;

/// How long all of them may take, which are asked at the same time.
const LIMIT: Duration = Duration::from_secs(1);

/// What is known of replicas, by nest and container.
pub(super) type Progress = BTreeMap<(String, String), ReplicaProgress>;

/// The running replicas among some containers.
pub(super) fn replicas(rows: &[ContainerInfo]) -> Vec<Located> {
    let running = rows.iter().filter(|row| row.is_running());
    let located = running.filter_map(|row| row.located.as_ref());
    located.filter(|one| one.is_replica()).cloned().collect()
}

/// Asks replicas how far they are.
pub(super) async fn ask(replicas: &[Located]) -> Progress {
    let asked = replicas.iter().map(|one| async {
        match timeout(LIMIT, progress(one)).await {
            Ok(Some(progress)) => {
                let key = (one.nest.name.clone(), one.child.name.clone());
                Some((key, progress))
            }
            Ok(None) => None,
            Err(_) => {
                tracing::debug!(flavour = one.flavour, "no answer in time");
                None
            }
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

async fn progress(one: &Located) -> Option<ReplicaProgress> {
    if !one.nest.is_reached(one.child.address, MYSQL_PORT).await {
        return None;
    }
    let login = Login {
        child: &one.child,
        nest: &one.nest,
        limit: Duration::ZERO,
    };
    let asked = async {
        let server = log_in(&login).await.map_err(|error| error.to_string())?;
        let progress = replica_progress(&server).await;
        progress.map_err(|error| error.to_string())
    };
    asked.await.unwrap_or_else(|error| {
        tracing::debug!(error, flavour = one.flavour, "it was not asked");
        None
    })
}
