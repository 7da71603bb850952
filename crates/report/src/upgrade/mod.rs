//! What became of upgrades, as plain data that is written as a table or as JSON. Knows
//! neither how they were done nor the servers.

mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::event::seconds;

/// The version of an upgrade in JSON. Increased when existing data would be read
/// differently; additions do not increase it.
pub const UPGRADE_SCHEMA: u32 = 1;

/// What became of the paths of a matrix. Times are seconds in JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UpgradeReport {
    /// [`UPGRADE_SCHEMA`].
    pub schema: u32,
    /// Each path by each of its methods, in the order of the matrix; those that have ended.
    pub walks: Vec<UpgradeWalk>,
    /// Entries of known divergences that explain nothing, by file and line.
    pub stale: Vec<String>,
}

/// One path by one method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UpgradeWalk {
    /// The path, such as `mariadb-10.5-to-mariadb-11.8`.
    pub path: String,
    /// The older server.
    pub from: UpgradeServer,
    /// Servers that it passed through.
    pub through: Vec<String>,
    /// The newer server.
    pub to: UpgradeServer,
    /// How the data got there: `in-place` or `dump`.
    pub by: String,
    /// What became of it.
    pub outcome: UpgradeOutcome,
    /// Where it ended, if that was before its end.
    pub failure: Option<UpgradeFailure>,
    /// The time for it, without that for making servers that are kept.
    #[serde(serialize_with = "seconds::serialize")]
    pub took: Duration,
    /// Objects and accounts of the older server.
    pub objects: usize,
    /// Its rows.
    pub rows: u64,
    /// Differences that a user of the data may notice.
    pub differences: Vec<UpgradeDifference>,
    /// Others.
    pub insignificant: Vec<UpgradeDifference>,
    /// What else happened, such as statements that the newer server refused.
    pub notes: Vec<String>,
    /// The files of suites that ran on the newer server.
    pub suites: Vec<UpgradedFile>,
    /// The flavour under which a failed copy is kept.
    pub kept: Option<String>,
}

/// A server of a path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UpgradeServer {
    /// The flavour, such as `mariadb-10.5`.
    pub name: String,
    /// Its version as it reports it; empty if it did not start.
    pub version: String,
}

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpgradeOutcome {
    /// All is as it was, except for what is known or does not matter.
    Same,
    /// Something differs.
    Differs,
    /// A server or a program refused.
    Failed,
    /// A server of the path is not available.
    Unavailable,
}

/// A file of a suite on the newer server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpgradedFile {
    /// The suite.
    pub suite: String,
    /// The file.
    pub file: String,
    /// Steps that met their expectations.
    pub passed: usize,
    /// Steps that did not.
    pub failed: usize,
    /// The first failure, or why the file ended before its last step.
    pub problem: Option<String>,
}

/// Why a path ended before its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpgradeFailure {
    /// What was attempted, such as `load the dump`.
    pub step: String,
    /// The exact error.
    pub error: String,
}

/// A difference between the content before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpgradeDifference {
    /// Its kind, such as `definition`.
    pub kind: String,
    /// What differs, such as `table shop.orders`.
    pub subject: String,
    /// The property, such as ``column `id`: type``; empty for the whole.
    pub property: String,
    /// As it was before; empty if it was not there.
    pub before: String,
    /// As it is after; empty if it is not there.
    pub after: String,
    /// The difference as a sentence.
    pub text: String,
    /// Why it is well, if it is known.
    pub known: Option<String>,
}

impl UpgradeReport {
    /// The report as JSON, on one line.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers, which JSON has")
    }
}

impl UpgradeWalk {
    /// Differences that no file explains.
    pub fn new_differences(&self) -> impl Iterator<Item = &UpgradeDifference> {
        let all = self.differences.iter();
        all.filter(|difference| difference.known.is_none())
    }

    /// Files of suites that failed.
    pub fn failed_files(&self) -> impl Iterator<Item = &UpgradedFile> {
        self.suites.iter().filter(|file| file.problem.is_some())
    }

    /// The number of differences of each kind.
    fn count_insignificant(&self) -> BTreeMap<&str, usize> {
        let mut kinds = BTreeMap::new();
        for difference in &self.insignificant {
            *kinds.entry(difference.kind.as_str()).or_default() += 1;
        }
        kinds
    }
}

#[cfg(test)]
mod tests;
