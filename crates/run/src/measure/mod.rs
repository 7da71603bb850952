//! Measures times after the comparison, while nothing else runs: the files run again on all
//! flavours, statement by statement, and one flavour at a time has its turn.

mod file;
mod rounds;
mod turns;

pub(crate) use turns::{Meter, Turn};

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dbmatrix_flavours::matrix::{FilesSpec, MeasureSpec, SuiteKind};
use dbmatrix_flavours::plan::SuiteRun;
use tokio::time::Instant;

use super::context::RunContext;
use super::deployment::Servers;
use super::flavour_facts::FlavourFacts;
use super::thread::on_own_thread;
use file::MeasuredFile;

/// The servers on which suites ran whose times are measured. They stay until then.
#[derive(Default)]
pub(super) struct MeasuredServers(Mutex<Vec<Ran>>);

/// A suite that ran on a flavour.
#[derive(Clone)]
struct Ran {
    suite_run: SuiteRun,
    facts: Arc<FlavourFacts>,
    servers: Arc<Servers>,
}

impl fmt::Debug for MeasuredServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredServers").finish_non_exhaustive()
    }
}

impl MeasuredServers {
    /// Keeps the servers of a suite if its times are measured; whether it does.
    pub(super) fn keep(
        &self,
        suite_run: &SuiteRun,
        facts: &Arc<FlavourFacts>,
        servers: &Arc<Servers>,
    ) -> bool {
        if spec_of(suite_run).is_none() {
            return false;
        }
        let mut all = self.lock();
        let name = &suite_run.suite.name;
        let is_same = |ran: &Ran| {
            ran.suite_run.suite.name == *name && ran.suite_run.flavour == suite_run.flavour
        };
        if !all.iter().any(is_same) {
            all.push(Ran {
                suite_run: suite_run.clone(),
                facts: Arc::clone(facts),
                servers: Arc::clone(servers),
            });
        }
        true
    }

    fn take(&self) -> Vec<Ran> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Ran>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures the times of all suites that ask for it, compares their steps, and closes their
/// servers.
pub(super) async fn measure_times(context: &RunContext) {
    let all = context.measured.take();
    let mut suites: Vec<&str> = Vec::new();
    for ran in &all {
        let name = ran.suite_run.suite.name.as_str();
        if !suites.contains(&name) {
            suites.push(name);
        }
    }
    for suite in suites {
        let of_suite = all.iter().filter(|ran| ran.suite_run.suite.name == suite);
        measure_suite(context, of_suite.cloned().collect()).await;
    }
    for comparison in context.comparisons.values() {
        comparison.conclude();
    }
    for ran in all {
        ran.servers.close().await;
    }
}

/// Measures the files of one suite, which ran on these flavours.
async fn measure_suite(context: &RunContext, all: Vec<Ran>) {
    let Some((files, spec)) = all.first().and_then(|ran| spec_of(&ran.suite_run)) else {
        return;
    };
    let suite = all[0].suite_run.suite.name.clone();
    let deadline = Instant::now() + spec.limit;
    for file in &files.files {
        let Some(comparison) = context.comparisons.get(&(suite.clone(), file.clone())) else {
            continue;
        };
        let candidates = comparison.candidates();
        if !candidates.is_empty() && !context.fail_fast.is_over() {
            let measuring = MeasuredFile {
                context: context.clone(),
                files: Arc::clone(&files),
                suite: suite.clone(),
                file: file.clone(),
                comparison: comparison.clone(),
                spec,
                deadline,
            };
            on_own_thread(measuring.run(all.clone(), candidates)).await;
        }
        comparison.conclude();
    }
}

/// How a suite's times are measured; `None` if they are not.
fn spec_of(suite_run: &SuiteRun) -> Option<(Arc<FilesSpec>, MeasureSpec)> {
    match &suite_run.suite.kind {
        SuiteKind::Files(files) => Some((Arc::clone(files), files.measure?)),
        SuiteKind::Command(_) | SuiteKind::Mysqltest(_) => None,
    }
}
