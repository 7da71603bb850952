//! The sessions of one case: opens them by name, and ends them if they hang.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use dbmatrix_flavours::server::Server;
use dbmatrix_sql::outcome::{Outcome, Warning};
use dbmatrix_sql::session::{Connect, LocalFolder, Session, SessionError, Tenancy};
use dbmatrix_sql::sql_text::Sql;
use futures_util::future::join_all;
use tokio::time::{Instant, Sleep, timeout, timeout_at};

use super::cleanup::Traces;
use super::evaluate::StepFailure;
use super::replicas::{Replicas, number_of};

/// How long a killed statement may take to end before its session is killed too.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// The result of a statement that was sent.
pub(super) enum Reply {
    Outcome(Outcome, Vec<Warning>),
    /// The session was lost or the statement took too long; the step fails and the case
    /// continues.
    Failed(StepFailure),
}

/// A statement's deadline, and the limit that it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    pub(super) when: Instant,
    pub(super) limit: Duration,
    /// The limit's name, such as `step`.
    pub(super) of: &'static str,
}

impl Until {
    /// A limit that counts from now.
    pub(super) fn after(limit: Duration, of: &'static str) -> Self {
        Until {
            when: Instant::now() + limit,
            limit,
            of,
        }
    }

    /// The earlier of this and a suite's deadline.
    pub(super) fn or_suite(self, deadline: Option<(Instant, Duration)>) -> Self {
        match deadline {
            Some((when, limit)) if when < self.when => Until {
                when,
                limit,
                of: "suite",
            },
            _ => self,
        }
    }
}

/// The sessions of one case, in its database.
pub(super) struct Sessions<'a, S> {
    server: &'a S,
    database: &'a str,
    /// The files on this machine that servers may read.
    folder: &'a LocalFolder,
    open: HashMap<Option<String>, Session>,
    timer: DeadlineTimer,
    traces: Traces,
    /// Servers to which connections of some names lead, if the flavour has any.
    replicas: Option<&'a Replicas>,
}

/// A timer that is set again for each statement. It may fire too early once in a while:
/// resetting it exactly would cost each statement more.
struct DeadlineTimer(Pin<Box<Sleep>>);

impl DeadlineTimer {
    fn new() -> Self {
        DeadlineTimer(Box::pin(tokio::time::sleep(Duration::ZERO)))
    }

    /// Returns at the time `when`.
    async fn wait_until(&mut self, when: Instant) {
        loop {
            if self.0.is_elapsed() || self.0.deadline() > when {
                self.0.as_mut().reset(when);
            }
            self.0.as_mut().await;
            if Instant::now() >= when {
                return;
            }
        }
    }
}

impl<'a, S: Connect> Sessions<'a, S> {
    pub(super) fn new(
        server: &'a S,
        database: &'a str,
        folder: &'a LocalFolder,
        mut first: Session,
    ) -> Self {
        first.allow_local_files(folder.clone());
        let mut traces = Traces::default();
        traces.note_session(&first);
        Sessions {
            server,
            database,
            folder,
            open: HashMap::from([(None, first)]),
            timer: DeadlineTimer::new(),
            traces,
            replicas: None,
        }
    }

    /// The same where some connections lead to replicas.
    pub(super) fn with_replicas(self, replicas: Option<&'a Replicas>) -> Self {
        Sessions { replicas, ..self }
    }

    /// Closes all sessions before another server becomes the source, so that nothing is left
    /// half done on the former one.
    pub(super) async fn close_all(&mut self) {
        let open = std::mem::take(&mut self.open);
        let closing = open.into_values().map(Session::close);
        let _ = timeout(KILL_TIMEOUT, join_all(closing)).await;
        self.traces.forget_sessions();
    }

    /// Forgets the sessions on a replica that is about to stop.
    pub(super) fn forget_replica(&mut self, number: usize) {
        let is_other = |name: &str| number_of(name) != Some(number);
        self.open
            .retain(|name, _| name.as_deref().is_none_or(is_other));
    }

