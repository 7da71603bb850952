//! Whether a run goes on: `--fail-fast` ends it at the first failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a run is to go, and whether it still does. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct FailFast {
    /// Whether what the servers answer is written as expectation.
    pub(super) update: bool,
    fail_fast: bool,
    failed: Arc<AtomicBool>,
}

impl FailFast {
    pub(super) fn new(update: bool, fail_fast: bool) -> Self {
        FailFast {
            update,
            fail_fast,
            failed: Arc::default(),
        }
    }

    /// Whether the first failure ends the run.
    pub(super) fn fails_fast(&self) -> bool {
        self.fail_fast
    }

    pub(super) fn note_failure(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// The same course for a try that is not the last: its failures are its own.
    pub(super) fn detached(&self) -> Self {
        FailFast {
            failed: Arc::default(),
            fail_fast: false,
            ..self.clone()
        }
    }

    /// Whether nothing more is to be begun.
    pub(super) fn is_over(&self) -> bool {
        self.fail_fast && self.failed.load(Ordering::Relaxed)
    }
}
