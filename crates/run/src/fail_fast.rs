//! Decides whether a run continues: `--fail-fast` ends it at the first failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The mode of a run, and whether it continues. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct FailFast {
    /// Whether the servers' answers are written as expectations.
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

    /// The same mode for a try that is not the last: its failures do not end the run.
    pub(super) fn detached(&self) -> Self {
        FailFast {
            failed: Arc::default(),
            fail_fast: false,
            ..self.clone()
        }
    }

    /// Whether nothing more may begin.
    pub(super) fn is_over(&self) -> bool {
        self.fail_fast && self.failed.load(Ordering::Relaxed)
    }
}
