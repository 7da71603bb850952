//! How a case ended on one flavour.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use dbmatrix_sql::compare::Kind;
use dbmatrix_sql::suite::Reason;

use super::sampled::MissingObject;

/// How a case ended on one flavour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseResult {
    /// Steps that met their expectations.
    pub passed: usize,
    /// Steps that did not.
    pub failed: usize,
    /// Failed steps with a known reason.
    pub known: usize,
    /// Steps whose conditions did not hold.
    pub skipped: usize,
    /// The first failures, including known ones.
    pub failures: Vec<Failure>,
    /// Number of tries before this result; a suite may allow retries.
    pub retries: u32,
    /// The failures of the previous tries.
    pub flaky: Vec<Failure>,
    /// Why it was skipped, if it says so itself.
    pub note: Option<String>,
    /// Whether its flavour does not allow it, so that nothing of it was sent; `note`
    /// gives the reason.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forbidden: bool,
    /// The file with the whole output of a command.
    pub log: Option<PathBuf>,
    /// How a command ended by itself; after a signal 128 and its number, as shells count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<i32>,
    /// Its duration.
    #[serde(with = "super::in_files::seconds")]
    pub took: Duration,
    /// Why the case ended before its last step.
    pub aborted: Option<String>,
    /// Whether it was cut short because the run ends at its first failure.
    pub cut: bool,
    /// What it left on the server, and how that was cleaned up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Tables and databases that statements of a log need and the server does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingObject>,
    /// Its index among the flavour's cases, by which reports are sorted: several cases
    /// run at a time.
    #[serde(default)]
    pub place: usize,
}

impl CaseResult {
    /// A case that ended before its last step, with the reason.
    pub fn aborted(reason: impl Into<String>) -> Self {
        CaseResult {
            aborted: Some(reason.into()),
            ..CaseResult::default()
        }
    }

    /// A skipped case, with the reason.
    pub fn skipped(reason: impl Into<String>) -> Self {
        CaseResult {
            skipped: 1,
            note: Some(reason.into()),
            ..CaseResult::default()
        }
    }

    /// Adds failures that belong to no step.
    pub fn fail(&mut self, failures: Vec<Failure>) {
        self.failed += failures.len();
        self.failures.extend(failures);
    }

    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.aborted.is_none()
    }

    /// The first failures without a known reason.
    pub fn reported_failures(&self) -> impl Iterator<Item = &Failure> {
        self.failures
            .iter()
            .filter(|failure| failure.known.is_none())
    }

    /// The verdict on the case.
    pub fn verdict(&self) -> CellVerdict {
        if self.aborted.is_some() {
            CellVerdict::Errored
        } else if self.failed > 0 {
            CellVerdict::Failed
        } else if self.retries > 0 {
            CellVerdict::Flaky
        } else if self.passed + self.known == 0 && self.skipped > 0 {
            CellVerdict::Skipped
        } else {
            CellVerdict::Passed
        }
    }
}

/// The verdict on a case or a suite on one flavour. The greatest verdict of a suite's
/// cases is the suite's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellVerdict {
    /// No condition of any step held.
    Skipped,
    /// All expectations were met.
    Passed,
    /// All expectations were met after another try.
    Flaky,
    /// All expectations were met, but other flavours differ in an unexplained way.
    Differs,
    /// Some expectation was not met.
    Failed,
    /// It ended before its last step.
    Errored,
    /// The flavour was not available.
    Unavailable,
}

/// A step that did not meet its expectation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// Line in the file, from 1.
    pub line: usize,
    /// The statement.
    pub statement: String,
    /// The expectation.
    pub expected: String,
    /// The server's answer.
    pub found: String,
    /// A human-readable explanation.
    pub why: String,
    /// The kind of difference, if it is one between outcomes.
    pub kind: Option<Kind>,
    /// Why it is acceptable.
    pub known: Option<Reason>,
}
