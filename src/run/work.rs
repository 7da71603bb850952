//! One flavour's part of a plan: its cells cut into units, and what a unit does.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::time::Instant;

use super::cell::{FileUnit, run_file};
use super::pool::work_through;
use super::prepared::Prepared;
use super::thread::on_own_thread;
use super::units::{Cut, Unit, Units};
use super::{Answers, Joint, write_expectations};
use crate::event::{CaseResult, Event, Sender};
use crate::matrix::{FilesSpec, SuiteKind};
use crate::plan::{Cell, Plan};
use crate::session::Connect;
use crate::suite::{Facts, SuiteError};
use crate::version::Identity;

/// A flavour that somebody is logged in to, with what is to be run on it.
pub(super) struct Work<S> {
    pub(super) server: S,
    pub(super) joint: Joint,
    /// What conditions are asked of, but for a suite's labels.
    facts: Facts,
    cells: Vec<CellWork>,
}

struct CellWork {
    cell: Cell,
    /// When its first unit began.
    begun: OnceLock<Instant>,
}

impl<S> Work<S> {
    /// The plan's cells of a flavour.
    pub(super) fn new(
        server: S,
        flavour: &str,
        identity: &Identity,
        plan: &Plan,
        joint: Joint,
    ) -> Self {
        let cells = plan.cells.iter().filter(|cell| cell.flavour == flavour);
        let cells = cells.map(|cell| CellWork {
            cell: cell.clone(),
            begun: OnceLock::new(),
        });
        Work {
            server,
            joint,
            facts: Facts {
                flavour: flavour.to_owned(),
                family: identity.family,
                version: identity.version,
                labels: Vec::new(),
            },
            cells: cells.collect(),
        }
    }

    /// The cells as units, `jobs` of them at a time.
    pub(super) fn units(&self, jobs: usize) -> Units {
        let cuts = self.cells.iter().map(|work| match &work.cell.suite.kind {
            SuiteKind::Files(files) => Cut::Files {
                count: files.files.len(),
                at_a_time: files.jobs.unwrap_or(usize::MAX),
            },
            SuiteKind::Command(_) => Cut::Whole,
            // It has workers of its own.
            SuiteKind::Mysqltest(_) => Cut::Alone,
        });
        Units::new(&cuts.collect::<Vec<_>>(), jobs)
    }

    pub(super) fn cell(&self, unit: Unit) -> &Cell {
        &self.cells[unit.cell].cell
    }

    /// When the time of a unit's suite is over, and how long that is. It counts
    /// from when its first unit began.
    fn deadline(&self, unit: Unit) -> Option<(Instant, Duration)> {
        let work = &self.cells[unit.cell];
        let begun = *work.begun.get_or_init(Instant::now);
        work.cell.suite.limit.map(|limit| (begun + limit, limit))
    }

    /// A unit whose task panicked: a fault of dbmatrix, and told as that.
    pub(super) fn lost(&self, unit: Unit, reason: &str) {
        let cell = self.cell(unit);
        let file = match &cell.suite.kind {
            SuiteKind::Files(files) => files.files[unit.part].clone(),
            SuiteKind::Command(command) => PathBuf::from(command.title()),
            SuiteKind::Mysqltest(_) => PathBuf::from("main"),
        };
        self.joint.course.note_failure();
        self.joint.events.send(Event::CaseFinished {
            flavour: cell.flavour.clone(),
            suite: cell.suite.name.clone(),
            file,
            result: CaseResult {
                aborted: Some(format!(
                    "dbmatrix itself failed, which is an error of its own to be reported: {reason}"
                )),
                place: unit.place,
                ..CaseResult::default()
            },
        });
    }
}

impl<S: Connect + 'static> Work<S> {
    /// Runs a file; gives what is recorded of it.
    pub(super) async fn run_file(
        self: Arc<Self>,
        unit: Unit,
        files: Arc<FilesSpec>,
    ) -> Option<Answers> {
        on_own_thread(async move {
            let facts = Facts {
                labels: files.labels.clone(),
                ..self.facts.clone()
            };
            let unit = FileUnit {
                cell: self.cell(unit),
                files: &files,
                path: &files.files[unit.part],
                place: unit.place,
                deadline: self.deadline(unit),
            };
            run_file(&self.server, facts, &unit, &self.joint).await
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
///
/// # Errors
/// Where an expectation cannot be written; what fails elsewhere is an event.
pub async fn run_files_on<S: Connect + 'static>(
    server: S,
    flavour: &str,
    identity: &Identity,
    plan: &Plan,
    prepared: &Prepared,
    events: &Sender,
) -> Result<(), SuiteError> {
    let joint = prepared.join(plan, events);
    let mut plan = plan.clone();
    plan.cells
        .retain(|cell| matches!(cell.suite.kind, SuiteKind::Files(_)));
    let work = Arc::new(Work::new(server, flavour, identity, &plan, joint));
    let run = |unit: Unit| {
        let work = Arc::clone(&work);
        async move {
            match &work.cell(unit).suite.kind {
                SuiteKind::Files(files) => {
                    let files = Arc::clone(files);
                    Arc::clone(&work).run_file(unit, files).await
                }
                SuiteKind::Command(_) | SuiteKind::Mysqltest(_) => None,
            }
        }
    };
    let jobs = jobs(prepared.options.jobs, plan.flavours.len());
    let given = work_through(work.units(jobs), run, |unit, reason| {
        work.lost(unit, &reason)
    });
    let answers = given.await.into_iter().flatten().collect();
    write_expectations(answers, &prepared.options.caller, events)
}
