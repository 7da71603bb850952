//! What to run: the matrix, reduced to the user's selection. Pure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dbmatrix_config::hint;
use dbmatrix_report::shard::Shard;
use globset::Glob;
use thiserror::Error;

use crate::matrix::{Flavour, Matrix, SuiteSpec};

/// The selection on the command line; by default everything.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Names or patterns of flavours.
    pub flavours: Vec<String>,
    /// Names or patterns of suites.
    pub suites: Vec<String>,
    /// A shard of all files, with the duration of each in an earlier run.
    pub shard: Option<(Shard, Times)>,
}

/// Durations of the parts of suites, by suite and name.
pub type Times = HashMap<(String, String), Duration>;

/// One suite on one flavour.
#[derive(Debug, Clone)]
pub struct SuiteRun {
    /// The flavour's name.
    pub flavour: String,
    /// The suite.
    pub suite: Arc<SuiteSpec>,
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The selected flavours, in the order of the matrix.
    pub flavours: Vec<Flavour>,
    /// Their suites, in the order of the matrix.
    pub suite_runs: Vec<SuiteRun>,
}

/// A selection that matches nothing.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("no {kind} `{name}` in the matrix; {hint}")]
pub struct UnknownChoice {
    kind: &'static str,
    name: String,
    hint: String,
}

impl Plan {
    /// Whether dbmatrix makes the server of a selected flavour, which requires an engine.
    pub fn has_managed(&self) -> bool {
        self.flavours
            .iter()
            .any(|flavour| flavour.managed().is_some())
    }

    /// Reduces a matrix to the selection.
    ///
    /// # Errors
    /// [`UnknownChoice`] for the first selection that matches nothing.
    pub fn new(matrix: &Matrix, selection: &Selection) -> Result<Self, UnknownChoice> {
        let names: Vec<&str> = matrix
            .flavours
            .iter()
            .map(|flavour| flavour.name.as_str())
            .collect();
        let flavours = choose("flavour", &names, &selection.flavours)?;
        let names: Vec<&str> = matrix
            .suites
            .iter()
            .map(|suite| suite.name.as_str())
            .collect();
        let suites = choose("suite", &names, &selection.suites)?;
        let chosen = matrix
            .flavours
            .iter()
            .filter(|flavour| flavours.contains(&flavour.name));
        let flavours: Vec<Flavour> = chosen.cloned().collect();
        let chosen = matrix
            .suites
            .iter()
            .filter(|suite| suites.contains(&suite.name));
        let mut suite_runs = Vec::new();
        let chosen: Vec<SuiteSpec> = match &selection.shard {
            Some((shard, times)) => sharded(chosen, *shard, times),
            None => chosen.cloned().collect(),
        };
        for suite in chosen {
            let suite = Arc::new(suite);
            let on = flavours
                .iter()
                .filter(|flavour| suite.flavours.contains(&flavour.name));
            suite_runs.extend(on.map(|flavour| SuiteRun {
                flavour: flavour.name.clone(),
                suite: Arc::clone(&suite),
            }));
        }
        let mut flavours = flavours;
        if selection.shard.is_some() {
            flavours.retain(|flavour| {
                suite_runs
                    .iter()
                    .any(|suite_run| suite_run.flavour == flavour.name)
            });
        }
        Ok(Plan {
            suite_runs,
            flavours,
        })
    }
}

/// The part of the suites that belongs to one shard.
fn sharded<'a>(
    suites: impl Iterator<Item = &'a SuiteSpec>,
    shard: Shard,
    times: &Times,
) -> Vec<SuiteSpec> {
    let suites: Vec<&SuiteSpec> = suites.collect();
    // Names of suites and files contain no NUL.
    let key = |suite: &str, part: &str| format!("{suite}\0{part}");
    let mut keys = Vec::new();
    for suite in &suites {
        keys.extend(suite.parts().iter().map(|part| key(&suite.name, part)));
    }
    let times = times
        .iter()
        .map(|((suite, part), time)| (key(suite, part), *time))
        .filter(|(key, _)| keys.contains(key))
        .collect();
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    let here = shard.choose(&names, &times);
    let left = suites.into_iter().filter_map(|suite| {
        let mut parts = suite.parts();
        parts.retain(|part| here.contains(&key(&suite.name, part).as_str()));
        suite.only(&parts)
    });
    left.collect()
}

fn choose(
    kind: &'static str,
    names: &[&str],
    patterns: &[String],
) -> Result<Vec<String>, UnknownChoice> {
    if patterns.is_empty() {
        return Ok(names.iter().map(|&name| name.to_owned()).collect());
    }
    let mut matchers = Vec::new();
    for pattern in patterns {
        let matcher = Glob::new(pattern).ok().map(|glob| glob.compile_matcher());
        let matcher = matcher.filter(|matcher| names.iter().any(|name| matcher.is_match(name)));
        matchers.push(matcher.ok_or_else(|| UnknownChoice {
            kind,
            name: pattern.clone(),
            hint: hint(pattern, names.iter().copied()),
        })?);
    }
    let chosen = names
        .iter()
        .filter(|name| matchers.iter().any(|matcher| matcher.is_match(name)));
    Ok(chosen.map(|&name| name.to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_choose_in_the_order_of_the_matrix() {
        let names = ["mysql-9.7", "mariadb-10.5", "mariadb-11.8"];
        let chosen = choose(
            "flavour",
            &names,
            &["mariadb-*".to_owned(), "mysql-9.7".to_owned()],
        );
        assert_eq!(chosen.expect("a choice"), names);
        let none = choose("flavour", &names, &["mysql-9".to_owned()]).expect_err("nothing fits");
        assert!(none.to_string().contains("`mysql-9.7`"));
    }
}
