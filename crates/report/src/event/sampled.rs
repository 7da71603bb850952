//! What a suite runs of its logs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a suite runs of its logs. Statements are grouped by digest: the form without
/// their values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledLogs {
    /// The suite.
    pub suite: String,
    /// The logs, by their paths.
    pub files: Vec<String>,
    /// Statements in the logs that the selection lets through.
    pub statements: u64,
    /// Their time on the server that wrote the logs, where these say so.
    #[serde(with = "super::in_files::seconds")]
    pub time: Duration,
    /// The statements that run.
    pub examples: usize,
    /// Human-readable reasons why others do not run, with the number of statements.
    pub left_out: Vec<(u64, String)>,
    /// Digests, those with the most time first; rare ones beyond a limit are missing.
    pub digests: Vec<SampledDigest>,
}

/// A digest's share of the logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledDigest {
    /// The form of its statements ([`statement_form`](dbmatrix_sql::suite::statement_form)).
    pub form: String,
    /// Its statements in the logs.
    pub statements: u64,
    /// Their time.
    #[serde(with = "super::in_files::seconds")]
    pub time: Duration,
    /// Those that run.
    pub examples: usize,
}

/// A table or database that a log's statements need and a server does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingObject {
    /// Its name, such as `shop.orders`.
    pub name: String,
    /// Statements that did not run, or failed, because of it.
    pub statements: usize,
}
