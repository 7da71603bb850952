//! Makes a replica follow its source, and waits until it has caught up.

use std::net::Ipv4Addr;
use std::time::Duration;

use dbmatrix_sql::session::{Connect, Secret, Session, SessionError};
use dbmatrix_sql::version::Identity;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::galera_status::ClusterStatus;
use super::group_status::GroupStatus;
use super::position::{Applied, Coordinates, Position, current, first, has_reached};
use super::statements::{Begin, Login, ask_for_gtids, follow, let_in, start};
use super::status::{ReplicaError, ReplicaProgress, ReplicaStatus};
use super::{Topology, galera, group};
use crate::server::Server;

/// How soon a replica is asked again that does not wait itself.
pub(super) const AGAIN: Duration = Duration::from_millis(50);
/// How long an answer may take beyond the limit.
const GRACE: Duration = Duration::from_secs(2);

/// A source and one of its replicas.
#[derive(Debug, Clone, Copy)]
pub struct Following<'a> {
    /// How they belong together.
    pub topology: Topology,
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
    /// [`ReplicaError`]; it contains no password. [`ReplicaError::OtherSource`] and
    /// [`ReplicaError::Ahead`] of one that has another history than its source: nothing
    /// was changed then.
    pub fn begin<'a>(&'a self, who: Follower<'a>) -> BoxFuture<'a, Result<(), ReplicaError>> {
        async move {
            let replica = self.replica;
            let identity = &replica.identity;
            let mut session = replica.connect(None).await?;
            let status = ReplicaStatus::ask(&mut session, identity).await?;
            if let Some(ReplicaStatus { source: found, .. }) = &status
                && *found != who.source.to_string()
            {
                let found = found.clone();
                return Err(ReplicaError::OtherSource { found });
            }
            let applied = Applied::ask(&mut session, identity, status.as_ref()).await?;
            let (reached, beginning) = self.let_in(who).await?;
            if let Some(excess) = applied.excess(&mut session, identity, &reached).await? {
                return Err(excess.into());
            }
            if status.is_none() {
                let begin = match reached {
                    Position::Gtid(_) => Begin::Gtid,
                    Position::File(_) => Begin::File {
                        from: beginning,
                        assigns_gtids: assigns_gtids(&mut session, identity).await?,
                    },
                };
                let login = Login {
                    host: who.source,
                    password: who.password,
                };
                let change = follow(identity, &login, &begin);
                run(&mut session, "the replica", &change, who.password).await?;
            }
            let start = start(identity);
            run(&mut session, "the replica", start, who.password).await?;
            session.close().await;
            Ok(())
        }
        .boxed()
    }

    /// Lets the replica log in to the source; returns how far that has come, and where its
    /// binary log begins.
    async fn let_in(&self, who: Follower<'_>) -> Result<(Position, Coordinates), ReplicaError> {
        let source = &self.source.identity;
        let mut session = self.source.connect(None).await?;
        for statement in let_in(source, who.replica, who.password) {
            run(&mut session, "the source", &statement, who.password).await?;
        }
        let reached = current(&mut session, source, &self.replica.identity).await?;
        let beginning = first(&mut session).await?;
        session.close().await;
        Ok((reached, beginning))
    }

    /// Waits until the replica has what the source has now.
    ///
    /// # Errors
    /// As of [`Following::catch_up_until`].
    pub fn catch_up(&self, limit: Duration) -> BoxFuture<'_, Result<(), ReplicaError>> {
        self.catch_up_until(Instant::now() + limit, limit)
    }

    /// The same, with a deadline that comes from this limit.
    ///
    /// # Errors
    /// [`ReplicaError`], as soon as it has stopped, or after the deadline.
    pub fn catch_up_until(
        &self,
        deadline: Instant,
        limit: Duration,
    ) -> BoxFuture<'_, Result<(), ReplicaError>> {
        async move {
            let Following {
                topology,
                source,
                replica,
            } = *self;
            let caught_up = async {
                match topology {
                    Topology::Async | Topology::SemiSync => self.wait(deadline, limit).await,
                    Topology::Group => group::wait(source, replica, deadline, limit).await,
                    Topology::Galera => galera::wait(source, replica, deadline, limit).await,
                }
            };
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
        let Following {
            source, replica, ..
        } = self;
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

/// How far a replica is; `None` if it does not know itself, as a member of a group or a
/// cluster, which has no time of its own to compare.
///
/// # Errors
/// If it does not answer.
pub async fn replica_progress(replica: &Server) -> Result<Option<ReplicaProgress>, SessionError> {
    let mut session = replica.connect(None).await?;
    let progress = match joined(&mut session).await? {
        Some(Topology::Group) => {
            let status = GroupStatus::ask(&mut session).await?;
            status.has_left().then_some(ReplicaProgress::Stopped)
        }
        Some(Topology::Galera) => {
            let status = ClusterStatus::ask(&mut session).await?;
            status.has_left().then_some(ReplicaProgress::Stopped)
        }
        Some(Topology::Async | Topology::SemiSync) | None => {
            match ReplicaStatus::ask(&mut session, &replica.identity).await? {
                Some(status) => status.progress(),
                None => Some(ReplicaProgress::Stopped),
            }
        }
    };
    session.close().await;
    Ok(progress)
}

/// The topology that a server is set up to be in, if it says so.
pub(super) async fn joined(session: &mut Session) -> Result<Option<Topology>, SessionError> {
    const QUESTION: &str = "SHOW GLOBAL VARIABLES \
        WHERE (Variable_name = 'group_replication_group_name' AND Value <> '') \
        OR (Variable_name = 'wsrep_on' AND Value = 'ON')";
    let outcome = session.run(QUESTION).await?;
    let row = outcome.rows().and_then(|rows| rows.rows.iter().next());
    let variable = row.and_then(|row| row.texts().into_iter().next().flatten());
    Ok(variable.map(|name| match name.as_str() {
        "wsrep_on" => Topology::Galera,
        _ => Topology::Group,
    }))
}

/// Whether a replica gives transactions GTIDs that their source has not.
pub(super) async fn assigns_gtids(
    session: &mut Session,
    replica: &Identity,
) -> Result<bool, ReplicaError> {
    let Some(question) = ask_for_gtids(replica) else {
        return Ok(false);
    };
    let row = session.first_row(question).await?;
    Ok(row.into_iter().next().flatten().is_some_and(|on| on == "1"))
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
