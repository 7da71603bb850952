//! The former source of a promotion: it hands over, or it does not answer.

use dbmatrix_sql::session::{Connect, Session};
use tokio::time::{Instant, sleep, timeout};

use super::{AGAIN, GRACE, Handed, Peer, Promotion, REPLICA, SOURCE, in_time};
use crate::server::Server;
use crate::server::replication::follow::Following;
use crate::server::replication::position::Position;
use crate::server::replication::statements::{ACCEPT_WRITES, refuse_writes, stop_reading};
use crate::server::replication::status::{ReplicaError, ReplicaStatus};
use crate::server::replication::{Topology, event};

impl Promotion<'_> {
    /// Closes the former source to writes, and waits until the replica has all that it has.
    pub(super) async fn take_over_from(&self, former: Peer<'_>) -> Result<Handed, ReplicaError> {
        let mut session = former.server.connect(None).await?;
        let handed = in_time(self.limit, self.hand_over(former, &mut session)).await;
        match handed {
            Ok(events) => Ok(Handed {
                events,
                lock: Some(session),
            }),
            Err(error) => {
                // One that hangs is not heard, and keeps refusing.
                drop(session);
                let _ = timeout(GRACE, accept_writes(former.server)).await;
                Err(error)
            }
        }
    }

    /// Returns the events of the former source.
    async fn hand_over(
        &self,
        former: Peer<'_>,
        session: &mut Session,
    ) -> Result<Vec<event::Event>, ReplicaError> {
        let events = event::of_source(session).await?;
        let server = &former.server.identity;
        let wait = format!(
            "SET SESSION lock_wait_timeout = {}",
            self.limit.as_secs().max(1)
        );
        self.run_on(session, SOURCE, &wait).await?;
        for statement in refuse_writes(server) {
            self.run_on(session, SOURCE, statement).await?;
        }
        // Users who may write although it is read-only wait here until the session ends.
        self.run_on(session, SOURCE, "FLUSH TABLES WITH READ LOCK")
            .await?;
        let chosen = self.chosen.server;
        let following = |replica| Following {
            topology: Topology::Async,
            source: former.server,
            replica,
        };
        following(chosen).catch_up(self.limit).await?;
        // Whoever follows by position begins where all have the same.
        for Peer { server: other, .. } in self.others {
            let position = self.position_for(&other.identity).await?;
            if matches!(position, Position::File(_)) {
                following(other).catch_up(self.limit).await?;
            }
        }
        Ok(events)
    }

    /// Waits until the replica has applied what it has received of a source that does not
    /// answer.
    pub(super) async fn apply_received(&self) -> Result<(), ReplicaError> {
        let server = self.chosen.server;
        let mut session = server.connect(None).await?;
        let identity = &server.identity;
        let status = ReplicaStatus::ask(&mut session, identity).await?;
        status.ok_or(ReplicaError::Alone)?;
        self.run_on(&mut session, REPLICA, stop_reading(identity))
            .await?;
        let deadline = Instant::now() + self.limit;
        loop {
            let status = ReplicaStatus::ask(&mut session, identity).await?;
            let status = status.ok_or(ReplicaError::Alone)?;
            if !status.applies() {
                return Err(ReplicaError::Stopped(status));
            }
            if status.has_applied_all() {
                session.close().await;
                return Ok(());
            }
            if Instant::now() >= deadline {
                let limit = self.limit;
                return Err(ReplicaError::Behind { limit, status });
            }
            sleep(AGAIN).await;
        }
    }
}

async fn accept_writes(server: &Server) -> Result<(), ReplicaError> {
    let mut session = server.connect(None).await?;
    session.run(ACCEPT_WRITES).await?;
    session.close().await;
    Ok(())
}
