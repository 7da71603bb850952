//! What differs on a path, and what is known of it.

use std::sync::atomic::{AtomicU8, Ordering};

use dbmatrix_report::UpgradeDifference;
use dbmatrix_sql::content::{
    Content, ContentDifference, ContentScope, KnownChanges, compare_contents,
};
use dbmatrix_sql::suite::Facts;

/// Which entries of a file explained something.
#[derive(Debug)]
pub(super) struct Explained(Vec<AtomicU8>);

/// No path was walked to which the entry applies.
const NOT_MET: u8 = 0;
/// It applies to a path, and explains nothing so far.
const MET: u8 = 1;
const EXPLAINS: u8 = 2;

impl Explained {
    pub(super) fn new(entries: usize) -> Self {
        Explained((0..entries).map(|_| AtomicU8::new(NOT_MET)).collect())
    }

    fn note(&self, entry: usize, state: u8) {
        self.0[entry].fetch_max(state, Ordering::Relaxed);
    }

    /// Whether an entry applies and explains nothing.
    pub(super) fn is_stale(&self, entry: usize) -> bool {
        self.0[entry].load(Ordering::Relaxed) == MET
    }
}

/// Significant and other differences.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) significant: Vec<UpgradeDifference>,
    pub(super) others: Vec<UpgradeDifference>,
}

/// Compares the content before and after on a server with these facts.
pub(super) fn compare(
    before: &Content,
    after: &Content,
    known: Option<(&KnownChanges, &Explained)>,
    facts: &Facts,
) -> Differences {
    if let Some((known, explained)) = known {
        let entries = known.entries.iter().enumerate();
        let met = entries.filter(|(_, entry)| entry.applies_to(facts));
        met.for_each(|(at, _)| explained.note(at, MET));
    }
    let mut differences = Differences::default();
    for found in compare_contents(before, after, ContentScope::Server) {
        let entry = known.and_then(|(known, explained)| {
            let at = known.explaining(&found, facts)?;
            explained.note(at, EXPLAINS);
            Some(&known.entries[at])
        });
        let reason = entry.map(|entry| entry.reason.text.clone());
        let list = match found.kind.is_significant() {
            true => &mut differences.significant,
            false => &mut differences.others,
        };
        list.push(told(found, reason));
    }
    differences
}

fn told(found: ContentDifference, known: Option<String>) -> UpgradeDifference {
    UpgradeDifference {
        kind: found.kind.to_string(),
        text: found.to_string(),
        subject: found.subject,
        property: found.property,
        before: found.before,
        after: found.after,
        known,
    }
}
