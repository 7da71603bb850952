//! A run: the ground, the nest, flavours side by side, their cells.
//!
//! Speaks events; prints nothing. Knows how things follow each other and what
//! happens when one of them fails: one flavour never stops another.

pub mod case;
mod cell;
mod flavour;
mod lock;
mod stand;

pub use flavour::provide;
pub use lock::{Lock, LockError};
pub use stand::{Stand, StandError, StandOptions};

use std::path::PathBuf;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::event::{Event, Sender};
use crate::plan::Plan;
use crate::suite::{Expectation, Facts, Recorded, SuiteError, expectation_path};

/// What one flavour recorded of one file.
struct Answers {
    path: PathBuf,
    facts: Facts,
    recorded: Recorded,
}

/// Provides all flavours of the plan and runs their cells, side by side.
///
/// With `update`, what the flavours answer is written as expectation.
///
/// # Errors
/// Where an expectation cannot be written; what fails elsewhere is an event.
pub async fn run(
    stand: &Stand,
    plan: &Plan,
    update: bool,
    events: &Sender,
) -> Result<(), SuiteError> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for flavour in plan.flavours.clone() {
        let cells: Vec<_> = plan
            .cells
            .iter()
            .filter(|cell| cell.flavour == flavour.name)
            .cloned()
            .collect();
        let (stand, events) = (stand.clone(), events.clone());
        tasks.spawn(async move {
            let mut answers = Vec::new();
            if let Some(server) = provide(&stand, &flavour, begun, &events).await {
                for cell in &cells {
                    answers.extend(cell::run_cell(&server, cell, update, &events).await);
                }
                events.send(Event::FlavourFinished {
                    flavour: flavour.name.clone(),
                });
            }
            answers
        });
    }
    let mut answers = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(of_flavour) => answers.extend(of_flavour),
            Err(error) => events.warn(format!("a flavour's task ended unexpectedly: {error}")),
        }
    }
    if update {
        write_expectations(answers, events)
    } else {
        Ok(())
    }
}

fn write_expectations(mut answers: Vec<Answers>, events: &Sender) -> Result<(), SuiteError> {
    answers.sort_by(|a, b| (&a.path, &a.facts.flavour).cmp(&(&b.path, &b.facts.flavour)));
    for of_file in answers.chunk_by(|a, b| a.path == b.path) {
        let sql = &of_file[0].path;
        let file = expectation_path(sql);
        let old = Expectation::load(&file)?.unwrap_or_default();
        let recorded: Vec<_> = of_file
            .iter()
            .map(|one| (one.facts.clone(), one.recorded.clone()))
            .collect();
        let text = old.updated(&recorded).to_text(sql);
        std::fs::write(&file, text).map_err(|source| SuiteError::Read {
            path: file.clone(),
            source,
        })?;
        events.send(Event::ExpectationWritten { file });
    }
    Ok(())
}
