//! Reads a log as commands for connections, each with its time, in memory that does not
//! grow with the log.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dbmatrix_flavours::matrix::Writes;
use dbmatrix_workload::{
    Command, Entry, Format, Log, LogError, Moment, Place, SampleOptions, Warning,
};
use tokio::sync::mpsc;

use super::digests::Digests;
use super::schedule::{Schedule, Stamp};
use super::select::{Fate, LeftOut, Reason, fate_of};

/// Commands that are passed on at once.
const BATCH: usize = 64;
/// Batches that may wait.
const BATCHES: usize = 64;
/// Entries between two looks whether somebody still listens.
const LOOK: u64 = 4096;
/// Memory of a command besides its text.
const OVERHEAD: usize = 128;
/// Entries that show what a log has.
const SHOWING: u64 = 1000;
/// Names of databases that are shared.
const MOST_DATABASES: usize = 10_000;
/// What a log without connections has for each statement.
const ONLY_CONNECTION: u64 = 0;

/// What is sent of a log.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) log: PathBuf,
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
    pub(super) place: Place,
    /// In a transaction that is rolled back.
    pub(super) is_rolled_back: bool,
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
    pub(super) warnings: Vec<Warning>,
}

/// What a log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    /// Its statements have times.
    pub has_times: bool,
    /// Its statements have connections.
    pub has_connections: bool,
}

/// Looks at the beginning of a log, and further to the first statement that would be sent.
///
/// # Errors
/// A human-readable reason why there is nothing to send.
pub fn inspect_log(
    log: &Path,
    selection: &SampleOptions,
    writes: Writes,
) -> Result<Inspected, String> {
    let text = |error: LogError| error.to_string();
    let mut read = Log::open(log).map_err(text)?;
    if read.format() == Format::Digests {
        return Err(format!(
            "`{}` is a table of digests, which says neither when nor in which order statements were \
             sent; a slow log, a general log or a capture does",
            log.display()
        ));
    }
    let mut found = Inspected {
        has_times: false,
        has_connections: false,
    };
    let mut left_out = LeftOut::default();
    let (mut entries, mut is_sent) = (0, false);
    while entries < SHOWING || !is_sent {
        let Some(entry) = read.next_entry().map_err(text)? else {
            break;
        };
        entries += 1;
        found.has_times |= entry.moment.is_some();
        found.has_connections |= entry.connection.is_some();
        match fate_of(&entry, selection, writes) {
            Fate::Sent | Fate::RolledBack => is_sent = true,
            Fate::LeftOut(reason) => left_out.count(reason),
        }
    }
    if is_sent {
        return Ok(found);
    }
    let mut why = format!("no statement of `{}` would be sent", log.display());
    for (number, reason) in left_out.described(writes) {
        why.push_str(&format!("\n    {number} left out: {reason}"));
    }
    for (number, reason) in read.left_out().described() {
        why.push_str(&format!("\n    {number} left out: {reason}"));
    }
    Err(why)
}

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
    let mut log = Log::open(&source.log)?;
    let mut reading = Reading {
        source,
        digests,
        databases: HashMap::new(),
        schedule: Schedule::new(),
        batch: Vec::new(),
        fed: Fed::default(),
        is_at_limit: false,
    };
    let (mut entries, mut is_at_end) = (0_u64, false);
    while !is_at_end {
        entries += 1;
        match log.next_command()? {
            Some(command) => reading.take(command),
            None => {
                reading.schedule.end();
                is_at_end = true;
            }
        }
        let goes_on = reading.release(&mut pass) && (!entries.is_multiple_of(LOOK) || pass(None));
        if !goes_on {
            break;
        }
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
        fed.others = log.left_out().described();
    }
    fed.cut = schedule.cut();
    fed.warnings = log.warnings().to_vec();
    Ok(fed)
}

/// A log that is read.
struct Reading<'a> {
    source: &'a Source,
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
            place: entry.place,
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
mod tests {
    use super::*;

