//! A run: the ground, the nest, flavours side by side, their cells.
//!
//! Speaks events; prints nothing. Knows how things follow each other and what
//! happens when one of them fails: one flavour never stops another.

mod allowed;
mod case;
mod cleanup;
mod command;
mod command_suite;
mod comparison;
mod database;
mod environment;
mod evaluate;
mod expectations;
mod external;
mod fail_fast;
mod flavour;
mod guest_databases;
mod keeper;
mod known_failures;
mod lock;
mod mysqltest_suite;
mod pool;
mod prefetch;
mod proposal;
mod recorder;
mod scheduler;
mod sessions;
mod side_by_side;
mod spill;
mod suite_run;
mod supply;
mod system;
mod teardown;
mod thread;
mod vacancy;
mod validated;
mod variables;
mod work;

pub use command::{
    CommandEnd, CommandError, CommandRun, Invocation, Output, database_url, environment,
    run_command,
};
pub use environment::{Environment, EnvironmentError, EnvironmentOptions, start_engine};
pub use external::{drop_own_databases, drop_own_databases_on};
pub use flavour::{StartFrom, golden_key, provide};
pub use keeper::{HandedFlavour, Handover, KeepError, take_left, wait_for_keepers};
pub use lock::{Holder, Lock, LockError};
pub use teardown::{After, StopPatience, teardown};
pub use vacancy::{NoTests, foresee_vacancy};
pub use validated::{PrepareError, RunOptions, ValidatedPlan};
pub use work::run_files_on;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::FutureExt;

use comparison::Comparison;
use expectations::{Answers, write_expectations};
use external::provide_external;
use fail_fast::FailFast;
use mysqltest_suite::Tools;
use pool::work_through;
use scheduler::Job;
use side_by_side::run_flavours;
use supply::{Servers, Site, Supply};
use vacancy::Activity;
use work::{FlavourFacts, Work};

use crate::event::{CaseResult, Event, Sender};
use crate::matrix::{Expect, FilesSpec, Flavour, Isolation, Source, SuiteKind};
use crate::plan::{Plan, SuiteRun};
use crate::server::Server;
use crate::session::Connect;
use crate::suite::KnownDivergences;

/// What the flavours of a run have in common.
#[derive(Debug, Clone)]
struct RunContext {
    /// By suite and file.
    comparisons: Arc<HashMap<(String, PathBuf), Comparison>>,
    fail_fast: FailFast,
    events: Sender,
    /// Of suites of the servers' own tests, by name.
    known: Arc<HashMap<String, Arc<KnownDivergences>>>,
    /// Cases that were not run to their end.
    cut: Arc<AtomicUsize>,
    activity: Arc<Activity>,
}

impl RunContext {
    fn note_cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells how a case has ended.
    fn finish_case(&self, cell: &SuiteRun, file: PathBuf, result: CaseResult) {
        self.activity.note_case(&cell.suite.name, &file, &result);
        self.events.send(Event::CaseFinished {
            flavour: cell.flavour.clone(),
            suite: cell.suite.name.clone(),
            file,
            result,
        });
    }

    /// Whether outcomes of `.sql` files are written as expectation.
    fn updates(&self, files: &FilesSpec) -> bool {
        self.fail_fast.update && files.expect == Expect::Stored
    }

    /// A flavour that is not available answers nothing.
    fn without(&self, flavour: &str) {
        for comparison in self.comparisons.values() {
            comparison.without(flavour);
        }
    }
}

