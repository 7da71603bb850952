//! What dbmatrix says to servers, and what it makes of their answers: suites, sessions,
//! comparison.
//!
//! Knows no containers. Everything that a statement passes through is here, so that the
//! build can optimise it more than the rest (`docs/build.md`).

pub mod compare;
pub mod content;
pub mod effect;
pub mod outcome;
pub mod package;
pub mod read_only;
pub mod session;
pub mod sql_text;
pub mod suite;
pub mod version;
