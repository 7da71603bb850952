//! The replicas of a flavour, as its suites and commands see them.
//!
//! Owns the names by which a suite means a replica, and how long dbmatrix waits for one.
//! How they come about is in `topology`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dbmatrix_containers::name::REPLICA;
use dbmatrix_containers::nest::{Children, NestError, StopPatience};
use dbmatrix_flavours::server::{Following, ReplicaError, Server, Topology, join_group};
use dbmatrix_report::event::Failure;
use dbmatrix_sql::session::{Connect, Secret};
use dbmatrix_sql::suite::{Fault, FaultVerb};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::time::{Instant, sleep};

use super::command::database_url;
use super::evaluate::StepFailure;
use super::promotion::{MemberSite, Parts, member_name};
use super::sessions::Until;

/// How long replicas may take to catch up when they begin to follow, and one to start.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// How long they may take after a command whose suite has no `timeout`.
const AFTER_COMMAND: Duration = Duration::from_secs(600);
/// How soon a replica that starts is asked again.
const AGAIN: Duration = Duration::from_millis(50);

/// What a replica is expected to do.
const EXPECTED: &str = "it has everything that the source has";
/// Why a step or a case fails whose replica does not.
const WHY: &str = "a replica does not follow its source";

/// A source and its replicas; all of them are up, and follow.
#[derive(Debug)]
pub struct Replicas {
    /// How they belong together.
    pub(super) topology: Topology,
    /// The flavour's own server: the source, until a replica is promoted.
    pub(super) source: Server,
    /// In the order of their numbers, from 1.
    pub(super) all: Vec<Server>,
    /// What each has for a promotion, in the order of the members: the flavour's own server,
    /// and then the replicas.
    pub(super) sites: Vec<MemberSite>,
    /// The password of the replicas' user.
    pub(super) password: Secret,
    /// Who is the source.
    pub(super) parts: Parts,
    /// Their containers, in the same order.
    pub(super) containers: Vec<String>,
    pub(super) children: Children,
    /// Whether a file has paused, stopped or cut off one.
    pub(super) is_harmed: AtomicBool,
}

impl Until {
    /// How long replicas may take after a command: as long as its suite has left.
    pub(super) fn after_command(deadline: Option<(Instant, Duration)>) -> Self {
        match deadline {
            Some((when, limit)) => Until {
                when,
                limit,
                of: "suite",
            },
            None => Until::after(AFTER_COMMAND, "command"),
        }
    }
}

/// The number of the replica that a connection of a suite means: `replica` is the first.
pub(super) fn number_of(connection: &str) -> Option<usize> {
    match connection {
        "replica" => Some(1),
        other => other.strip_prefix(REPLICA)?.parse().ok(),
    }
}

impl Replicas {
    /// The replica that a connection of a suite leads to; `None` if that is the source.
    pub(super) fn of_connection(&self, connection: Option<&str>) -> Option<&Server> {
        let number = number_of(connection?)?;
        self.all.get(number.checked_sub(1)?)
    }

