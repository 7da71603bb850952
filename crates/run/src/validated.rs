//! Reads the files beside the suites' own before anything starts, so that errors in them
//! are reported at once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use dbmatrix_config::ConfigError;
use dbmatrix_flavours::matrix::{Expect, FilesSpec, SuiteKind};
use dbmatrix_flavours::plan::Plan;
use dbmatrix_flavours::provision::StartFrom;
use dbmatrix_report::event::Sender;
use dbmatrix_sql::suite::{Expectation, FileKind, KnownDivergences, SuiteError, expectation_path};
use thiserror::Error;

use super::comparison::{About, Comparison, Listed};
use super::context::RunContext;
use super::fail_fast::FailFast;
use super::reference::{RecordedFlavour, Recording, Reference, ReferenceError, Source};
use super::spill::SpillBuffer;
use super::vacancy::NoTests;
use super::workload::Workload;

/// The options of a run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Whether expectations are written and known divergences proposed.
    pub update: bool,
    /// Whether the first failure ends the run.
    pub fail_fast: bool,
    /// The flavour to which the others are compared.
    pub baseline: Option<String>,
    /// How many files run at a time on a flavour; by default it depends on processors and
    /// flavours.
    pub jobs: Option<u32>,
    /// Whether each insignificant difference is reported, instead of the first of
    /// each form and some more.
    pub all_differences: bool,
    /// What the servers start from.
    pub freshness: StartFrom,
    /// What happens to a run in which nothing ran.
    pub no_tests: NoTests,
    /// Whether flavours that are not required must be available as well.
    pub strict: bool,
}

/// The checked expectations of a plan.
#[derive(Debug)]
pub struct ValidatedPlan {
    pub(super) options: RunOptions,
    known: HashMap<PathBuf, Arc<KnownDivergences>>,
    /// What runs of logs, by suite.
    workloads: Arc<HashMap<String, Workload>>,
    /// For suites of the servers' own tests, by suite.
    known_tests: Arc<HashMap<String, Arc<KnownDivergences>>>,
    /// Where answers are written in place of a comparison.
    recording: Option<Recording>,
    /// Recorded answers with which those of the plan's only suite are compared.
    pub(super) reference: Option<Arc<Reference>>,
}

