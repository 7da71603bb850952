//! Entries for a file of known divergences, proposed for review.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use super::command::Caller;
use super::comparison::StepFacts;
use crate::compare::{Kind, Kinds};
use crate::event::{Event, Sender};
use crate::suite::{one_line, proposal};

/// What is to be proposed of one file.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    found: Vec<Proposal>,
    /// How many steps have a statement.
    steps: HashMap<String, usize>,
}

#[derive(Debug, PartialEq)]
struct Proposal {
    statement: String,
    nth: usize,
    flavours: Vec<String>,
    kinds: Kinds,
}

impl Proposals {
    pub(super) fn count(&mut self, step: &StepFacts) {
        *self.steps.entry(one_line(&step.statement)).or_default() += 1;
    }

    /// A test that fails on flavours.
    pub(super) fn add(&mut self, test: &str, flavours: Vec<String>, kinds: Kinds) {
        self.found.push(Proposal {
            statement: test.to_owned(),
            nth: 1,
            flavours,
            kinds,
        });
    }

    /// Flavours that answer unlike the others.
    pub(super) fn differs(&mut self, step: &StepFacts, flavours: Vec<String>, kinds: Kinds) {
        self.found.push(Proposal {
            statement: one_line(&step.statement),
            nth: step.nth,
            flavours,
            kinds,
        });
    }

    /// Flavours, of `all`, on which the step is not as expected. One that fails
    /// everywhere is no difference between flavours.
    pub(super) fn failed(&mut self, step: &StepFacts, failed: Vec<(&str, Kind)>, all: usize) {
        if failed.is_empty() || failed.len() == all {
            return;
        }
        let mut kinds: Vec<Kind> = failed.iter().map(|(_, kind)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let with_it = failed.iter().filter(|(_, other)| *other == kind);
            let names = with_it.map(|(name, _)| (*name).to_owned()).collect();
            self.differs(step, names, kind.into());
        }
    }

    /// Appends the proposals to the file; what people wrote in it stays.
    pub(super) fn write(&mut self, path: &Path, caller: &Caller, events: &Sender) {
        if self.found.is_empty() {
            return;
        }
        let is_new = !path.exists();
        let mut text = match std::fs::metadata(path).map_or(0, |file| file.len()) {
            0 => "# Known divergences; proposed by `dbmatrix run --update`, with reasons by people.\n"
                .to_owned(),
            _ => String::new(),
        };
        for found in self.found.drain(..) {
            let several = self
                .steps
                .get(&found.statement)
                .is_some_and(|count| *count > 1);
            let names: Vec<&str> = found.flavours.iter().map(String::as_str).collect();
            let nth = several.then_some(found.nth);
            text.push('\n');
            text.push_str(&proposal(&found.statement, nth, &names, found.kinds));
        }
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        match file.and_then(|mut file| file.write_all(text.as_bytes())) {
            Ok(()) => {
                if is_new {
                    caller.hand_over(path);
                }
                events.send(Event::ExpectationWritten {
                    file: path.to_owned(),
                });
            }
            Err(error) => events.warn(format!("could not write `{}`: {error}", path.display())),
        }
    }
}
