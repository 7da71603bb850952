//! One suite on one flavour: its files, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::case::{Case, CaseEnd, run_case};
use super::comparison::{Comparison, Sink};
use super::{Answers, Joint};
use crate::event::{Event, Failure};
use crate::matrix::FilesSpec;
use crate::plan::Cell;
use crate::server::Server;
use crate::suite::{Facts, FileKind};

/// How often a progress line moves.
const TICK: Duration = Duration::from_millis(250);

/// Runs a suite's files on one flavour.
pub(super) async fn run_files(
    server: &Server,
    cell: &Cell,
    files: &Arc<FilesSpec>,
    joint: &Joint,
) -> Vec<Answers> {
    let suite = &cell.suite;
    let facts = Facts {
        flavour: cell.flavour.clone(),
        family: server.identity.family,
        version: server.identity.version,
        labels: files.labels.clone(),
    };
    let deadline = suite.limit.map(|limit| (Instant::now() + limit, limit));
    let mut answers = Vec::new();
    for path in &files.files {
        let (Some(kind), Some(comparison)) = (
            FileKind::of(path),
            joint.comparisons.get(&(suite.name.clone(), path.clone())),
        ) else {
            continue;
        };
        if joint.course.is_over() {
            comparison.without(&cell.flavour);
            joint.note_cut();
            continue;
        }
        let case = Case {
            path: path.clone(),
            kind,
            facts: facts.clone(),
            suite: Arc::clone(files),
            known: comparison.known(),
            update: joint.updates(files) && kind == FileKind::Sql,
            deadline,
            course: joint.course.clone(),
            steps_done: Arc::new(AtomicUsize::new(0)),
        };
        let ended = run_file(server, cell, &case, comparison, joint).await;
        if case.update {
            answers.push(Answers {
                path: path.clone(),
                facts: facts.clone(),
                recorded: ended.recorded,
            });
        }
    }
    answers
}

/// One file, again where it fails and the suite asks for retries.
async fn run_file(
    server: &Server,
    cell: &Cell,
    case: &Case,
    comparison: &Comparison,
    joint: &Joint,
) -> CaseEnd {
    joint.events.send(Event::CaseStarted {
        flavour: cell.flavour.clone(),
        suite: cell.suite.name.clone(),
        file: case.path.clone(),
    });
    let mut sink = comparison.sink(&case.facts);
    let ended = run_until_good(server, cell, case, sink.as_mut(), joint).await;
    if ended.result.cut {
        joint.note_cut();
    }
    joint.events.send(Event::CaseFinished {
        flavour: cell.flavour.clone(),
        suite: cell.suite.name.clone(),
        file: case.path.clone(),
        result: ended.result.clone(),
    });
    ended
}

async fn run_until_good(
    server: &Server,
    cell: &Cell,
    case: &Case,
    mut sink: Option<&mut Sink>,
    joint: &Joint,
) -> CaseEnd {
    let mut flaky: Vec<Failure> = Vec::new();
    let mut retries = 0;
    loop {
        let last = retries == cell.suite.retries;
        if let Some(sink) = sink.as_mut() {
            match last {
                false => sink.hold_back(),
                true => sink.forget(),
            }
        }
        let attempt = Case {
            // An earlier try's failures must not end the run.
            course: if last {
                case.course.clone()
            } else {
                case.course.unheeding()
            },
            ..case.clone()
        };
        let mut ended = watched(server, &attempt, sink.as_deref_mut(), cell, joint).await;
        if ended.result.is_good() || last {
            if let Some(sink) = sink {
                sink.release();
            }
            ended.result.retries = retries;
            ended.result.flaky = flaky;
            return ended;
        }
        flaky = ended.result.failures;
        flaky.retain(|failure| failure.known.is_none());
        retries += 1;
    }
}

/// Runs a case and says now and then how far it is.
async fn watched(
    server: &Server,
    case: &Case,
    sink: Option<&mut Sink>,
    cell: &Cell,
    joint: &Joint,
) -> CaseEnd {
    let steps = Arc::clone(&case.steps_done);
    let running = run_case(server, case, sink);
    tokio::pin!(running);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            ended = &mut running => return ended,
            _ = tick.tick() => joint.events.send(Event::CaseProgress {
                flavour: cell.flavour.clone(),
                steps: steps.load(Ordering::Relaxed),
            }),
        }
    }
}
