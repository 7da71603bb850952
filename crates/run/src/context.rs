//! The state that all flavours of a run share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dbmatrix_flavours::matrix::{Expect, FilesSpec};
use dbmatrix_flavours::plan::SuiteRun;
use dbmatrix_report::event::{CaseResult, Event, Sender};
use dbmatrix_sql::suite::KnownDivergences;

use super::comparison::Comparison;
use super::fail_fast::FailFast;
use super::vacancy::Activity;
use super::workload::Workload;

/// The state that all flavours of a run share.
#[derive(Debug, Clone)]
pub(super) struct RunContext {
    /// By suite and file.
    pub(super) comparisons: Arc<HashMap<(String, PathBuf), Comparison>>,
    pub(super) fail_fast: FailFast,
    pub(super) events: Sender,
    /// What runs of logs, by suite.
    pub(super) workloads: Arc<HashMap<String, Workload>>,
    /// For suites of the servers' own tests, by name.
    pub(super) known: Arc<HashMap<String, Arc<KnownDivergences>>>,
    /// Cases that did not run to their end.
    pub(super) cut: Arc<AtomicUsize>,
    pub(super) activity: Arc<Activity>,
}

impl RunContext {
    /// Counts a case that did not run to its end.
    pub(super) fn note_cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// Reports that a case begins.
    pub(super) fn start_case(&self, suite_run: &SuiteRun, file: &Path) {
        self.events.send(Event::CaseStarted {
            flavour: suite_run.flavour.clone(),
            suite: suite_run.suite.name.clone(),
            file: file.to_owned(),
        });
    }

    /// Reports how a case ended.
    pub(super) fn finish_case(&self, suite_run: &SuiteRun, file: PathBuf, result: CaseResult) {
        self.activity
            .note_case(&suite_run.suite.name, &file, &result);
        let key = (suite_run.suite.name.clone(), file.clone());
        if let Some(comparison) = self.comparisons.get(&key) {
            comparison.note_result(&suite_run.flavour, &result);
        }
        self.events.send(Event::CaseFinished {
            flavour: suite_run.flavour.clone(),
            suite: suite_run.suite.name.clone(),
            file,
            result,
        });
    }

    /// Reports why a case cannot run.
    pub(super) fn abort_case(&self, suite_run: &SuiteRun, place: usize, file: PathBuf, why: &str) {
        self.leave_out(suite_run, &file);
        let result = CaseResult {
            place,
            ..CaseResult::aborted(why)
        };
        self.finish_case(suite_run, file, result);
    }

    /// Reports why the flavour does not allow a case.
    pub(super) fn forbid_case(&self, suite_run: &SuiteRun, place: usize, file: PathBuf, why: &str) {
        self.leave_out(suite_run, &file);
        let result = CaseResult {
            forbidden: true,
            place,
            ..CaseResult::skipped(why)
        };
        self.finish_case(suite_run, file, result);
    }

    /// Counts a case that does not run because the run ends.
    pub(super) fn cut_case(&self, suite_run: &SuiteRun, file: &Path) {
        self.leave_out(suite_run, file);
        self.note_cut();
    }

    /// Keeps other flavours from waiting for this one's results of a file.
    fn leave_out(&self, suite_run: &SuiteRun, file: &Path) {
        let key = (suite_run.suite.name.clone(), file.to_owned());
        if let Some(comparison) = self.comparisons.get(&key) {
            comparison.without(&suite_run.flavour);
        }
    }

    /// Whether outcomes of `.sql` files are written as expectations.
    pub(super) fn updates(&self, files: &FilesSpec) -> bool {
        self.fail_fast.update && files.expect == Expect::Stored
    }

    /// Removes a flavour that is not available.
    pub(super) fn without(&self, flavour: &str) {
        for comparison in self.comparisons.values() {
            comparison.without(flavour);
        }
    }
}
