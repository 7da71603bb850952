//! Databases that this process has made on servers of others and not dropped yet.
//!
//! Nobody but this process may drop them: the next run cannot know whether they
//! are those of a run that is still at work, perhaps on another machine.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

static MADE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

pub(super) fn record_made(database: &str) {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.insert(database.to_owned());
}

pub(super) fn record_dropped(database: &str) {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.remove(database);
}

/// All that are left.
pub(super) fn remaining() -> Vec<String> {
    let made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.iter().cloned().collect()
}
