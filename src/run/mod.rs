//! A run: the ground, the nest, flavours side by side, their cells.
//!
//! Speaks events; prints nothing. Knows how things follow each other and what
//! happens when one of them fails: one flavour never stops another.

mod after;
mod ahead;
mod backlog;
mod case;
mod cell;
mod cleanup;
mod command;
mod command_cell;
mod comparison;
mod course;
mod database;
mod excuses;
mod expectations;
mod flavour;
mod judge;
mod lock;
mod mysqltest_cell;
mod pool;
mod prepared;
mod proposal;
mod sessions;
mod side_by_side;
mod stand;
mod supply;
mod system;
mod tally;
mod thread;
mod units;
mod vacancy;
mod variables;
mod work;

pub use after::{After, Patience, put_to_rest};
pub use command::{
    CommandEnd, CommandError, CommandRun, Invocation, Output, database_url, environment,
    run_command,
};
pub use flavour::{Freshness, golden_key, provide};
pub use lock::{Lock, LockError};
pub use prepared::{PrepareError, Prepared, RunOptions};
pub use stand::{Stand, StandError, StandOptions, start_engine};
pub use vacancy::{NoTests, foresee_vacancy};
pub use work::run_files_on;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::FutureExt;

use comparison::Comparison;
use course::Course;
use expectations::{Answers, write_expectations};
use mysqltest_cell::Tools;
use pool::work_through;
use side_by_side::run_flavours;
use supply::{Servers, Supply};
use units::Unit;
use vacancy::Activity;
use work::Work;

use crate::event::{CaseResult, Event, Sender};
use crate::matrix::{Expect, FilesSpec, Flavour, Isolation, SuiteKind};
use crate::plan::{Cell, Plan};
use crate::server::Server;
use crate::suite::Known;

/// What the flavours of a run have in common.
#[derive(Debug, Clone)]
struct Joint {
    /// By suite and file.
    comparisons: Arc<HashMap<(String, PathBuf), Comparison>>,
    course: Course,
    events: Sender,
    /// Of suites of the servers' own tests, by name.
    known: Arc<HashMap<String, Arc<Known>>>,
    /// Cases that were not run to their end.
    cut: Arc<AtomicUsize>,
    activity: Arc<Activity>,
}

impl Joint {
    fn note_cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells how a case has ended.
    fn finish_case(&self, cell: &Cell, file: PathBuf, result: CaseResult) {
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
        self.course.update && files.expect == Expect::Stored
    }

    /// A flavour that cannot be had answers nothing.
    fn without(&self, flavour: &str) {
        for comparison in self.comparisons.values() {
            comparison.without(flavour);
        }
    }
}

/// Provides all flavours of the plan and runs their cells, side by side.
/// How that goes, and what fails, are events.
pub async fn run(stand: &Stand, plan: &Plan, prepared: &Prepared, events: &Sender) {
    let begun = Instant::now();
    let joint = prepared.join(plan, events);
    let plan = Arc::new(plan.clone());
    let jobs = work::jobs(prepared.options.jobs, plan.flavours.len());
    let tools = Tools::default();
    let freshness = prepared.options.freshness;
    let provide = {
        let (stand, events) = (stand.clone(), events.clone());
        move |flavour: Flavour| {
            let (stand, events) = (stand.clone(), events.clone());
            async move { provide(&stand, &flavour, freshness, begun, &events).await }
        }
    };
    let work = {
        let (stand, plan, joint) = (stand.clone(), Arc::clone(&plan), joint.clone());
        move |flavour: Flavour, server: Server| {
            let (stand, plan, joint) = (stand.clone(), Arc::clone(&plan), joint.clone());
            let tools = Arc::clone(&tools);
            async move {
                let mut cells = plan.cells.iter();
                let Some(cell) = cells.find(|cell| cell.flavour == flavour.name) else {
                    return Vec::new();
                };
                let identity = server.identity.clone();
                let supply = Servers::new(server, &stand, cell, &joint.events);
                let work = Work::new(supply, &flavour.name, &identity, &plan, joint.clone());
                run_work(Arc::new(work), &stand, &tools, jobs).await
            }
        }
    };
    let answers = run_flavours(&plan.flavours, &joint, provide, work).await;
    let cut = joint.cut.load(Ordering::Relaxed);
    if cut > 0 {
        events.warn(format!(
            "stopped at the first failure (`--fail-fast`): {cut} case(s) were not run to the end"
        ));
    }
    let options = &prepared.options;
    joint
        .activity
        .tell_vacancies(&plan, options.no_tests, events);
    write_expectations(answers, &plan, events);
}

/// Runs a flavour's units; gives what was recorded of its files.
async fn run_work(
    work: Arc<Work<Servers>>,
    stand: &Stand,
    tools: &Tools,
    jobs: usize,
) -> Vec<Answers> {
    let run = |unit: Unit| {
        let (work, stand, tools) = (Arc::clone(&work), stand.clone(), Arc::clone(tools));
        async move { run_unit(work, unit, &stand, &tools).await }
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
    unit: Unit,
    stand: &Stand,
    tools: &Tools,
) -> Vec<Answers> {
    if work.cell(unit).suite.isolation == Isolation::Clone {
        return run_isolated(work, unit, stand, tools).await;
    }
    let supply = Arc::clone(&work.supply);
    run_on(supply, work, unit, stand, tools).await
}

/// Runs a whole suite on a server of its own.
async fn run_isolated(
    work: Arc<Work<Servers>>,
    unit: Unit,
    stand: &Stand,
    tools: &Tools,
) -> Vec<Answers> {
    if work.joint.course.is_over() {
        work.skip(unit);
        return Vec::new();
    }
    let supply = Arc::new(work.supply.isolated());
    if let Err(reason) = supply.lease().await {
        work.abort(unit, &reason);
        return Vec::new();
    }
    let running = run_on(Arc::clone(&supply), work, unit, stand, tools);
    let ended = AssertUnwindSafe(running).catch_unwind().await;
    supply.close().await;
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

async fn run_on(
    supply: Arc<Servers>,
    work: Arc<Work<Servers>>,
    unit: Unit,
    stand: &Stand,
    tools: &Tools,
) -> Vec<Answers> {
    let (cell, joint) = (work.cell(unit), &work.joint);
    match &cell.suite.kind {
        SuiteKind::Files(files) => {
            let files = Arc::clone(files);
            return Arc::clone(&work).run_files(supply, unit, files).await;
        }
        SuiteKind::Command(command) => {
            let place = command_cell::Place {
                cell,
                stand,
                place: unit.place,
            };
            command_cell::run_command_cell(&*supply, &place, command, joint).await;
        }
        SuiteKind::Mysqltest(spec) => {
            let place = mysqltest_cell::Place {
                cell,
                stand,
                tools,
                place: unit.place,
            };
            match supply.lease().await {
                Ok(lease) => {
                    mysqltest_cell::run_mysqltest_cell(&lease.server, place, spec, joint).await;
                }
                Err(reason) => work.abort(unit, &reason),
            }
        }
    }
    Vec::new()
}