    /// The replica that a connection of this name leads to.
    fn replica(&self, name: &Option<String>) -> Option<&'a Server> {
        self.replicas?.of_connection(name.as_deref())
    }

    /// Sends a statement on the session of that name, and fetches its warnings if they
    /// are `wanted`. A replica is asked when it has caught up. An error says why the case
    /// cannot continue.
    pub(super) async fn send(
        &mut self,
        name: &Option<String>,
        sql: &Sql,
        until: Until,
        wanted: bool,
    ) -> Result<Reply, String> {
        if let Some(replicas) = self.replicas
            && let Some(failure) = replicas.await_connection(name.as_deref(), until).await
        {
            return Ok(Reply::Failed(failure));
        }
        self.traces.note_statement(sql.bytes());
        let mut session = match self.open.remove(name) {
            Some(session) => session,
            None => self
                .connect_as(name)
                .await
                .map_err(|error| error.to_string())?,
        };
        let answered = tokio::select! {
            biased;
            answered = answer(&mut session, sql, wanted) => Some(answered),
            () = self.timer.wait_until(until.when) => None,
        };
        let wrong = match answered {
            Some(Ok((outcome, notices))) => {
                self.open.insert(name.clone(), session);
                return Ok(Reply::Outcome(outcome, notices));
            }
            Some(Err(error @ SessionError::NotSent(_))) => return Err(error.to_string()),
            Some(Err(error)) => StepFailure {
                expected: "an answer".to_owned(),
                found: format!("{error}; the steps after it run in a new session"),
                why: "the server ended the session",
                kind: None,
            },
            None => self.end_statement(name, session.id(), until).await,
        };
        let again = self.connect_as(name).await;
        let again = again.map_err(|next| {
            format!(
                "{}; and no new session could be opened: {next}",
                wrong.found
            )
        })?;
        self.open.insert(name.clone(), again);
        Ok(Reply::Failed(wrong))
    }

    /// Whether a backslash is an ordinary letter on the first session.
    pub(super) fn no_backslash_escapes(&self) -> bool {
        let first = self.open.get(&None);
        first.is_some_and(Session::no_backslash_escapes)
    }

    /// Resets the first session on the server.
    pub(super) async fn reset(&mut self, until: Until) -> Result<(), String> {
        let Some(session) = self.open.get_mut(&None) else {
            return Ok(());
        };
        let reset = timeout_at(until.when, session.reset()).await;
        let reset = reset.map_err(|_| "the server does not answer".to_owned())?;
        reset.map_err(|error| error.to_string())
    }

    /// Replaces the first session by a new one, in the given database or else the current
    /// one.
    pub(super) async fn replace(
        &mut self,
        database: Option<&[u8]>,
        until: Until,
    ) -> Result<(), String> {
        let replaced = async {
            let mut database = database.map(<[u8]>::to_vec);
            if let Some(mut former) = self.open.remove(&None) {
                if database.is_none() {
                    database = former.database().await?;
                }
                former.close().await;
            }
            let database = database.map(|name| String::from_utf8_lossy(&name).into_owned());
            let mut session = self.dial(&None, database.as_deref()).await?;
            session.allow_local_files(self.folder.clone());
            self.traces.note_session(&session);
            self.open.insert(None, session);
            Ok::<(), SessionError>(())
        };
        let replaced = timeout_at(until.when, replaced).await;
        let replaced = replaced.map_err(|_| "the server does not answer".to_owned())?;
        replaced.map_err(|error| error.to_string())
    }

    /// Ends a statement that takes too long, together with its session: a late answer
    /// would be mistaken for that of the next statement.
    async fn end_statement(&self, name: &Option<String>, id: u32, until: Until) -> StepFailure {
        let limit = humantime::format_duration(until.limit);
        if self.server.tenancy() != Tenancy::Owner {
            // Several servers may share an address, so the number may belong to a session
            // of another user. Cleanup ends the sessions in the case's own database.
            return StepFailure {
                expected: format!("an answer within {limit}, the limit of the {}", until.of),
                found: "no answer; its connection was closed, and the steps after it run in a new \
                        session"
                    .to_owned(),
                why: "it took too long",
                kind: None,
            };
        }
        let killed = timeout(KILL_TIMEOUT, async {
            let mut session = self.dial(name, None).await?;
            let outcome = session.run(&format!("KILL {id}")).await?;
            session.close().await;
            Ok::<_, SessionError>(outcome)
        });
        let what_then = match killed.await {
            Ok(Ok(outcome)) => match outcome.refusal() {
                // 1094, unknown thread: the session has just ended.
                Some(refusal) if refusal.code != 1094 => {
                    format!("it could not be killed: {refusal}")
                }
                _ => "it was killed; the steps after it run in a new session".to_owned(),
            },
            Ok(Err(error)) => format!("it could not be killed: {error}"),
            Err(_) => "it could not be killed in time".to_owned(),
        };
        StepFailure {
            expected: format!("an answer within {limit}, the limit of the {}", until.of),
            found: format!("no answer; {what_then}"),
            why: "it took too long",
            kind: None,
        }
    }

    /// Replaces the first session by a new one, as at the beginning of the case.
    pub(super) async fn reopen(&mut self, until: Until) -> Result<(), String> {
        if let Some(former) = self.open.remove(&None) {
            former.close().await;
        }
        let opened = timeout_at(until.when, self.connect_as(&None)).await;
        let opened = opened.map_err(|_| "the server does not answer".to_owned())?;
        self.open
            .insert(None, opened.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// The case's own database, if it has one.
    pub(super) fn own_database(&self) -> Option<&'a str> {
        match self.server.tenancy() {
            Tenancy::Reader => None,
            Tenancy::Owner | Tenancy::Guest => Some(self.database),
        }
    }

    /// A session on the server that a connection of this name leads to.
    async fn dial(
        &self,
        name: &Option<String>,
        database: Option<&str>,
    ) -> Result<Session, SessionError> {
        let promoted = self.replicas.and_then(Replicas::promoted);
        match self.replica(name).or(promoted) {
            Some(server) => server.connect(database).await,
            None => self.server.connect(database).await,
        }
    }

    async fn connect_as(&mut self, name: &Option<String>) -> Result<Session, SessionError> {
        let mut session = self.dial(name, self.own_database()).await?;
        session.allow_local_files(self.folder.clone());
        // Sessions are cleaned up on the source alone, where other numbers are others'.
        if self.replica(name).is_none() {
            self.traces.note_session(&session);
        }
        Ok(session)
    }

    /// Closes all sessions; returns what the case did that may leave something behind.
    pub(super) async fn close(self) -> Traces {
        let closing = self.open.into_values().map(Session::close);
        let _ = timeout(KILL_TIMEOUT, join_all(closing)).await;
        self.traces
    }
}

async fn answer(
    session: &mut Session,
    sql: &Sql,
    wanted: bool,
) -> Result<(Outcome, Vec<Warning>), SessionError> {
    let outcome = session.run(sql).await?;
    let notices = match outcome.warnings() {
        0 => Vec::new(),
        _ if wanted => session.notices().await?,
        _ => Vec::new(),
    };
    Ok((outcome, notices))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_alarm_rings_at_the_time_that_was_set_last() {
        let mut timer = DeadlineTimer::new();
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        for (set, left) in [(5, 1), (60, 2), (3, 2)] {
            // The awaited end comes sooner.
            let waited = tokio::time::timeout_at(at(left), timer.wait_until(at(set))).await;
            assert!(waited.is_err());
        }
        timer.wait_until(at(90)).await;
        assert_eq!(begun.elapsed().as_secs(), 90);
        timer.wait_until(at(91)).await;
        assert_eq!(begun.elapsed().as_secs(), 91);
    }
}
