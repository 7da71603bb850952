//! Measured times of statements.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::in_files::{path_text, seconds};

/// How long a step takes on the first flavour of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupTimes {
    /// How often it was run.
    pub runs: usize,
    /// The median of the runs.
    #[serde(with = "seconds")]
    pub median: Duration,
    /// Compared with the first group; `None` for the first group itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<TimeRatio>,
}

/// How many times as long a step takes as on the first group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimeRatio {
    /// The median over the rounds.
    pub median: f64,
    /// The lower end of its 95 % confidence interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// How the measuring of a file's statements ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredTimes {
    /// The suite.
    pub suite: String,
    /// The file.
    #[serde(with = "path_text")]
    pub file: PathBuf,
    /// How often each statement is repeated on each flavour, at most.
    pub repeat: usize,
    /// Statements that were measured.
    pub statements: usize,
    /// Those that take too long to be repeated often enough.
    pub slow: usize,
    /// Those that failed when they were repeated.
    pub failed: usize,
    /// Those that were left when the time limit was over.
    pub left: usize,
    /// The time limit.
    #[serde(with = "seconds")]
    pub limit: Duration,
    /// How long it took.
    #[serde(with = "seconds")]
    pub took: Duration,
}
