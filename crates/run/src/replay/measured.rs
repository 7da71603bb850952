//! What one round on one flavour measures.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use dbmatrix_report::event::MissingObject;
use dbmatrix_report::{Latency, ReplayedRound};
use dbmatrix_sql::outcome::SqlError;
use tokio::time::Instant;

use super::feed::LoggedAt;
use super::histogram::Histogram;
use crate::recorder::{missing_object, shortened};

/// Names of missing tables that are kept.
const MOST_MISSING: usize = 1000;

/// Why a statement has no result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ErrorCode {
    /// The server's error, by its number and SQLSTATE.
    Server(u16, String),
    /// None within the limit.
    NoAnswer,
    /// The connection was lost.
    Lost,
    /// The server may only be read from, and reads the statement otherwise.
    NotSent,
}

impl ErrorCode {
    /// The heading of such errors in reports.
    pub(super) fn title(&self) -> String {
        match self {
            ErrorCode::Server(code, state) => format!("ERROR {code} ({state})"),
            ErrorCode::NoAnswer => "no answer".to_owned(),
            ErrorCode::Lost => "connection lost".to_owned(),
            ErrorCode::NotSent => "not sent".to_owned(),
        }
    }
}

/// An error of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: ErrorCode,
    pub(super) message: String,
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Failure {
            code: ErrorCode::Server(error.code, error.state),
            message: error.message,
        }
    }
}

/// The first of the statements with the same error, and their number.
#[derive(Debug, Clone)]
pub(super) struct ErrorSeen {
    pub(super) statements: u64,
    pub(super) place: LoggedAt,
    pub(super) statement: String,
    pub(super) message: String,
}

/// A statement that was answered, or was not.
#[derive(Debug)]
pub(super) struct Answered<'a> {
    pub(super) digest: u32,
    pub(super) place: LoggedAt,
    pub(super) sql: &'a [u8],
    /// How long the answer took.
    pub(super) took: Duration,
    /// How late it was sent after its time; `None` without a pace.
    pub(super) behind: Option<Duration>,
    /// How late dbmatrix itself sent it.
    pub(super) lag: Duration,
    /// The number of rows.
    pub(super) result: Result<u64, Failure>,
}

/// Statements of one form.
#[derive(Debug, Default)]
struct OfDigest {
    statements: u64,
    errors: u64,
    time: Duration,
    times: Histogram,
}

/// What a round measures.
#[derive(Debug)]
pub(super) struct Measured {
    begun: Instant,
    ended: Instant,
    statements: u64,
    errors: u64,
    rows: u64,
    time: Duration,
    times: Histogram,
    lag: Histogram,
    behind: Option<Duration>,
    digests: HashMap<u32, OfDigest>,
    seen: BTreeMap<ErrorCode, ErrorSeen>,
    missing: BTreeMap<String, usize>,
    /// Connections that are open, and the most that were at once.
    open: u64,
    pub(super) open_at_once: u64,
    /// Connections of the log.
    pub(super) connections: u64,
    /// Connections that were closed to make room for others, and opened again.
    pub(super) reopened: u64,
    /// How long statements were held back because too many waited for the server.
    pub(super) held_back: Duration,
    /// How long connections waited for the log to be read.
    pub(super) starved: Duration,
}

/// The figures of a round.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) figures: ReplayedRound,
    pub(super) digests: HashMap<u32, DigestRound>,
    pub(super) errors: BTreeMap<ErrorCode, ErrorSeen>,
    pub(super) missing: Vec<MissingObject>,
}

/// The figures of a form.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DigestRound {
    pub(super) statements: u64,
    pub(super) errors: u64,
    pub(super) time: Duration,
    /// `None` where all were errors.
    pub(super) latency: Option<Latency>,
}