    const LOG: &str = "\
# Time: 2026-11-27T20:00:01.500000Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.500000  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: 1
use shop;
SET timestamp=1795809601;
SELECT a FROM t WHERE b = 1;
# Time: 2026-11-27T20:00:02.000001Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 41
# Query_time: 1.500001  Lock_time: 0.000001 Rows_sent: 0  Rows_examined: 1
SET timestamp=1795809602;
SELECT SLEEP(1.5);
# Time: 2026-11-27T20:00:03.250000Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.000001  Lock_time: 0.000001 Rows_sent: 0  Rows_examined: 1
SET timestamp=1795809603;
DELETE FROM t;
# Time: 2026-11-27T20:00:03.500000Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.000000  Lock_time: 0.000000 Rows_sent: 0  Rows_examined: 0
SET timestamp=1795809603;
# administrator command: Quit;
# Time: 2026-11-27T20:00:04.500000Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.000000  Lock_time: 0.000000 Rows_sent: 0  Rows_examined: 0
SET timestamp=1795809604;
SELECT b FROM t;
";

    fn source(folder: &tempfile::TempDir, text: &str) -> Source {
        let log = folder.path().join("slow.log");
        std::fs::write(&log, text).expect("a file");
        Source {
            log,
            selection: SampleOptions::default(),
            writes: Writes::Skip,
            limit: None,
            statements: None,
        }
    }

    fn sent(source: &Source) -> (Vec<String>, Fed) {
        let digests = Mutex::default();
        let mut all = Vec::new();
        let fed = read(source, &digests, |batch| {
            all.extend(batch.unwrap_or_default());
            true
        });
        let shown = all.into_iter().map(|sending| match sending {
            Sending::Quit(connection) => format!("{connection} quits"),
            Sending::Statement(one) => format!(
                "{} at {:?} in {}: {}",
                one.connection,
                one.at,
                one.database.as_deref().unwrap_or("-"),
                String::from_utf8_lossy(&one.sql)
            ),
        });
        (shown.collect(), fed.expect("a log"))
    }

    #[test]
    fn statements_have_their_connections_and_times() {
        let folder = tempfile::tempdir().expect("a folder");
        let (sent, fed) = sent(&source(&folder, LOG));
        assert_eq!(
            sent,
            [
                "41 at 0ns in shop: SELECT SLEEP(1.5)",
                "40 at 500ms in shop: SELECT a FROM t WHERE b = 1",
                "40 quits",
                "40 at 4s in shop: SELECT b FROM t",
            ]
        );
        assert_eq!((fed.statements, fed.log_time), (3, Duration::from_secs(4)));
        let left_out = fed.left_out.described(Writes::Skip);
        assert_eq!(left_out.len(), 1);
        assert_eq!((left_out[0].0, fed.others.len()), (1, 1));
    }

    #[test]
    fn a_limit_is_one_of_the_logs_time_or_of_statements() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut source = source(&folder, LOG);
        source.limit = Some(Duration::from_secs(1));
        assert_eq!(sent(&source).1.statements, 2);
        source.limit = None;
        source.statements = Some(1);
        let (sent, fed) = sent(&source);
        assert_eq!(sent, ["41 at 0ns in shop: SELECT SLEEP(1.5)"]);
        // What follows was not looked at.
        assert_eq!((fed.left_out, fed.others), (LeftOut::default(), Vec::new()));
    }

    #[test]
    fn reading_ends_when_nobody_listens() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "SELECT 1;\n".repeat(100 * BATCH);
        let source = source(&folder, &text);
        let mut batches = 0;
        let fed = read(&source, &Mutex::default(), |_| {
            batches += 1;
            batches < 3
        });
        assert_eq!(batches, 3);
        assert_eq!(fed.expect("a log").statements, 3 * BATCH as u64);
    }

    #[test]
    fn a_log_says_what_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let inspect = |text: &str| {
            let Source {
                log,
                selection,
                writes,
                ..
            } = source(&folder, text);
            inspect_log(&log, &selection, writes)
        };
        let both = |has| Inspected {
            has_times: has,
            has_connections: has,
        };
        assert_eq!(inspect(LOG), Ok(both(true)));
        assert_eq!(inspect("SELECT 1;\n"), Ok(both(false)));
        let why = inspect("DELETE FROM t;\n").expect_err("it writes");
        assert!(
            why.contains("1 left out: statements that are not known to read"),
            "{why}"
        );
        let digests = "DIGEST_TEXT,COUNT_STAR,SUM_TIMER_WAIT\nSELECT ?,5,100\n";
        let why = inspect(digests).expect_err("no statements");
        assert!(why.contains("is a table of digests"), "{why}");
    }
}
