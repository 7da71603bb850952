//! Reads a log as commands for connections, each with its time, in memory that does not
//! grow with the log.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dbmatrix_flavours::matrix::Writes;
use dbmatrix_workload::{Command, Entry, Log, LogError, Moment, Place, SampleOptions, Timestamp};
use tokio::sync::mpsc;

use super::digests::Digests;
use super::schedule::{Schedule, Stamp, WINDOW};
use super::select::{Fate, LeftOut, Reason, fate_of};

/// Commands that are passed on at once.
const BATCH: usize = 64;
/// Batches that may wait.
const BATCHES: usize = 64;
/// Entries between two looks whether somebody still listens.
const LOOK: u64 = 4096;
/// Memory of a command besides its text.
const OVERHEAD: usize = 128;
/// Names of databases that are shared.
const MOST_DATABASES: usize = 10_000;
/// What a log without connections has for each statement.
const ONLY_CONNECTION: u64 = 0;

/// What is sent of a log.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The oldest first.
    pub(super) logs: Vec<TimedLog>,
    pub(super) selection: SampleOptions,
    pub(super) writes: Writes,
    /// No command that begins later after the first one.
    pub(super) limit: Option<Duration>,
    /// No more statements.
    pub(super) statements: Option<u64>,
}

/// A command for a connection.
#[derive(Debug, PartialEq)]
pub(super) enum Sending {
    Statement(Statement),
    /// The connection ends.
    Quit(u64),
}

/// A statement to send.
#[derive(Debug, PartialEq)]
pub(super) struct Statement {
    pub(super) connection: u64,
    /// Since the first one.
    pub(super) at: Duration,
    pub(super) database: Option<Arc<str>>,
    pub(super) sql: Box<[u8]>,
    pub(super) digest: u32,
    pub(super) place: LoggedAt,
    /// In a transaction that is rolled back.
    pub(super) is_rolled_back: bool,
}

/// Where a statement is in the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LoggedAt {
    /// The log, by its place in [`Source::logs`].
    pub(super) log: usize,
    pub(super) place: Place,
}

impl LoggedAt {
    /// Such as `slow.log:14`.
    pub(super) fn shown(self, logs: &[TimedLog]) -> String {
        let log = logs.get(self.log).map(|(path, _)| path.display());
        format!(
            "{}:{}",
            log.map_or_else(String::new, |log| log.to_string()),
            self.place
        )
    }
}

/// What was read of a log.
#[derive(Debug, Clone, Default)]
pub(super) struct Fed {
    pub(super) statements: u64,
    pub(super) left_out: LeftOut,
    /// What the log has besides statements, if it was read to its end.
    pub(super) others: Vec<(u64, &'static str)>,
    /// When the last statement begins.
    pub(super) log_time: Duration,
    /// Pauses that were cut.
    pub(super) cut: Duration,
    pub(super) warnings: Vec<(LoggedAt, String)>,
}

/// A log, and when it begins, if it says so.
pub(super) type TimedLog = (PathBuf, Option<Timestamp>);

/// Reads a log in a thread of its own, which ends when the receiver is dropped.
pub(super) fn feed(
    source: &Arc<Source>,
    digests: &Arc<Mutex<Digests>>,
) -> (
    mpsc::Receiver<Vec<Sending>>,
    tokio::task::JoinHandle<Result<Fed, LogError>>,
) {
    let (sender, receiver) = mpsc::channel(BATCHES);
    let (source, digests) = (Arc::clone(source), Arc::clone(digests));
    let reading = tokio::task::spawn_blocking(move || {
        read(&source, &digests, |batch| match batch {
            Some(batch) => sender.blocking_send(batch).is_ok(),
            None => !sender.is_closed(),
        })
    });
    (receiver, reading)
}

/// Reads a log to its end or to a limit, or until `pass` returns false. It is called with
/// each batch, and now and then with nothing.
fn read(
    source: &Source,
    digests: &Mutex<Digests>,
    mut pass: impl FnMut(Option<Vec<Sending>>) -> bool,
) -> Result<Fed, LogError> {
    let mut reading = Reading {
        source,
        log: 0,
        digests,
        databases: HashMap::new(),
        schedule: Schedule::new(),
        batch: Vec::new(),
        fed: Fed::default(),
        is_at_limit: false,
    };
    let mut others = dbmatrix_workload::LeftOut::default();
    let (mut entries, mut goes_on) = (0_u64, true);
    for (at, (path, _)) in source.logs.iter().enumerate() {
        let mut log = Log::open(path)?;
        reading.log = at;
        while goes_on && let Some(command) = log.next_command()? {
            entries += 1;
            source.refuse_overlap(at, &command)?;
            reading.take(command);
            goes_on = reading.release(&mut pass) && (!entries.is_multiple_of(LOOK) || pass(None));
        }
        others.add(log.left_out());
        let warnings = log.warnings().iter();
        reading.fed.warnings.extend(warnings.map(|warning| {
            let place = warning.place;
            (LoggedAt { log: at, place }, warning.message.clone())
        }));
        if !goes_on {
            break;
        }
    }
    if goes_on {
        reading.schedule.end();
        reading.release(&mut pass);
    }
    let Reading {
        schedule,
        batch,
        mut fed,
        is_at_limit,
        ..
    } = reading;
    if !batch.is_empty() {
        pass(Some(batch));
    }
    if !is_at_limit {
        fed.others = others.described();
    }
    fed.cut = schedule.cut();
    Ok(fed)
}

impl Source {
    /// Refuses logs of the same time: nothing says which of their statements come first, nor
    /// which of their connections are the same.
    fn refuse_overlap(&self, at: usize, command: &Command<'_>) -> Result<(), LogError> {
        let Some((next, Some(begins))) = self.logs.get(at + 1) else {
            return Ok(());
        };
        let Command::Statement(entry) = command else {
            return Ok(());
        };
        let logged = entry.moment.map(|moment| moment.time().as_micros());
        if logged.is_none_or(|logged| logged - begins.as_micros() <= WINDOW) {
            return Ok(());
        }
        Err(LogError::At {
            path: self.logs[at].0.clone(),
            place: entry.place,
            message: format!(
                "expected logs that follow one another; found a statement that was logged after `{}` \
                 begins; replay the logs one at a time",
                next.display()
            ),
        })
    }
}

/// A log that is read.
struct Reading<'a> {
    source: &'a Source,
    /// The one that is read.
    log: usize,
    digests: &'a Mutex<Digests>,
    databases: HashMap<String, Arc<str>>,
    schedule: Schedule<Scheduled>,
    batch: Vec<Sending>,
    fed: Fed,
    is_at_limit: bool,
}