impl Measured {
    /// A round that begins now.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Measured {
            begun: now,
            ended: now,
            statements: 0,
            errors: 0,
            rows: 0,
            time: Duration::ZERO,
            times: Histogram::default(),
            lag: Histogram::default(),
            behind: None,
            digests: HashMap::new(),
            seen: BTreeMap::new(),
            missing: BTreeMap::new(),
            open: 0,
            open_at_once: 0,
            connections: 0,
            reopened: 0,
            held_back: Duration::ZERO,
            starved: Duration::ZERO,
        }
    }

    /// Times of the round count from here.
    pub(super) fn begin(&mut self, at: Instant) {
        (self.begun, self.ended) = (at, at);
    }

    /// Statements that were answered so far.
    pub(super) fn statements(&self) -> u64 {
        self.statements
    }

    pub(super) fn note_open(&mut self) {
        self.open += 1;
        self.open_at_once = self.open_at_once.max(self.open);
    }

    pub(super) fn note_closed(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    /// Adds a statement.
    pub(super) fn add(&mut self, answered: Answered<'_>) {
        let Answered { digest, took, .. } = answered;
        self.ended = Instant::now();
        self.statements += 1;
        self.time += took;
        self.lag.add(answered.lag);
        self.behind = self.behind.max(answered.behind);
        let of_digest = self.digests.entry(digest).or_default();
        of_digest.statements += 1;
        of_digest.time += took;
        match answered.result {
            Ok(rows) => {
                self.rows += rows;
                self.times.add(took);
                of_digest.times.add(took);
            }
            Err(failure) => {
                self.errors += 1;
                of_digest.errors += 1;
                self.note_failure(failure, answered.place, answered.sql);
            }
        }
    }

    fn note_failure(&mut self, failure: Failure, place: LoggedAt, sql: &[u8]) {
        let Failure { code, message } = failure;
        if let ErrorCode::Server(code, state) = &code {
            let error = SqlError {
                code: *code,
                state: state.clone(),
                message: message.clone(),
            };
            if let Some(name) = missing_object(&error)
                && (self.missing.len() < MOST_MISSING || self.missing.contains_key(name))
            {
                *self.missing.entry(name.to_owned()).or_default() += 1;
            }
        }
        let seen = self.seen.entry(code).or_insert_with(|| ErrorSeen {
            statements: 0,
            place,
            statement: shortened(&String::from_utf8_lossy(sql)),
            message,
        });
        seen.statements += 1;
    }

    /// The figures; `complete` if the round has ended.
    pub(super) fn round(&self, complete: bool) -> Round {
        let digests = self.digests.iter().map(|(number, of_digest)| {
            let figures = DigestRound {
                statements: of_digest.statements,
                errors: of_digest.errors,
                time: of_digest.time,
                latency: (!of_digest.times.is_empty()).then(|| latency(&of_digest.times)),
            };
            (*number, figures)
        });
        let missing = self.missing.iter().map(|(name, statements)| MissingObject {
            name: name.clone(),
            statements: *statements,
        });
        Round {
            figures: ReplayedRound {
                complete,
                statements: self.statements,
                errors: self.errors,
                rows: self.rows,
                took: self.ended.duration_since(self.begun),
                time: self.time,
                latency: latency(&self.times),
                behind: self.behind,
                client_lag: self.lag.quantile(990),
            },
            digests: digests.collect(),
            errors: self.seen.clone(),
            missing: missing.collect(),
        }
    }
}

fn latency(times: &Histogram) -> Latency {
    Latency {
        p50: times.quantile(500),
        p95: times.quantile(950),
        p99: times.quantile(990),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(digest: u32, millis: u64, result: Result<u64, Failure>) -> Answered<'static> {
        Answered {
            digest,
            place: LoggedAt {
                log: 0,
                place: dbmatrix_workload::Place::Line(7),
            },
            sql: b"SELECT a FROM gone",
            took: Duration::from_millis(millis),
            behind: Some(Duration::from_millis(millis)),
            lag: Duration::ZERO,
            result,
        }
    }

    fn missing(name: &str) -> Failure {
        Failure::from(SqlError {
            code: 1146,
            state: "42S02".to_owned(),
            message: format!("Table '{name}' doesn't exist"),
        })
    }

    #[test]
    fn errors_count_apart_from_times() {
        let mut measured = Measured::new();
        measured.add(answered(1, 10, Ok(3)));
        measured.add(answered(1, 500, Err(missing("shop.gone"))));
        measured.add(answered(2, 1, Err(missing("shop.gone"))));
        let round = measured.round(true);
        let figures = &round.figures;
        assert_eq!(
            (figures.statements, figures.errors, figures.rows),
            (3, 2, 3)
        );
        assert_eq!(figures.latency.p99.as_millis(), 10);
        assert_eq!(figures.behind, Some(Duration::from_millis(500)));
        assert_eq!(round.digests[&1].errors, 1);
        assert_eq!(round.digests[&2].latency, None);
        assert_eq!(
            (round.missing[0].name.as_str(), round.missing[0].statements),
            ("shop.gone", 2)
        );
        let (code, seen) = round.errors.first_key_value().expect("an error");
        assert_eq!(
            (code.title().as_str(), seen.statements),
            ("ERROR 1146 (42S02)", 2)
        );
        assert_eq!(seen.statement, "SELECT a FROM gone");
    }

    #[test]
    fn the_most_connections_at_once_are_known() {
        let mut measured = Measured::new();
        measured.note_open();
        measured.note_open();
        measured.note_closed();
        measured.note_open();
        assert_eq!(measured.open_at_once, 2);
    }
}
