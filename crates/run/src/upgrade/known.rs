//! What is known of the differences of upgrades, and which entries explained something.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use dbmatrix_report::event::Stale;
use dbmatrix_sql::content::{ContentDifference, KnownChange, KnownChanges};
use dbmatrix_sql::suite::Facts;

/// A file of known divergences, which several tables of a matrix may name.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) path: PathBuf,
    changes: KnownChanges,
    states: Vec<AtomicU8>,
    /// Walks whose differences the file may explain.
    wanted: AtomicUsize,
    /// Those that came to a comparison.
    compared: AtomicUsize,
}

/// No path was walked to which the entry applies.
const NOT_MET: u8 = 0;
/// It applies to a path, and explains nothing so far.
const MET: u8 = 1;
const EXPLAINS: u8 = 2;

impl Known {
    pub(super) fn new(path: PathBuf, changes: KnownChanges) -> Self {
        let entries = changes.entries.iter();
        Known {
            path,
            states: entries.map(|_| AtomicU8::new(NOT_MET)).collect(),
            changes,
            wanted: AtomicUsize::new(0),
            compared: AtomicUsize::new(0),
        }
    }

    /// Notes walks to come.
    pub(super) fn expect(&self, walks: usize) {
        self.wanted.fetch_add(walks, Ordering::Relaxed);
    }

    /// Notes a walk that has come to a comparison, on a newer server with these facts.
    pub(super) fn meet(&self, facts: &Facts) {
        self.compared.fetch_add(1, Ordering::Relaxed);
        for (state, entry) in self.states.iter().zip(&self.changes.entries) {
            if entry.applies_to(facts) {
                state.fetch_max(MET, Ordering::Relaxed);
            }
        }
    }

    /// The entry that explains a difference.
    pub(super) fn explain(&self, found: &ContentDifference, facts: &Facts) -> Option<&KnownChange> {
        let at = self.changes.explaining(found, facts)?;
        self.states[at].fetch_max(EXPLAINS, Ordering::Relaxed);
        self.changes.entries.get(at)
    }

    /// Entries that apply to a path that was walked, and explain nothing on any. As long as
    /// one that was not walked might need them, only expired ones.
    pub(super) fn stale(&self, is_partial: bool) -> Vec<Stale> {
        let compared = self.compared.load(Ordering::Relaxed);
        let is_whole = !is_partial && compared == self.wanted.load(Ordering::Relaxed);
        let entries = self.states.iter().zip(&self.changes.entries);
        let stale = entries.filter(|(state, entry)| {
            let explains_nothing = state.load(Ordering::Relaxed) == MET;
            explains_nothing && (is_whole || entry.expired.is_some())
        });
        let told = stale.map(|(_, entry)| Stale {
            suite: super::SUITE.to_owned(),
            file: self.path.clone(),
            line: entry.line,
            statement: entry.object.clone(),
            flavours: Vec::new(),
            why: match &entry.expired {
                Some(day) => format!("it expired on {day}"),
                None => "it explains no difference".to_owned(),
            },
        });
        told.collect()
    }
}