/// Provides all flavours of the plan and runs their cells, side by side. Flavours
/// whose servers dbmatrix makes need the `stand`; others need none.
/// How that goes, and what fails, are events.
pub async fn run(
    environment: Option<&Environment>,
    plan: &Plan,
    prepared: &ValidatedPlan,
    events: &Sender,
) {
    let environment = environment.cloned();
    let begun = Instant::now();
    let context = prepared.join(plan, events);
    let plan = Arc::new(plan.clone());
    let jobs = work::jobs(prepared.options.jobs, plan.flavours.len());
    let tools = Tools::default();
    let freshness = prepared.options.freshness;
    let provide = {
        let (environment, events) = (environment.clone(), events.clone());
        move |flavour: Flavour| {
            let (environment, events) = (environment.clone(), events.clone());
            async move {
                match (&flavour.source, &environment) {
                    (Source::External(external), _) => {
                        provide_external(&flavour, external, begun, &events).await
                    }
                    (Source::Managed(managed), Some(environment)) => {
                        provide(environment, &flavour, managed, freshness, begun, &events).await
                    }
                    (Source::Managed(_), None) => {
                        unreachable!("who runs flavours that dbmatrix makes has a environment")
                    }
                }
            }
        }
    };
    let work = {
        let (plan, context) = (Arc::clone(&plan), context.clone());
        move |flavour: Flavour, server: Server| {
            let (environment, plan, context) =
                (environment.clone(), Arc::clone(&plan), context.clone());
            let tools = Arc::clone(&tools);
            async move {
                if !plan
                    .suite_runs
                    .iter()
                    .any(|cell| cell.flavour == flavour.name)
                {
                    return Vec::new();
                }
                let site = match (flavour.managed(), &environment) {
                    (Some(managed), Some(environment)) => {
                        Some(Site::new(environment, &flavour, managed))
                    }
                    _ => None,
                };
                let about = FlavourFacts::of(&flavour.name, &server.identity)
                    .on(server.tenancy(), &server.defaults.sql_mode);
                let supply = Servers::new(server, site.clone(), &context.events);
                let work = Work::new(supply, about, &plan, context.clone());
                run_work(Arc::new(work), site, &tools, jobs).await
            }
        }
    };
    let answers = run_flavours(&plan.flavours, &context, provide, work).await;
    let cut = context.cut.load(Ordering::Relaxed);
    if cut > 0 {
        events.warn(format!(
            "stopped at the first failure (`--fail-fast`): {cut} case(s) were not run to the end"
        ));
    }
    let options = &prepared.options;
    context
        .activity
        .tell_vacancies(&plan, options.no_tests, events);
    write_expectations(answers, &plan, events);
}

/// Runs a flavour's units; gives what was recorded of its files.
async fn run_work(
    work: Arc<Work<Servers>>,
    site: Option<Site>,
    tools: &Tools,
    jobs: usize,
) -> Vec<Answers> {
    let run = |unit: Job| {
        let (work, site, tools) = (Arc::clone(&work), site.clone(), Arc::clone(tools));
        async move { run_unit(work, unit, site.as_ref(), &tools).await }
    };
    let given = work_through(work.units(jobs), run, |unit, reason| {
        work.lost(unit, &reason)
    });
    let answers = given.await.into_iter().flatten().collect();
    work.supply.close().await;
    answers
}

async fn run_unit(
    work: Arc<Work<Servers>>,
    unit: Job,
    site: Option<&Site>,
    tools: &Tools,
) -> Vec<Answers> {
    if let Some(reason) = work.refusal(unit) {
        work.forbid(unit, &reason);
        return Vec::new();
    }
    if work.cell(unit).suite.isolation == Isolation::Clone {
        return run_isolated(work, unit, site, tools).await;
    }
    let supply = Arc::clone(&work.supply);
    run_on(supply, work, unit, site, tools).await
}

/// Runs a whole suite on a server of its own.
async fn run_isolated(
    work: Arc<Work<Servers>>,
    unit: Job,
    site: Option<&Site>,
    tools: &Tools,
) -> Vec<Answers> {
    if work.context.fail_fast.is_over() {
        work.skip(unit);
        return Vec::new();
    }
    let supply = Arc::new(work.supply.isolated());
    if let Err(reason) = supply.lease().await {
        work.abort(unit, &reason);
        return Vec::new();
    }
    let running = run_on(Arc::clone(&supply), work, unit, site, tools);
    let ended = AssertUnwindSafe(running).catch_unwind().await;
    supply.close().await;
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

async fn run_on(
    supply: Arc<Servers>,
    work: Arc<Work<Servers>>,
    unit: Job,
    site: Option<&Site>,
    tools: &Tools,
) -> Vec<Answers> {
    let (cell, context) = (work.cell(unit), &work.context);
    match &cell.suite.kind {
        SuiteKind::Files(files) => {
            let files = Arc::clone(files);
            return Arc::clone(&work).run_files(supply, unit, files).await;
        }
        SuiteKind::Command(command) => {
            let place = command_suite::Place {
                cell,
                site,
                place: unit.place,
            };
            command_suite::run_command_cell(&*supply, &place, command, context).await;
        }
        SuiteKind::Mysqltest(spec) => {
            let Some(site) = site else {
                work.abort(unit, "dbmatrix did not make the server");
                return Vec::new();
            };
            let place = mysqltest_suite::Place {
                cell,
                site,
                tools,
                place: unit.place,
            };
            match supply.lease().await {
                Ok(lease) => {
                    mysqltest_suite::run_mysqltest_cell(&lease.server, place, spec, context).await;
                }
                Err(reason) => work.abort(unit, &reason),
            }
        }
    }
    Vec::new()
}
