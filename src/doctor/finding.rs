//! What a check says.

use std::fmt;

use super::Fix;

/// What was looked at, and what was found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub check: String,
    /// How it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// What can be done about it without asking further.
    pub fix: Option<Fix>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Ok,
    /// Worth knowing, or something that the next run sees to.
    Note,
    /// Keeps dbmatrix from working.
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
