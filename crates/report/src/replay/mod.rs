//! What a replay of a log under load measured, as plain data that is written as a table or
//! as JSON. Knows neither how it was measured nor the servers.

mod ratio;
mod table;

use std::time::Duration;

use serde::Serialize;

use crate::event::MissingObject;
use crate::event::seconds;

pub use ratio::Ratio;

/// The version of a replay in JSON. Increased when existing data would be read differently;
/// additions do not increase it.
pub const REPLAY_SCHEMA: u32 = 1;

/// What a replay measured. Times are seconds in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayReport {
    /// [`REPLAY_SCHEMA`].
    pub schema: u32,
    /// The log, by its path.
    pub log: String,
    /// How many times as fast as in the log; `None` is as fast as possible.
    pub speed: Option<f64>,
    /// Rounds that were asked for.
    pub rounds: usize,
    /// Whether all flavours ran all rounds to their ends.
    pub complete: bool,
    /// Statements that a round sends.
    pub statements: u64,
    /// The log's connections that sent them.
    pub connections: u64,
    /// Those that were open at once.
    pub connections_at_once: u64,
    /// The log's time from the first to the last of them, without long pauses; `None` if
    /// the log has no times.
    #[serde(serialize_with = "optional_seconds")]
    pub log_time: Option<Duration>,
    /// Human-readable reasons why others were not sent, with their number.
    pub left_out: Vec<(u64, String)>,
    /// What a reader of the figures should know.
    pub notes: Vec<String>,
    /// The flavour that the others are compared with.
    pub baseline: Option<String>,
    /// The flavours, in the order of the matrix.
    pub flavours: Vec<ReplayedFlavour>,
    /// The forms of statements; those with the most time first.
    pub digests: Vec<ReplayedDigest>,
}

/// A flavour's part of a replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayedFlavour {
    /// Its name.
    pub name: String,
    /// Its server's version.
    pub version: String,
    /// Its rounds, without the one that warms up.
    pub rounds: Vec<ReplayedRound>,
    /// Its time for all statements against that of the baseline.
    pub ratio: Option<Ratio>,
    /// Why it was not measured to the end.
    pub aborted: Option<String>,
    /// Errors of all rounds, by code.
    pub errors: Vec<ReplayedError>,
    /// Tables and databases that statements need and the server does not have; statements
    /// of the round with most.
    pub missing: Vec<MissingObject>,
}

/// One round on one flavour.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayedRound {
    /// Whether it ran to its end. Only such rounds count for ratios.
    pub complete: bool,
    /// Statements that were answered, errors included.
    pub statements: u64,
    /// Those whose answer was an error, or that had none.
    pub errors: u64,
    /// Rows of all answers.
    pub rows: u64,
    /// From the first statement to the last answer.
    #[serde(serialize_with = "seconds::serialize")]
    pub took: Duration,
    /// The time of all statements together.
    #[serde(serialize_with = "seconds::serialize")]
    pub time: Duration,
    /// The times of statements.
    #[serde(flatten)]
    pub latency: Latency,
    /// How late after its time in the log the latest statement was sent; `None` without a
    /// pace.
    #[serde(serialize_with = "optional_seconds")]
    pub behind: Option<Duration>,
    /// How late dbmatrix itself sent 99 % of the statements at most.
    #[serde(serialize_with = "seconds::serialize")]
    pub client_lag: Duration,
}

/// The times within which 50, 95 and 99 of 100 statements were answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Half of them.
    #[serde(serialize_with = "seconds::serialize")]
    pub p50: Duration,
    /// 95 of 100.
    #[serde(serialize_with = "seconds::serialize")]
    pub p95: Duration,
    /// 99 of 100.
    #[serde(serialize_with = "seconds::serialize")]
    pub p99: Duration,
}

/// Statements with the same error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayedError {
    /// Such as `ERROR 1064 (42000)`, or `no answer`.
    pub title: String,
    /// Statements of all rounds.
    pub statements: u64,
    /// The place of the first one in the log, such as `slow.log:12`.
    pub place: String,
    /// Its text.
    pub statement: String,
    /// The message.
    pub message: String,
}

/// Statements of one form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayedDigest {
    /// The form; `None` stands for all forms beyond a limit.
    pub digest: Option<String>,
    /// On each flavour that answered some.
    pub flavours: Vec<ReplayedDigestOn>,
}

/// Statements of one form on one flavour.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayedDigestOn {
    /// The flavour.
    pub flavour: String,
    /// Statements in a round.
    pub statements: u64,
    /// Errors of all rounds.
    pub errors: u64,
    /// The medians over the rounds.
    #[serde(flatten)]
    pub latency: Latency,
    /// Its median times against those of the baseline.
    pub ratio: Option<Ratio>,
}

impl ReplayReport {
    /// The report as JSON, on one line.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers, which JSON has")
    }
}

impl ReplayedFlavour {
    /// The rounds that count: the complete ones, or else what there is.
    fn counted(&self) -> Vec<&ReplayedRound> {
        let complete: Vec<_> = self.rounds.iter().filter(|round| round.complete).collect();
        match complete.is_empty() {
            true => self.rounds.iter().collect(),
            false => complete,
        }
    }
}

impl Latency {
    /// The medians of several.
    pub fn median(all: &[Latency]) -> Self {
        let median = |of: fn(&Latency) -> Duration| {
            let seconds: Vec<f64> = all.iter().map(|one| of(one).as_secs_f64()).collect();
            Duration::from_secs_f64(ratio::median(&seconds).unwrap_or(0.0))
        };
        Latency {
            p50: median(|one| one.p50),
            p95: median(|one| one.p95),
            p99: median(|one| one.p99),
        }
    }
}

fn optional_seconds<S: serde::Serializer>(
    time: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => seconds::serialize(time, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
