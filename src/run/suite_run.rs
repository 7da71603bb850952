//! One file of a suite on one flavour: its tries, and what is said of them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::RunContext;
use super::case::{Case, CaseEnd, run_case};
use super::comparison::{Comparison, Sink};
use super::expectations::Answers;
use super::supply::Supply;
use crate::event::{Event, Failure};
use crate::matrix::FilesSpec;
use crate::plan::SuiteRun;
use crate::suite::{Facts, FileKind};

/// How often a progress line moves.
const TICK: Duration = Duration::from_millis(250);

/// A file of a suite, to be run on one flavour.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileUnit<'a> {
    pub(super) cell: &'a SuiteRun,
    pub(super) files: &'a Arc<FilesSpec>,
    pub(super) path: &'a Path,
    /// Its place among all that the flavour runs.
    pub(super) place: usize,
    /// When the suite's time is over, and how long that is.
    pub(super) deadline: Option<(Instant, Duration)>,
}

/// Runs a file on one flavour; gives what is recorded of it, where expectations
/// are written.
pub(super) async fn run_file(
    supply: &impl Supply,
    facts: Facts,
    unit: &FileUnit<'_>,
    context: &RunContext,
) -> Option<Answers> {
    let FileUnit {
        cell, files, path, ..
    } = unit;
    let key = (cell.suite.name.clone(), path.to_path_buf());
    let (kind, comparison) = (FileKind::of(path)?, context.comparisons.get(&key)?);
    if context.fail_fast.is_over() {
        comparison.without(&cell.flavour);
        context.note_cut();
        return None;
    }
    let case = Case {
        path: path.to_path_buf(),
        kind,
        facts,
        suite: Arc::clone(files),
        known: comparison.known(),
        update: context.updates(files) && kind == FileKind::Sql,
        deadline: unit.deadline,
        fail_fast: context.fail_fast.clone(),
        events: context.events.clone(),
        steps_done: Arc::new(AtomicUsize::new(0)),
    };
    let ended = run_told(supply, unit, &case, comparison, context).await;
    // What an outcome is not known of keeps its expectation.
    let is_whole = ended.result.aborted.is_none() && !ended.result.cut;
    if case.update && !is_whole {
        context.events.warn(format!(
            "{}: `{}` was not run to its end: its expectations stay as they are",
            cell.flavour,
            path.display()
        ));
    }
    (case.update && is_whole).then_some(Answers {
        path: case.path,
        facts: case.facts,
        recorded: ended.recorded,
    })
}

/// Runs a file and says so.
async fn run_told(
    supply: &impl Supply,
    unit: &FileUnit<'_>,
    case: &Case,
    comparison: &Comparison,
    context: &RunContext,
) -> CaseEnd {
    let cell = unit.cell;
    context.events.send(Event::CaseStarted {
        flavour: cell.flavour.clone(),
        suite: cell.suite.name.clone(),
        file: case.path.clone(),
    });
    let mut sink = comparison.sink(&case.facts);
    let mut ended = run_until_good(supply, cell, case, sink.as_mut(), context).await;
    if ended.result.cut {
        context.note_cut();
    }
    ended.result.place = unit.place;
    context.finish_case(cell, case.path.clone(), ended.result.clone());
    ended
}

/// Runs a file, again where it fails and the suite asks for retries.
async fn run_until_good(
    supply: &impl Supply,
    cell: &SuiteRun,
    case: &Case,
    mut sink: Option<&mut Sink>,
    context: &RunContext,
) -> CaseEnd {
    let mut flaky: Vec<Failure> = Vec::new();
    let mut left = Vec::new();
    let mut retries = 0;
    loop {
        let last = retries == cell.suite.retries;
        if let Some(sink) = sink.as_mut() {
            match last {
                false => sink.buffer(),
                true => sink.forget(),
            }
        }
        let attempt = Case {
            // An earlier try's failures must not end the run.
            fail_fast: if last {
                case.fail_fast.clone()
            } else {
                case.fail_fast.detached()
            },
            ..case.clone()
        };
        let mut ended = watched(supply, &attempt, sink.as_deref_mut(), cell, context).await;
        left.append(&mut ended.result.left);
        if ended.result.is_good() || last {
            if let Some(sink) = sink {
                sink.release();
            }
            ended.result.retries = retries;
            ended.result.flaky = flaky;
            ended.result.left = left;
            return ended;
        }
        flaky = ended.result.failures;
        flaky.retain(|failure| failure.known.is_none());
        retries += 1;
    }
}

/// Runs a case on a server of the supply, which has to do without that server after
/// a case that leaves too much. Says now and then how far it is.
async fn watched(
    supply: &impl Supply,
    case: &Case,
    sink: Option<&mut Sink>,
    cell: &SuiteRun,
    context: &RunContext,
) -> CaseEnd {
    let steps = Arc::clone(&case.steps_done);
    let lease = match supply.lease().await {
        Ok(lease) => lease,
        Err(reason) => return CaseEnd::without_server(reason),
    };
    let running = run_case(&lease.server, case, sink, || lease.is_alone());
    tokio::pin!(running);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            mut ended = &mut running => {
                if ended.dirty {
                    lease.give_up(&mut ended.result.left);
                }
                return ended;
            }
            _ = tick.tick() => context.events.send(Event::CaseProgress {
                flavour: cell.flavour.clone(),
                suite: cell.suite.name.clone(),
                file: case.path.clone(),
                steps: steps.load(Ordering::Relaxed),
            }),
        }
    }
}
