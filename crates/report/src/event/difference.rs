//! Differences between flavours, and whether they are acceptable.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use dbmatrix_sql::compare::Kind;
pub use dbmatrix_sql::suite::Reason;

use super::times::GroupTimes;

/// A step that flavours answered differently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Divergence {
    /// The suite.
    pub suite: String,
    /// The file.
    #[serde(with = "super::in_files::path_text")]
    pub file: PathBuf,
    /// Line in the file, from 1.
    pub line: usize,
    /// The statement.
    pub statement: String,
    /// The database in which a log's statement ran, if the log names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The kinds of difference; significant ones first.
    pub kinds: Vec<Kind>,
    /// Whether it is acceptable.
    pub standing: DifferenceStatus,
    /// Flavours with the same outcome. The others are compared to the first group: the
    /// baseline's, else the largest.
    pub groups: Vec<Group>,
}

/// Whether a divergence is acceptable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceStatus {
    /// Unexplained: it fails the run.
    New,
    /// A file of known divergences explains it; with its reasons.
    Known(Vec<Reason>),
    /// The suite does not compare this kind, or the file itself has an expectation for
    /// each flavour: it is only shown.
    Shown,
}

/// Flavours with the same outcome of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Their names, in the order of the run.
    pub flavours: Vec<String>,
    /// The outcome, on one or more lines.
    pub outcome: String,
    /// The difference from the first group; empty for the first group itself.
    pub kinds: Vec<Kind>,
    /// How long the step takes, if that is among the differences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<GroupTimes>,
}

/// An entry of a file of known divergences that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// The suite.
    pub suite: String,
    /// The file of known divergences.
    #[serde(with = "super::in_files::path_text")]
    pub file: PathBuf,
    /// The entry's line in it, from 1.
    pub line: usize,
    /// The entry's statement.
    pub statement: String,
    /// Flavours on which it does not hold; empty if it does not depend on flavours.
    pub flavours: Vec<String>,
    /// A human-readable reason.
    pub why: String,
}

/// Steps of one form that differ in the same kinds and are not reported one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormSteps {
    /// The kinds of difference.
    pub kinds: Vec<Kind>,
    /// The form of the statements ([`statement_form`](dbmatrix_sql::suite::statement_form));
    /// empty for all forms beyond the limit.
    pub form: String,
    /// How many steps.
    pub steps: usize,
}
