//! One flavour's part of a plan: its cells cut into units, and what a unit does.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::time::Instant;

use super::RunContext;
use super::allowed;
use super::expectations::{Answers, write_expectations};
use super::external;
use super::pool::work_through;
use super::scheduler::{Job, Partitioning, Scheduler};
use super::side_by_side::our_own_fault;
use super::suite_run::{FileUnit, run_file};
use super::supply::{Only, Supply};
use super::thread::on_own_thread;
use super::validated::ValidatedPlan;
use crate::event::{CaseResult, Sender};
use crate::matrix::{FilesSpec, Isolation, SuiteKind, SuiteSpec};
use crate::plan::{Plan, SuiteRun};
use crate::read_only::Modes;
use crate::session::{Connect, Tenancy};
use crate::suite::{Facts, SltOptions};
use crate::version::Identity;

/// A flavour that somebody is logged in to, with what is to be run on it.
pub(super) struct Work<P> {
    pub(super) supply: Arc<P>,
    pub(super) context: RunContext,
    about: FlavourFacts,
    cells: Vec<CellWork>,
}

/// What is known of a flavour whose server somebody is logged in to.
pub(super) struct FlavourFacts {
    /// What conditions are asked of, but for a suite's labels.
    facts: Facts,
    /// What dbmatrix is on the server.
    tenancy: Tenancy,
    /// How its sessions take quotes.
    modes: Modes,
}

impl FlavourFacts {
    /// A flavour whose server dbmatrix may do anything to.
    pub(super) fn of(flavour: &str, identity: &Identity) -> Self {
        FlavourFacts {
            facts: Facts {
                flavour: flavour.to_owned(),
                family: identity.family,
                version: identity.version,
                labels: Vec::new(),
            },
            tenancy: Tenancy::Owner,
            modes: Modes::default(),
        }
    }

    /// The same for a server on which dbmatrix is something else, and whose
    /// sessions begin in this mode, as far as it is known.
    pub(super) fn on(self, tenancy: Tenancy, sql_mode: &str) -> Self {
        let modes = match sql_mode {
            "" => Modes::default(),
            known => Modes::of_sql_mode(known),
        };
        FlavourFacts {
            tenancy,
            modes,
            ..self
        }
    }
}

struct CellWork {
    cell: SuiteRun,
    /// When its first unit began.
    begun: OnceLock<Instant>,
}

impl<P> Work<P> {
    /// The plan's cells of a flavour.
    pub(super) fn new(supply: P, about: FlavourFacts, plan: &Plan, context: RunContext) -> Self {
        let flavour = about.facts.flavour.as_str();
        let cells = plan
            .suite_runs
            .iter()
            .filter(|cell| cell.flavour == flavour);
        let cells = cells.map(|cell| CellWork {
            cell: cell.clone(),
            begun: OnceLock::new(),
        });
        Work {
            supply: Arc::new(supply),
            context,
            cells: cells.collect(),
            about,
        }
    }

    /// The cells as units, `jobs` of them at a time.
    pub(super) fn units(&self, jobs: usize) -> Scheduler {
        let cuts = self.cells.iter().map(|work| match &work.cell.suite.kind {
            // It is run as a whole, since it has a server of its own.
            SuiteKind::Files(_) if work.cell.suite.isolation == Isolation::Clone => {
                Partitioning::Whole
            }
            SuiteKind::Files(files) => Partitioning::Files {
                count: files.files.len(),
                at_a_time: files.jobs.unwrap_or(usize::MAX),
            },
            SuiteKind::Command(_) => Partitioning::Whole,
            // It has workers of its own.
            SuiteKind::Mysqltest(_) => Partitioning::Exclusive,
        });
        Scheduler::new(&cuts.collect::<Vec<_>>(), jobs)
    }

    pub(super) fn cell(&self, unit: Job) -> &SuiteRun {
        &self.cells[unit.cell].cell
    }

    /// When the time of a unit's suite is over, and how long that is. It counts
    /// from when its first unit began.
    fn deadline(&self, unit: Job) -> Option<(Instant, Duration)> {
        let work = &self.cells[unit.cell];
        let begun = *work.begun.get_or_init(Instant::now);
        work.cell.suite.timeout.map(|limit| (begun + limit, limit))
    }

    /// What a unit runs: files of its suite, or the whole.
    fn names(&self, unit: Job) -> Vec<PathBuf> {
        let suite = &self.cell(unit).suite;
        match &suite.kind {
            SuiteKind::Files(files) => files.files[parts(suite, files, unit)].to_vec(),
            SuiteKind::Command(command) => vec![PathBuf::from(command.title())],
            SuiteKind::Mysqltest(_) => vec![PathBuf::from("main")],
        }
    }

    /// A unit whose task panicked: a fault of dbmatrix, and told as that.
    pub(super) fn lost(&self, unit: Job, reason: &str) {
        self.abort(unit, &our_own_fault(reason));
    }

