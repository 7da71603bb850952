//! Makes a replica follow its source, and waits until it has caught up.

use std::net::Ipv4Addr;
use std::time::Duration;

use dbmatrix_sql::session::{Connect, Secret, Session};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::position::{Position, current, first, has_reached};
use super::statements::{Login, follow, let_in, share_gtids, start};
use super::status::{ReplicaError, ReplicaStatus};
use crate::server::Server;

/// How soon a replica is asked again that does not wait itself.
const AGAIN: Duration = Duration::from_millis(50);
/// How long an answer may take beyond the limit.
const GRACE: Duration = Duration::from_secs(5);

/// A source and one of its replicas.
#[derive(Debug, Clone, Copy)]
pub struct Following<'a> {
    /// The source.
    pub source: &'a Server,
    /// The replica.
    pub replica: &'a Server,
}

/// Addresses inside the nest, and the password of the replica's user.
#[derive(Debug, Clone, Copy)]
pub struct Follower<'a> {
    /// Where the source listens.
    pub source: Ipv4Addr,
    /// From where the replica connects.
    pub replica: Ipv4Addr,
    /// Its password there.
    pub password: &'a Secret,
}

impl Following<'_> {
    /// Makes the replica follow its source from where it is; a new one is at the beginning
    /// of the source's binary log. One that follows this source already goes on.
    ///
    /// # Errors
    /// [`ReplicaError`]; it contains no password.
    pub fn begin<'a>(&'a self, who: Follower<'a>) -> BoxFuture<'a, Result<(), ReplicaError>> {
        async move {
            let Following { source, replica } = self;
            let mut session = source.connect(None).await?;
            for statement in let_in(&source.identity, who.replica, who.password) {
                run(&mut session, "the source", &statement, who.password).await?;
            }
            let from = match share_gtids(&source.identity, &replica.identity) {
                true => None,
                false => Some(first(&mut session).await?),
            };
            session.close().await;
            let mut session = replica.connect(None).await?;
            let status = ReplicaStatus::ask(&mut session, &replica.identity).await?;
            let follows = status.is_some_and(|status| status.source == who.source.to_string());
            if !follows {
                let login = Login {
                    host: who.source,
                    password: who.password,
                };
                let change = follow(&replica.identity, &login, from.as_ref());
                run(&mut session, "the replica", &change, who.password).await?;
            }
            let start = start(&replica.identity);
            run(&mut session, "the replica", start, who.password).await?;
            session.close().await;
            Ok(())
        }
        .boxed()
    }

    /// Waits until the replica has what the source has now.
    ///
    /// # Errors
    /// [`ReplicaError`], as soon as it has stopped, or after the limit.
    pub fn catch_up(&self, limit: Duration) -> BoxFuture<'_, Result<(), ReplicaError>> {
        async move {
            let deadline = Instant::now() + limit;
            let caught_up = self.wait(deadline, limit);
            match tokio::time::timeout_at(deadline + GRACE, caught_up).await {
                Ok(ended) => ended,
                // A paused server does not answer.
                Err(_) => Err(ReplicaError::Silent { limit }),
            }
        }
        .boxed()
    }

    /// Waits until the replica has what the source has now, as long as it makes progress:
    /// it may take `patience` for each transaction.
    ///
    /// # Errors
    /// [`ReplicaError`], as soon as it has stopped, or if it makes no progress.
    pub fn catch_up_patiently(
        &self,
        patience: Duration,
    ) -> BoxFuture<'_, Result<(), ReplicaError>> {
        async move {
            let mut before = self.replicated().await?;
            loop {
                let behind = match self.catch_up(patience).await {
                    Err(error @ ReplicaError::Behind { .. }) => error,
                    ended => return ended,
                };
                let now = self.replicated().await?;
                if now == before {
                    return Err(behind);
                }
                before = now;
            }
        }
        .boxed()
    }

    /// How far the replica has come, in its own binary log.
    async fn replicated(&self) -> Result<Position, ReplicaError> {
        let replica = self.replica;
        let mut session = replica.connect(None).await?;
        let position = current(&mut session, &replica.identity, &replica.identity).await?;
        session.close().await;
        Ok(position)
    }

    async fn wait(&self, deadline: Instant, limit: Duration) -> Result<(), ReplicaError> {
        let Following { source, replica } = self;
        let mut session = source.connect(None).await?;
        let position = current(&mut session, &source.identity, &replica.identity).await?;
        session.close().await;
        let mut session = replica.connect(None).await?;
        loop {
            // A position may be reached by one that does not follow any more, and one where
            // nothing was written yet is reached by everybody.
            let status = ReplicaStatus::ask(&mut session, &replica.identity).await?;
            let status = status.ok_or(ReplicaError::Alone)?;
            if status.has_stopped() {
                return Err(ReplicaError::Stopped(status));
            }
            if status.reads() && has_reached(&mut session, &replica.identity, &position).await? {
                session.close().await;
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(ReplicaError::Behind { limit, status });
            }
            sleep(AGAIN).await;
        }
    }
}

/// Runs a statement that must succeed.
pub(super) async fn run(
    session: &mut Session,
    server: &'static str,
    statement: &str,
    password: &Secret,
) -> Result<(), ReplicaError> {
    let outcome = session.run(statement).await?;
    match outcome.refusal() {
        None => Ok(()),
        Some(refusal) => Err(ReplicaError::Refused {
            server,
            // A syntax error cites the statement.
            refusal: refusal.to_string().replace(password.reveal(), "***"),
        }),
    }
}
