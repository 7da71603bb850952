//! What a suite runs of its logs.

use std::collections::HashMap;
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

impl SampledLogs {
    /// Adds the logs of the same suite in another part of the run.
    pub fn add(&mut self, other: SampledLogs) {
        self.files.extend(other.files);
        self.statements += other.statements;
        self.time += other.time;
        self.examples += other.examples;
        for (number, reason) in other.left_out {
            match self.left_out.iter_mut().find(|(_, one)| *one == reason) {
                Some((sum, _)) => *sum += number,
                None => self.left_out.push((number, reason)),
            }
        }
        let mut places: HashMap<String, usize> = HashMap::new();
        for (at, digest) in self.digests.iter().enumerate() {
            places.insert(digest.form.clone(), at);
        }
        for digest in other.digests {
            match places.get(&digest.form) {
                Some(&at) => {
                    let sum = &mut self.digests[at];
                    sum.statements += digest.statements;
                    sum.time += digest.time;
                    sum.examples += digest.examples;
                }
                None => self.digests.push(digest),
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(file: &str, digests: &[(&str, u64)]) -> SampledLogs {
        let digest = |(form, statements): &(&str, u64)| SampledDigest {
            form: (*form).to_owned(),
            statements: *statements,
            time: Duration::from_secs(*statements),
            examples: 1,
        };
        SampledLogs {
            suite: "s".to_owned(),
            files: vec![file.to_owned()],
            statements: digests.iter().map(|(_, statements)| statements).sum(),
            time: Duration::from_secs(10),
            examples: digests.len(),
            left_out: vec![(2, "administrator commands".to_owned())],
            digests: digests.iter().map(digest).collect(),
        }
    }

    #[test]
    fn parts_of_a_run_add_up() {
        let mut all = logs("a.log", &[("SELECT ?", 3), ("SELECT a", 1)]);
        all.add(logs("b.log", &[("SELECT ?", 4), ("SELECT b", 5)]));
        assert_eq!(all.files, ["a.log", "b.log"]);
        assert_eq!(
            (all.statements, all.examples, all.left_out[0].0),
            (13, 4, 4)
        );
        let digests = all.digests.iter();
        let counts: Vec<_> = digests
            .map(|one| (one.form.as_str(), one.statements))
            .collect();
        assert_eq!(counts, [("SELECT ?", 7), ("SELECT a", 1), ("SELECT b", 5)]);
    }
}
