//! Entries for a file of known divergences, proposed for review.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use dbmatrix_platform::whole_file::replace_file;
use dbmatrix_report::event::{Event, Sender, Verdict};
use dbmatrix_sql::compare::{Kind, Kinds};
use dbmatrix_sql::suite::{one_line, proposal};

use super::comparison::StepFacts;

/// Header of a new file.
const HEAD: &str =
    "# Known divergences; proposed by `dbmatrix run --update`, with reasons by people.\n";

/// Only one thread at a time appends to a file.
static WRITING: Mutex<()> = Mutex::new(());

/// The proposals for one file.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    found: Vec<Proposal>,
    /// Number of steps by statement.
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

    /// Adds a test that fails on some flavours.
    pub(super) fn add(&mut self, test: &str, flavours: Vec<String>, kinds: Kinds) {
        self.found.push(Proposal {
            statement: test.to_owned(),
            nth: 1,
            flavours,
            kinds,
        });
    }

    /// Adds a step that flavours answer unlike the others.
    pub(super) fn differs(&mut self, step: &StepFacts, flavours: Vec<String>, kinds: Kinds) {
        self.found.push(Proposal {
            statement: one_line(&step.statement),
            nth: step.nth,
            flavours,
            kinds,
        });
    }

    /// Adds a step that fails its expectation on some of `all` flavours. A failure on all
    /// of them is not a difference between flavours.
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

    /// Appends the proposals to the file and keeps what users wrote in it.
    pub(super) fn write(&mut self, path: &Path, events: &Sender) {
        if self.found.is_empty() {
            return;
        }
        // Suites and flavours may share a file.
        let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let written = match std::fs::read(path) {
            Ok(before) => self.append_to(before, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.append_to(Vec::new(), path)
            }
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => events.send(Event::ExpectationWritten {
                file: path.to_owned(),
            }),
            Err(error) => events.send(Event::Aborted {
                verdict: Verdict::NotProvided,
                reason: format!("could not write `{}`: {error}", path.display()),
            }),
        }
    }

    fn append_to(&mut self, mut text: Vec<u8>, path: &Path) -> io::Result<()> {
        if text.is_empty() {
            text.extend_from_slice(HEAD.as_bytes());
        }
        for found in self.found.drain(..) {
            let several = self
                .steps
                .get(&found.statement)
                .is_some_and(|count| *count > 1);
            let names: Vec<&str> = found.flavours.iter().map(String::as_str).collect();
            let nth = several.then_some(found.nth);
            text.push(b'\n');
            let entry = proposal(&found.statement, nth, &names, found.kinds);
            text.extend_from_slice(entry.as_bytes());
        }
        replace_file(path, &text).map(drop)
    }
}
