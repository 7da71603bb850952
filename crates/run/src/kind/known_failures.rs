//! Known failures of a `mysqltest` suite on one flavour.
//!
//! The file of known divergences is beside the matrix and named after the suite; each
//! test is a statement in it, such as `main/alter_user`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use dbmatrix_report::event::{CaseResult, Event, Sender, Stale};
use dbmatrix_sql::compare::{Kind, Kinds};
use dbmatrix_sql::suite::{Facts, KnownDivergences};

use dbmatrix_flavours::plan::SuiteRun;

/// Known failures, with a record of the entries that matched.
#[derive(Debug)]
pub(super) struct KnownFailures {
    known: Arc<KnownDivergences>,
    facts: Facts,
    /// By index of an entry: whether its test failed as it says.
    held: Mutex<BTreeMap<usize, bool>>,
    /// Failures without an entry.
    unknown: Mutex<Vec<(String, Kind)>>,
}

impl KnownFailures {
    pub(super) fn new(known: Arc<KnownDivergences>, facts: Facts) -> Self {
        KnownFailures {
            known,
            facts,
            held: Mutex::default(),
            unknown: Mutex::default(),
        }
    }

    /// Marks a failure as known if an entry covers it. Notes whether the entries for a
    /// test that ran held.
    pub(super) fn apply(&self, test: &str, result: &mut CaseResult) {
        if result.skipped > 0 || result.aborted.is_some() {
            return;
        }
        let kind = result.failures.first().and_then(|failure| failure.kind);
        let mut is_known = false;
        for place in self.known.matching(test, 1) {
            let entry = &self.known.entries[place];
            if !entry.applies_to(&self.facts) {
                continue;
            }
            let holds = kind.is_some_and(|kind| entry.kinds.contains(kind));
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            *held.entry(place).or_default() |= holds;
            if holds && entry.expired.is_none() {
                is_known = true;
                for failure in &mut result.failures {
                    failure.known = Some(entry.reason.clone());
                }
            }
        }
        match kind {
            Some(_) if is_known => {
                result.known = std::mem::take(&mut result.failed);
            }
            Some(kind) => {
                let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
                unknown.push((test.to_owned(), kind));
            }
            None => {}
        }
    }

    /// Reports entries that do not hold.
    pub(super) fn report_stale(&self, suite_run: &SuiteRun, events: &Sender) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, held) in held.iter() {
            let entry = &self.known.entries[*place];
            let why = match (&entry.expired, held) {
                (Some(day), true) => format!("it expired on {day}, and it still fails"),
                (_, false) => "it fails so no more".to_owned(),
                (None, true) => continue,
            };
            events.send(Event::Stale(Stale {
                suite: suite_run.suite.name.clone(),
                file: self.known.path.clone(),
                line: entry.line,
                statement: entry.statement.clone(),
                flavours: vec![suite_run.flavour.clone()],
                why,
            }));
        }
    }

    /// Appends entries for unexplained failures.
    pub(super) fn propose(&self, suite_run: &SuiteRun, events: &Sender) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.sort();
        unknown.dedup();
        let mut proposals = crate::proposal::Proposals::default();
        for (test, kind) in unknown.drain(..) {
            proposals.add(&test, vec![suite_run.flavour.clone()], Kinds::from(kind));
        }
        proposals.write(&self.known.path, events);
    }
}

#[cfg(test)]
mod tests {
    use dbmatrix_report::event::Failure;
    use dbmatrix_sql::version::{Family, Version};

    use super::*;

    fn excuses(entries: &str) -> KnownFailures {
        let folder = tempfile::tempdir().expect("a folder");
        let suite = folder.path().join("main");
        std::fs::write(dbmatrix_sql::suite::known_path(&suite), entries).expect("a file");
        let known = KnownDivergences::load(&suite, false).expect("known failures");
        let facts = Facts {
            flavour: "mariadb-10.11".to_owned(),
            family: Family::Mariadb,
            version: Version::release(10, 11),
            labels: Vec::new(),
        };
        KnownFailures::new(Arc::new(known), facts)
    }

    fn failed(kind: Kind) -> CaseResult {
        CaseResult {
            failed: 1,
            failures: vec![Failure {
                line: 0,
                statement: "main/join".to_owned(),
                expected: String::new(),
                found: String::new(),
                why: String::new(),
                kind: Some(kind),
                known: None,
            }],
            ..CaseResult::default()
        }
    }

    const JOIN: &str = "[[divergence]]\nstatement = 'main/join'\nflavours = ['mariadb']\nkinds = ['rows']\nreason = 'InnoDB is there'\n";

    #[test]
    fn a_known_failure_is_excused_and_another_is_not() {
        let excuses = excuses(JOIN);
        let mut known = failed(Kind::Rows);
        excuses.apply("main/join", &mut known);
        assert_eq!((known.failed, known.known), (0, 1));
        assert!(known.is_good());
        let mut other = failed(Kind::Success);
        excuses.apply("main/join", &mut other);
        assert_eq!((other.failed, other.known), (1, 0));
        let mut elsewhere = failed(Kind::Rows);
        excuses.apply("main/union", &mut elsewhere);
        assert!(!elsewhere.is_good());
    }

    #[test]
    fn an_entry_whose_test_passes_is_stale() {
        let excuses = excuses(JOIN);
        let mut passed = CaseResult {
            passed: 1,
            ..CaseResult::default()
        };
        excuses.apply("main/join", &mut passed);
        assert_eq!(
            excuses.held.lock().expect("one thread").get(&0),
            Some(&false)
        );
    }
}
