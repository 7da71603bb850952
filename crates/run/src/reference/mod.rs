//! Reference files: what flavours answered to a file of statements or a log, kept for
//! comparisons with other flavours later and elsewhere.
//!
//! A reference is one zstd frame of lines, each a JSON object with one name:
//!
//! ```text
//! {"reference": {"format": 1, …}}      the first line: when, by what, of which input
//! {"digest": …}, {"statement": …}      of a log: its figures, and the examples that run
//! {"text": …}                          of a file of statements: its text, in pieces
//! {"answer": …}                        a step, with each flavour's answer
//! {"end": …}                           the flavours, and the number of answers
//! ```
//!
//! Answers are written as they are compared, so that memory is bounded. Without its last
//! line a file is incomplete. Everything in it is read as if somebody with bad intentions had
//! written it: lines have a longest length, names are checked, and a statement runs only
//! where the rules for logs would let it run today.
//!
//! Knows no server. A comparison ([`super::comparison`]) writes and reads the answers.

mod error;
mod format;
mod input;
mod lines;
mod read;
mod write;

pub use error::ReferenceError;
pub use read::{RecordedFlavour, Reference};
pub use write::{Recorded, Recording, Source};

pub(super) use read::AnswerReader;

#[cfg(test)]
mod tests;
