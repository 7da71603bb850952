//! Where flavours differ, and whether that is well.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::compare::Kind;
pub use crate::suite::Reason;

/// A step that flavours answered differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// Which suite.
    pub suite: String,
    /// Which file.
    #[serde(with = "super::in_files::path_text")]
    pub file: PathBuf,
    /// Line in the file, from 1.
    pub line: usize,
    /// The statement.
    pub statement: String,
    /// How the answers differ; significant ones first.
    pub kinds: Vec<Kind>,
    /// Whether that is well.
    pub standing: DifferenceStatus,
    /// Flavours with the same outcome. The first group is the one to which the
    /// others are compared: the baseline's, else the largest.
    pub groups: Vec<Group>,
}

/// Whether a divergence is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceStatus {
    /// Nobody has said why: it fails the run.
    New,
    /// A file of known divergences says why; with its reasons.
    Known(Vec<Reason>),
    /// The suite compares no such kind, or the file itself says what each
    /// flavour answers: it is only shown.
    Shown,
}

/// Flavours with the same outcome of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Their names, in the order of the run.
    pub flavours: Vec<String>,
    /// The outcome, on one or more lines.
    pub outcome: String,
    /// How it differs from that of the first group; none for that itself.
    pub kinds: Vec<Kind>,
}

/// An entry of a file of known divergences that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// Which suite.
    pub suite: String,
    /// The file of known divergences.
    #[serde(with = "super::in_files::path_text")]
    pub file: PathBuf,
    /// The entry's line in it, from 1.
    pub line: usize,
    /// The statement that the entry is about.
    pub statement: String,
    /// Flavours on which it does not hold; none where it is not about flavours.
    pub flavours: Vec<String>,
    /// Why, for people.
    pub why: String,
}

/// Steps of a form that differ in the same kinds and are not told one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormSteps {
    /// How the answers differ.
    pub kinds: Vec<Kind>,
    /// The form of the statements
    /// ([`statement_form`](crate::suite::statement_form)); empty for all forms
    /// beyond those that are told apart.
    pub form: String,
    /// How many steps.
    pub steps: usize,
}
