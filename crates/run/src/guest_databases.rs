//! Databases that this process created on external servers and has not dropped yet.
//!
//! Only this process may drop them: the next run cannot know whether they belong to a run
//! that is still active, perhaps on another machine.

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

/// Returns the remaining ones.
pub(super) fn remaining() -> Vec<String> {
    let made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.iter().cloned().collect()
}