    /// Waits until the replica that a connection leads to has what the source has. Returns
    /// why a step on it cannot run.
    pub(super) fn await_connection<'a>(
        &'a self,
        connection: Option<&'a str>,
        until: Until,
    ) -> BoxFuture<'a, Option<StepFailure>> {
        async move {
            let number = number_of(connection?)?;
            let expected = format!("`{REPLICA}{number}`: {EXPECTED}");
            let found = match (self.of_connection(connection), self.parts.detached(number)) {
                (None, _) => self.too_few(),
                (Some(_), Some(why)) => why,
                (Some(_), None) if self.parts.source() == number => return None,
                (Some(_), None) => self.catch_up(number, until).await.err()?,
            };
            Some(StepFailure {
                expected,
                found,
                why: WHY,
                kind: None,
            })
        }
        .boxed()
    }

    /// Waits until all replicas have caught up, and compares their data; a failure for
    /// each that is behind or differs.
    pub(super) fn check(&self, until: Until) -> BoxFuture<'_, Vec<Failure>> {
        async move {
            let behind = self.await_all(until).await;
            match behind.is_empty() {
                true => self.compare_contents(until).await,
                false => behind,
            }
        }
        .boxed()
    }

    /// Waits until all replicas have what the source has; a failure for each that has not.
    pub(super) fn await_all(&self, until: Until) -> BoxFuture<'_, Vec<Failure>> {
        async move {
            let waiting = self.followers().map(|member| async move {
                let found = self.catch_up(member, until).await.err()?;
                Some(Failure {
                    statement: member_name(member),
                    expected: EXPECTED.to_owned(),
                    found,
                    why: WHY.to_owned(),
                    ..Failure::default()
                })
            });
            join_all(waiting).await.into_iter().flatten().collect()
        }
        .boxed()
    }

    fn too_few(&self) -> String {
        let there = match self.all.len() {
            1 => "one replica".to_owned(),
            several => format!("{several} replicas"),
        };
        format!("the flavour has {there}; `count` of its `replicas` makes more")
    }

    /// Pauses, stops, cuts off, starts or promotes a replica. An error says why that was not possible.
    pub(super) fn inject(
        &self,
        fault: Fault,
        limit: Duration,
    ) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let at = fault.replica - 1;
            let Some(container) = self.containers.get(at) else {
                return Err(self.too_few());
            };
            if self.parts.source() == fault.replica {
                return Err("it was promoted and is the source, which stays up".to_owned());
            }
            self.is_harmed.store(true, Ordering::Relaxed);
            let children = &self.children;
            let done = match fault.verb {
                FaultVerb::Pause => children.pause(container).await,
                FaultVerb::Resume => children.resume(container).await,
                FaultVerb::Stop => children.stop(container, StopPatience::Some).await,
                FaultVerb::Start => return self.start(at).await,
                FaultVerb::Disconnect => children.disconnect(container).await,
                FaultVerb::Reconnect => return self.reconnect(at).await,
                FaultVerb::Promote => return self.promote(fault.replica, limit).await,
            };
            done.map_err(|error| error.to_string())
        }
        .boxed()
    }

    /// Joins a replica that is cut off, and waits until it accepts logins.
    async fn reconnect(&self, at: usize) -> Result<(), String> {
        let joined = self.children.reconnect(&self.containers[at]).await;
        joined.map_err(|error| error.to_string())?;
        self.start(at).await
    }

    /// Starts a replica that is stopped, and waits until it accepts logins. It follows its
    /// source by itself, and one of a group is in it.
    async fn start(&self, at: usize) -> Result<(), String> {
        let started: Result<(), NestError> = self.children.start_again(&self.containers[at]).await;
        started.map_err(|error| error.to_string())?;
        self.await_login(at).await?;
        match self.topology {
            Topology::Group => {
                let joined = join_group(&self.all[at]).await;
                joined.map_err(|error| error.to_string())
            }
            Topology::Async | Topology::SemiSync | Topology::Galera => Ok(()),
        }
    }

    async fn await_login(&self, at: usize) -> Result<(), String> {
        let deadline = Instant::now() + LIMIT;
        loop {
            match self.all[at].connect(None).await {
                Ok(session) => {
                    session.close().await;
                    return Ok(());
                }
                Err(error) if Instant::now() >= deadline => return Err(error.to_string()),
                Err(_) => sleep(AGAIN).await,
            }
        }
    }

    /// Resumes, joins and starts what a file has paused, cut off or stopped; a failure for each replica
    /// that does not come back.
    pub(super) fn mend(&self) -> BoxFuture<'_, Vec<Failure>> {
        async move {
            match self.is_harmed.swap(false, Ordering::Relaxed) {
                true => self.mend_all().await,
                false => Vec::new(),
            }
        }
        .boxed()
    }

    /// The same, whoever has done it.
    pub(super) fn mend_all(&self) -> BoxFuture<'_, Vec<Failure>> {
        async move {
            let mending = (0..self.all.len()).map(|at| async move {
                let resumed = self.children.resume(&self.containers[at]).await;
                let found = match resumed {
                    Ok(()) => self.reconnect(at).await.err()?,
                    Err(error) => error.to_string(),
                };
                Some(Failure {
                    statement: format!("{REPLICA}{}", at + 1),
                    expected: "it is up again after the last step".to_owned(),
                    found,
                    why: WHY.to_owned(),
                    ..Failure::default()
                })
            });
            join_all(mending).await.into_iter().flatten().collect()
        }
        .boxed()
    }

    /// Waits until a member has what the source has.
    async fn catch_up(&self, member: usize, until: Until) -> Result<(), String> {
        if Instant::now() >= until.when {
            let limit = humantime::format_duration(until.limit);
            let of = until.of;
            return Err(format!(
                "it was not asked: {limit}, the limit of the {of}, were over"
            ));
        }
        let following = Following {
            topology: self.topology,
            source: self.current_source(),
            replica: self.member(member),
        };
        let caught_up = following.catch_up_until(until.when, until.limit).await;
        caught_up.map_err(|error| match error {
            ReplicaError::Behind { .. } | ReplicaError::Silent { .. } => {
                format!("{error} (the limit of the {})", until.of)
            }
            other => other.to_string(),
        })
    }

    /// Variables for commands, with the URL of each replica.
    pub(super) fn variables(&self, database: &str) -> Vec<(String, String)> {
        let urls = self.all.iter().zip(1..);
        let variable = |(replica, number)| {
            let name = format!("DBMATRIX_REPLICA_URL_{number}");
            (name, database_url(replica, database))
        };
        urls.map(variable).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_suites_mean_replicas_by_their_numbers() {
        assert_eq!(number_of("replica"), Some(1));
        assert_eq!(number_of("replica-2"), Some(2));
        for other in ["replicas", "replica-", "replica-x", "reader", "source"] {
            assert_eq!(number_of(other), None, "{other}");
        }
    }
}
