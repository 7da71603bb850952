//! How a case ended on one flavour.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::compare::Kind;
use crate::suite::Reason;

/// How a case ended on one flavour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseResult {
    /// Steps that were as expected.
    pub passed: usize,
    /// Steps that were not.
    pub failed: usize,
    /// Steps that were not, and of which it is known why.
    pub known: usize,
    /// Steps whose conditions did not hold.
    pub skipped: usize,
    /// The first failures, known ones included.
    pub failures: Vec<Failure>,
    /// How often it was run before it ended so; a suite may ask for retries.
    pub retries: u32,
    /// What was wrong before the last try.
    pub flaky: Vec<Failure>,
    /// Why it was skipped, where it says so itself.
    pub note: Option<String>,
    /// Whether its flavour does not allow it, so that nothing of it was sent;
    /// `note` says why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forbidden: bool,
    /// Where the whole output of a command is kept.
    pub log: Option<PathBuf>,
    /// How long it took.
    #[serde(with = "super::in_files::seconds")]
    pub took: Duration,
    /// Why the case ended before its last step.
    pub aborted: Option<String>,
    /// Whether it was cut short since the run ends at its first failure.
    pub cut: bool,
    /// What it left on the server, and what became of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Its place among what the flavour runs, by which reports are sorted:
    /// several cases run at a time.
    #[serde(default)]
    pub place: usize,
}

impl CaseResult {
    /// A case that ended before its last step, and why.
    pub fn aborted(reason: impl Into<String>) -> Self {
        CaseResult {
            aborted: Some(reason.into()),
            ..CaseResult::default()
        }
    }

    /// A case that was skipped, and why.
    pub fn skipped(reason: impl Into<String>) -> Self {
        CaseResult {
            skipped: 1,
            note: Some(reason.into()),
            ..CaseResult::default()
        }
    }

    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.aborted.is_none()
    }

    /// The first failures of which nobody knows why.
    pub fn told_failures(&self) -> impl Iterator<Item = &Failure> {
        self.failures
            .iter()
            .filter(|failure| failure.known.is_none())
    }

    /// The case in a word.
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

/// A case or a suite on one flavour, in a word. The greatest of a suite's cases
/// is the suite's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellVerdict {
    /// No condition of any step held.
    Skipped,
    /// As expected.
    Passed,
    /// As expected, after another try.
    Flaky,
    /// As expected, and unlike other flavours in a way that nobody explains.
    Differs,
    /// Something was not as expected.
    Failed,
    /// Ended before its last step.
    Errored,
    /// The flavour was not available.
    Unavailable,
}

/// A step that was not as expected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// Line in the file, from 1.
    pub line: usize,
    /// The statement.
    pub statement: String,
    /// What the file says.
    pub expected: String,
    /// What the server said.
    pub found: String,
    /// What is wrong, for people.
    pub why: String,
    /// The kind of difference, where it is one of outcomes.
    pub kind: Option<Kind>,
    /// Why it is well all the same.
    pub known: Option<Reason>,
}
