//! One suite on one flavour: its files, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Answers;
use super::case::{Case, run_case};
use crate::event::{Event, Sender};
use crate::plan::Cell;
use crate::server::Server;
use crate::suite::{Facts, FileKind};

/// How often a progress line moves.
const TICK: Duration = Duration::from_millis(250);

pub(super) async fn run_cell(
    server: &Server,
    cell: &Cell,
    update: bool,
    events: &Sender,
) -> Vec<Answers> {
    let facts = Facts {
        flavour: cell.flavour.clone(),
        family: server.identity.family,
        version: server.identity.version,
        labels: cell.labels.clone(),
    };
    let mut answers = Vec::new();
    for path in &cell.files {
        let Some(kind) = FileKind::of(path) else {
            continue;
        };
        events.send(Event::CaseStarted {
            flavour: cell.flavour.clone(),
            suite: cell.suite.clone(),
            file: path.clone(),
        });
        let case = Case {
            path: path.clone(),
            kind,
            facts: facts.clone(),
            update: update && kind == FileKind::Sql,
            steps_done: Arc::new(AtomicUsize::new(0)),
        };
        let ended = watched(server, &case, &cell.flavour, events).await;
        events.send(Event::CaseFinished {
            flavour: cell.flavour.clone(),
            suite: cell.suite.clone(),
            file: path.clone(),
            result: ended.result,
        });
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

/// Runs a case and says now and then how far it is.
async fn watched(
    server: &Server,
    case: &Case,
    flavour: &str,
    events: &Sender,
) -> super::case::CaseEnd {
    let steps = Arc::clone(&case.steps_done);
    let running = run_case(server, case);
    tokio::pin!(running);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            ended = &mut running => return ended,
            _ = tick.tick() => events.send(Event::CaseProgress {
                flavour: flavour.to_owned(),
                steps: steps.load(Ordering::Relaxed),
            }),
        }
    }
}