    /// Tells why nothing of a unit can be run.
    pub(super) fn abort(&self, unit: Job, reason: &str) {
        let cell = self.cell(unit);
        self.context.fail_fast.note_failure();
        for file in self.names(unit) {
            self.leave_out(cell, &file);
            let result = CaseResult {
                aborted: Some(reason.to_owned()),
                place: unit.place,
                ..CaseResult::default()
            };
            self.context.finish_case(cell, file, result);
        }
    }

    /// Why nothing of a unit is run on a server that somebody else keeps.
    pub(super) fn refusal(&self, unit: Job) -> Option<String> {
        external::refusal(&self.cell(unit).suite, self.about.tenancy)
    }

    /// Tells why the flavour does not allow a unit.
    pub(super) fn forbid(&self, unit: Job, reason: &str) {
        for file in self.names(unit) {
            self.forbid_file(unit, file, reason);
        }
    }

    fn forbid_file(&self, unit: Job, file: PathBuf, reason: &str) {
        let cell = self.cell(unit);
        self.leave_out(cell, &file);
        let result = CaseResult {
            skipped: 1,
            note: Some(reason.to_owned()),
            forbidden: true,
            place: unit.place,
            ..CaseResult::default()
        };
        self.context.finish_case(cell, file, result);
    }

    /// Counts a unit as one that was not run, since the run ends.
    pub(super) fn skip(&self, unit: Job) {
        for file in self.names(unit) {
            self.leave_out(self.cell(unit), &file);
            self.context.note_cut();
        }
    }

    /// Nobody is to wait for this flavour's answers to a file.
    fn leave_out(&self, cell: &SuiteRun, file: &Path) {
        let key = (cell.suite.name.clone(), file.to_owned());
        if let Some(comparison) = self.context.comparisons.get(&key) {
            comparison.without(&cell.flavour);
        }
    }
}

/// Which of a suite's files a unit runs.
fn parts(suite: &SuiteSpec, files: &FilesSpec, unit: Job) -> Range<usize> {
    match suite.isolation {
        Isolation::Database => unit.part..unit.part + 1,
        Isolation::Clone => 0..files.files.len(),
    }
}

impl<P: Supply> Work<P> {
    /// Runs a unit's files; gives what is recorded of them.
    pub(super) async fn run_files(
        self: Arc<Self>,
        supply: Arc<P>,
        unit: Job,
        files: Arc<FilesSpec>,
    ) -> Vec<Answers> {
        on_own_thread(async move {
            let cell = self.cell(unit);
            let deadline = self.deadline(unit);
            let mut answers = Vec::new();
            for path in &files.files[parts(&cell.suite, &files, unit)] {
                let facts = Facts {
                    labels: files.labels.clone(),
                    ..self.about.facts.clone()
                };
                let options = SltOptions {
                    allow_system: files.allow_system,
                };
                if self.about.tenancy == Tenancy::Reader
                    && let Some(why) = allowed::refusal(path, options, &facts, self.about.modes)
                {
                    self.forbid_file(unit, path.clone(), &why);
                    continue;
                }
                let file = FileUnit {
                    cell,
                    files: &files,
                    path,
                    place: unit.place,
                    deadline,
                };
                answers.extend(run_file(&*supply, facts, &file, &self.context).await);
            }
            answers
        })
        .await
    }
}

/// How many units run at a time on a flavour: what was chosen, else the
/// processors shared among the flavours.
pub(super) fn jobs(chosen: Option<u32>, flavours: usize) -> usize {
    match chosen {
        Some(jobs) => jobs as usize,
        None => available_parallelism().map_or(1, usize::from) / flavours.max(1),
    }
    .max(1)
}

/// Runs a plan's files on a server that is there already, whatever provides it;
/// suites of other kinds are left out.
/// How that goes, and what fails, are events.
pub async fn run_files_on<S: Connect + 'static>(
    server: S,
    flavour: &str,
    identity: &Identity,
    plan: &Plan,
    prepared: &ValidatedPlan,
    events: &Sender,
) {
    let context = prepared.join(plan, events);
    let mut plan = plan.clone();
    plan.suite_runs
        .retain(|cell| matches!(cell.suite.kind, SuiteKind::Files(_)));
    let about = FlavourFacts::of(flavour, identity).on(server.tenancy(), "");
    let supply = Only::new(server);
    let work = Arc::new(Work::new(supply, about, &plan, context));
    let run = |unit: Job| {
        let work = Arc::clone(&work);
        async move {
            match &work.cell(unit).suite.kind {
                SuiteKind::Files(files) => {
                    let (supply, files) = (Arc::clone(&work.supply), Arc::clone(files));
                    Arc::clone(&work).run_files(supply, unit, files).await
                }
                SuiteKind::Command(_) | SuiteKind::Mysqltest(_) => Vec::new(),
            }
        }
    };
    let jobs = jobs(prepared.options.jobs, plan.flavours.len());
    let given = work_through(work.units(jobs), run, |unit, reason| {
        work.lost(unit, &reason)
    });
    let answers = given.await.into_iter().flatten().collect();
    let no_tests = prepared.options.no_tests;
    work.context
        .activity
        .tell_vacancies(&plan, no_tests, events);
    write_expectations(answers, &plan, events);
}
