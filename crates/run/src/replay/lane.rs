//! One connection of a log: sends its statements in their order, each at its time or when
//! the one before it has ended.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dbmatrix_sql::session::{Connect, Session, SessionError, Tenancy};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout};

use super::feed::Statement;
use super::measured::{Answered, ErrorCode, Failure, Measured};

/// How long a statement may take, as by default in suites.
const STATEMENT_LIMIT: Duration = Duration::from_secs(600);
/// How long a farewell or `KILL` may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// When statements are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// When the first one is sent.
    pub(super) begun: Instant,
    /// How many times as fast as in the log; `None` is as fast as possible.
    pub(super) speed: Option<f64>,
}

impl Pace {
    /// When a statement is due that begins so long after the first one.
    pub(super) fn due(&self, at: Duration) -> Option<Instant> {
        let speed = self.speed?;
        let wait = Duration::try_from_secs_f64(at.as_secs_f64() / speed);
        self.begun.checked_add(wait.unwrap_or(Duration::MAX))
    }
}

/// A statement that waits for its connection.
pub(super) struct Queued {
    pub(super) statement: Statement,
    /// Until when it was held back because too many waited.
    pub(super) held_until: Option<Instant>,
    pub(super) room: OwnedSemaphorePermit,
}

/// One connection.
pub(super) struct Lane<S> {
    server: S,
    pace: Pace,
    measured: Arc<Mutex<Measured>>,
    session: Option<Session>,
    /// The current database; `None` if it is unknown.
    database: Option<Arc<str>>,
    /// When the statement before had ended.
    freed: Instant,
}

pub(super) fn lock(measured: &Mutex<Measured>) -> MutexGuard<'_, Measured> {
    measured.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Connect> Lane<S> {
    pub(super) fn new(server: S, pace: Pace, measured: &Arc<Mutex<Measured>>) -> Self {
        Lane {
            server,
            pace,
            measured: Arc::clone(measured),
            session: None,
            database: None,
            freed: Instant::now(),
        }
    }

    /// Sends all statements of a queue, then leaves. `waiting` is the number of those that
    /// are not answered; `changed` hears of each answer.
    ///
    /// # Errors
    /// Why the server cannot be reached.
    pub(super) async fn run(
        mut self,
        mut queue: UnboundedReceiver<Queued>,
        waiting: Arc<AtomicUsize>,
        changed: Arc<Notify>,
    ) -> Result<(), String> {
        let mut ended = Ok(());
        while let Some(queued) = queue.recv().await {
            ended = self.send(queued).await;
            waiting.fetch_sub(1, Ordering::Relaxed);
            changed.notify_one();
            if ended.is_err() {
                break;
            }
        }
        if let Some(session) = self.session.take() {
            let _ = timeout(PATIENCE, session.close()).await;
            lock(&self.measured).note_closed();
        }
        changed.notify_one();
        ended
    }

    async fn send(&mut self, queued: Queued) -> Result<(), String> {
        let received = Instant::now();
        let Queued {
            statement,
            held_until,
            room,
        } = queued;
        let mut session = match self.session.take() {
            Some(session) => session,
            None => {
                let opened = self.server.connect(None).await;
                let session = opened.map_err(|error| error.to_string())?;
                lock(&self.measured).note_open();
                session
            }
        };
        let prepared = self.prepare(&mut session, &statement).await;
        let ready = Instant::now();
        let due = self.pace.due(statement.at);
        let (result, sent) = match prepared {
            Err(failure) => (Err(failure), ready),
            Ok(()) => {
                if let Some(due) = due {
                    sleep_until(due).await;
                }
                let sent = Instant::now();
                (run(&mut session, &statement.sql).await, sent)
            }
        };
        let took = sent.elapsed();
        // The connection that waited for this statement, or the statement for its time.
        let expected = [due, held_until]
            .into_iter()
            .flatten()
            .fold(self.freed, Instant::max);
        let late = due.map_or(Duration::ZERO, |_| {
            received.saturating_duration_since(expected)
        });
        let expected = due.map_or(ready, |due| ready.max(due));
        let lag = late + sent.saturating_duration_since(expected);
        let is_lost = result
            .as_ref()
            .is_err_and(|failure| matches!(failure.code, ErrorCode::Lost | ErrorCode::NoAnswer));
        lock(&self.measured).add(Answered {
            digest: statement.digest,
            place: statement.place,
            sql: &statement.sql,
            took,
            behind: due.map(|due| sent.saturating_duration_since(due)),
            lag,
            result,
        });
        drop(room);
        if is_lost {
            self.give_up(session).await;
        } else {
            self.keep(session, &statement).await;
        }
        self.freed = Instant::now();
        Ok(())
    }

    /// Does what precedes a statement and is not measured.
    async fn prepare(
        &mut self,
        session: &mut Session,
        statement: &Statement,
    ) -> Result<(), Failure> {
        if let Some(name) = &statement.database
            && self.database.as_ref() != Some(name)
        {
            self.database = None;
            run(
                session,
                format!("USE `{}`", name.replace('`', "``")).as_bytes(),
            )
            .await?;
            self.database = Some(Arc::clone(name));
        }
        if statement.is_rolled_back {
            run(session, b"START TRANSACTION").await?;
        }
        Ok(())
    }

    /// Keeps a session for the next statement, in the state that this one found.
    async fn keep(&mut self, mut session: Session, statement: &Statement) {
        if statement.is_rolled_back && run(&mut session, b"ROLLBACK").await.is_err() {
            return self.give_up(session).await;
        }
        let word = statement.sql.get(..4).unwrap_or_default();
        if word.eq_ignore_ascii_case(b"use ") {
            self.database = None;
        }
        self.session = Some(session);
    }

    /// Ends a session whose answer nobody waits for any more.
    async fn give_up(&mut self, session: Session) {
        self.database = None;
        lock(&self.measured).note_closed();
        let id = session.id();
        drop(session);
        // Elsewhere the number may belong to a session of somebody else.
        if self.server.tenancy() == Tenancy::Owner {
            let _ = timeout(PATIENCE, async {
                let mut other = self.server.connect(None).await?;
                other.run(format!("KILL {id}")).await?;
                other.close().await;
                Ok::<(), SessionError>(())
            })
            .await;
        }
    }
}

/// Runs a statement; returns the number of its rows.
async fn run(session: &mut Session, sql: &[u8]) -> Result<u64, Failure> {
    let answered = timeout(STATEMENT_LIMIT, session.run_and_discard(sql)).await;
    let (code, message) = match answered {
        Ok(Ok(Ok(rows))) => return Ok(rows),
        Ok(Ok(Err(error))) => return Err(error.into()),
        Ok(Err(error @ SessionError::NotSent(_))) => (ErrorCode::NotSent, error.to_string()),
        Ok(Err(error)) => (ErrorCode::Lost, error.to_string()),
        Err(_) => {
            let limit = humantime::format_duration(STATEMENT_LIMIT);
            (
                ErrorCode::NoAnswer,
                format!("the server did not answer within {limit}"),
            )
        }
    };
    Err(Failure { code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_statement_is_due_by_the_speed() {
        let begun = Instant::now();
        let due = |speed| {
            let pace = Pace { begun, speed };
            let due = pace.due(Duration::from_secs(8))?;
            Some(due.duration_since(begun).as_secs())
        };
        assert_eq!(due(Some(1.0)), Some(8));
        assert_eq!(due(Some(4.0)), Some(2));
        assert_eq!(due(Some(0.5)), Some(16));
        assert_eq!(due(None), None);
    }
}