enum Scheduled {
    Sending(Sending),
    LeftOut(Reason),
}

impl Reading<'_> {
    fn take(&mut self, command: Command<'_>) {
        let entry = match command {
            Command::Statement(entry) => entry,
            Command::Quit { connection, moment } => {
                let stamp = stamp(moment, None, Some(connection), 0);
                let quit = Scheduled::Sending(Sending::Quit(connection));
                return self.schedule.push(stamp, quit);
            }
        };
        let is_rolled_back = match fate_of(&entry, &self.source.selection, self.source.writes) {
            Fate::Sent => false,
            Fate::RolledBack => true,
            Fate::LeftOut(reason) => {
                let stamp = stamp(entry.moment, entry.duration, entry.connection, 0);
                return self.schedule.push(stamp, Scheduled::LeftOut(reason));
            }
        };
        let length = entry.statement.len();
        let stamp = stamp(entry.moment, entry.duration, entry.connection, length);
        let statement = Statement {
            connection: stamp.connection,
            at: Duration::ZERO,
            database: self.database(&entry),
            digest: {
                let digests = self.digests.lock();
                let mut digests = digests.unwrap_or_else(PoisonError::into_inner);
                digests.number(&entry.statement)
            },
            place: LoggedAt {
                log: self.log,
                place: entry.place,
            },
            sql: entry.statement.into_owned().into_boxed_slice(),
            is_rolled_back,
        };
        let statement = Scheduled::Sending(Sending::Statement(statement));
        self.schedule.push(stamp, statement);
    }

    fn database(&mut self, entry: &Entry<'_>) -> Option<Arc<str>> {
        let name = entry.database.as_deref()?;
        if let Some(shared) = self.databases.get(name) {
            return Some(Arc::clone(shared));
        }
        let shared: Arc<str> = name.into();
        if self.databases.len() < MOST_DATABASES {
            self.databases.insert(name.to_owned(), Arc::clone(&shared));
        }
        Some(shared)
    }

    /// Passes on what nothing can precede any more; false if nothing more is wanted.
    fn release(&mut self, pass: &mut impl FnMut(Option<Vec<Sending>>) -> bool) -> bool {
        while let Some((at, scheduled)) = self.schedule.next() {
            let is_late = self.source.limit.is_some_and(|limit| at > limit);
            let is_enough = self.source.statements == Some(self.fed.statements);
            if is_late || is_enough {
                self.is_at_limit = true;
                return false;
            }
            let sending = match scheduled {
                Scheduled::LeftOut(reason) => {
                    self.fed.left_out.count(reason);
                    continue;
                }
                Scheduled::Sending(Sending::Statement(statement)) => {
                    self.fed.statements += 1;
                    self.fed.log_time = at;
                    Sending::Statement(Statement { at, ..statement })
                }
                Scheduled::Sending(quit) => quit,
            };
            self.batch.push(sending);
            if self.batch.len() >= BATCH && !pass(Some(std::mem::take(&mut self.batch))) {
                return false;
            }
        }
        true
    }
}

fn stamp(
    moment: Option<Moment>,
    duration: Option<Duration>,
    connection: Option<u64>,
    length: usize,
) -> Stamp {
    Stamp {
        moment,
        duration,
        connection: connection.unwrap_or(ONLY_CONNECTION),
        bytes: length + OVERHEAD,
    }
}

#[cfg(test)]
mod tests;
