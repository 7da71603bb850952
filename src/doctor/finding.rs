//! The result of a check.

use std::fmt;

use super::Fix;

/// A check with its result.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The check's name, a word or two.
    pub check: String,
    /// Its state.
    pub state: State,
    /// The result.
    pub found: String,
    /// How to fix it.
    pub remedy: Option<String>,
    /// A fix that needs no further confirmation.
    pub fix: Option<Fix>,
}

/// The state of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// No problem.
    Ok,
    /// Information, or something that the next run handles.
    Note,
    /// Prevents dbmatrix from working.
    Problem,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Ok => "ok",
            State::Note => "note",
            State::Problem => "problem",
        })
    }
}

impl Finding {
    pub(super) fn ok(check: impl Into<String>, found: impl Into<String>) -> Self {
        Finding::new(State::Ok, check, found)
    }

    pub(super) fn note(check: impl Into<String>, found: impl Into<String>) -> Self {
        Finding::new(State::Note, check, found)
    }

    pub(super) fn problem(check: impl Into<String>, found: impl Into<String>) -> Self {
        Finding::new(State::Problem, check, found)
    }

    pub(super) fn new(state: State, check: impl Into<String>, found: impl Into<String>) -> Self {
        Finding {
            check: check.into(),
            state,
            found: found.into(),
            remedy: None,
            fix: None,
        }
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    pub(super) fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}