/// A file beside a suite's files that cannot be used.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// Known divergences.
    #[error(transparent)]
    Known(#[from] ConfigError),
    /// Stored expectations.
    #[error(transparent)]
    Expectation(#[from] SuiteError),
    /// Recorded answers.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

impl ValidatedPlan {
    /// Reads known divergences and checks stored expectations.
    ///
    /// # Errors
    /// [`PrepareError`] for the first invalid file.
    pub fn check(plan: &Plan, options: RunOptions) -> Result<Self, PrepareError> {
        let mut known = HashMap::new();
        let mut known_tests = HashMap::new();
        for suite_run in &plan.suite_runs {
            if let SuiteKind::Mysqltest(spec) = &suite_run.suite.kind
                && !known_tests.contains_key(&suite_run.suite.name)
            {
                let found = KnownDivergences::load(&spec.beside, options.update)?;
                known_tests.insert(suite_run.suite.name.clone(), Arc::new(found));
            }
        }
        for (_, files) in files_of(plan) {
            for file in &files.files {
                if known.contains_key(file) {
                    continue;
                }
                let found = KnownDivergences::load(file, options.update)?;
                known.insert(file.clone(), Arc::new(found));
                check_stored(file, files)?;
            }
        }
        Ok(ValidatedPlan {
            options,
            known,
            workloads: Arc::default(),
            known_tests: Arc::new(known_tests),
            recording: None,
            reference: None,
        })
    }

    /// Adds what runs of the suites' logs.
    pub fn with_workloads(self, workloads: Vec<Workload>) -> Self {
        let by_suite = workloads.into_iter();
        let by_suite = by_suite.map(|workload| (workload.facts().suite.clone(), workload));
        ValidatedPlan {
            workloads: Arc::new(by_suite.collect()),
            ..self
        }
    }

    /// Records the answers to the plan's only suite, instead of comparing them.
    ///
    /// # Errors
    /// [`ReferenceError`]: the file cannot be recorded, or the reference cannot be written.
    pub fn recording_to(
        self,
        path: &Path,
        source: Source<'_>,
        plan: &Plan,
    ) -> Result<(Self, Recording), ReferenceError> {
        let flavours = plan.suite_runs.iter();
        let flavours = flavours.map(|suite_run| suite_run.flavour.clone());
        let workload = self.workloads.values().next();
        let recording = Recording::begin(path, source, workload, flavours)?;
        let prepared = ValidatedPlan {
            recording: Some(recording.clone()),
            ..self
        };
        Ok((prepared, recording))
    }

    /// Compares the plan's only suite with recorded answers, and with those of the recorded
    /// flavour that is the baseline.
    ///
    /// # Errors
    /// [`PrepareError`]: the reference is damaged, or known divergences beside it are.
    pub fn compared_with(
        mut self,
        reference: Reference,
        baseline: Option<String>,
        plan: &Plan,
    ) -> Result<Self, PrepareError> {
        for (suite, files) in files_of(plan) {
            if let Some(workload) = reference.workload(suite, &files.files)? {
                self.workloads = Arc::new(HashMap::from([(suite.to_owned(), workload)]));
            }
            for file in &files.files {
                let beside = KnownDivergences::load(reference.path(), false)?;
                if !beside.entries.is_empty() {
                    self.known.insert(file.clone(), Arc::new(beside));
                }
            }
        }
        self.options.baseline = baseline.or(self.options.baseline);
        self.reference = Some(Arc::new(reference));
        Ok(self)
    }

    /// The recorded flavours with which the plan's are compared.
    pub fn recorded_flavours(&self) -> &[RecordedFlavour] {
        self.reference
            .as_ref()
            .map_or(&[], |found| found.flavours())
    }

    /// What runs of a suite's logs, if it has any.
    pub(super) fn workload(&self, suite: &str) -> Option<&Workload> {
        self.workloads.get(suite)
    }

    /// Deprecated names in the files that were read.
    pub fn deprecations(&self) -> Vec<String> {
        let all = self.known.values().chain(self.known_tests.values());
        let mut found: Vec<String> = all
            .flat_map(|known| known.deprecations.iter().cloned())
            .collect();
        found.sort();
        found
    }

    /// The state that the flavours of the run share.
    pub(super) fn join(&self, plan: &Plan, events: &Sender) -> RunContext {
        let spill = SpillBuffer::default();
        let mut comparisons = HashMap::new();
        for (suite, files) in files_of(plan) {
            for (place, file) in files.files.iter().enumerate() {
                let flavours: Vec<String> = plan
                    .suite_runs
                    .iter()
                    .filter(|suite_run| suite_run.suite.name == suite)
                    .map(|suite_run| suite_run.flavour.clone())
                    .collect();
                let about = About {
                    suite: suite.to_owned(),
                    file: file.clone(),
                    place,
                    rules: files.rules.clone(),
                    known: self.known.get(file).cloned().unwrap_or_default(),
                    baseline: self.options.baseline.clone(),
                    propose: self.options.update,
                    listed: match self.options.all_differences {
                        true => Listed::All,
                        false => Listed::Some,
                    },
                    measures: files.measure.is_some(),
                    recording: self.recording.clone(),
                    reference: self.reference.clone(),
                };
                comparisons
                    .entry((suite.to_owned(), file.clone()))
                    .or_insert_with(|| Comparison::new(about, &flavours, &spill, events));
            }
        }
        RunContext {
            comparisons: Arc::new(comparisons),
            fail_fast: FailFast::new(self.options.update, self.options.fail_fast),
            events: events.clone(),
            workloads: Arc::clone(&self.workloads),
            known: Arc::clone(&self.known_tests),
            cut: Arc::new(AtomicUsize::new(0)),
            activity: Arc::default(),
            measured: Arc::default(),
        }
    }
}

/// Suites of files, once each.
fn files_of(plan: &Plan) -> Vec<(&str, &FilesSpec)> {
    let mut found: Vec<(&str, &FilesSpec)> = Vec::new();
    for suite_run in &plan.suite_runs {
        if let SuiteKind::Files(files) = &suite_run.suite.kind
            && !found.iter().any(|(name, _)| *name == suite_run.suite.name)
        {
            found.push((&suite_run.suite.name, files));
        }
    }
    found
}

fn check_stored(file: &Path, files: &FilesSpec) -> Result<(), SuiteError> {
    if FileKind::of(file) == Some(FileKind::Sql) && files.expect == Expect::Stored {
        Expectation::load(&expectation_path(file))?;
    }
    Ok(())
}
