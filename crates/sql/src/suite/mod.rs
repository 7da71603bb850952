//! Reads files of a suite as steps: what to run, and the expected results.
//!
//! Owns the two kinds of files (`.slt` and `.sql`), conditions, the stored
//! expectations of `.sql` files, and known divergences. Knows no connection.

mod client;
mod condition;
mod error;
mod expectation;
mod fault;
mod form;
mod known;
pub(crate) mod known_entry;
mod lines;
mod order;
mod slt;
mod sql;
mod step;

pub use client::{Command, Lexer, Modes, Piece, Statement};
pub use condition::{Condition, Conditions, Facts};
pub use error::SuiteError;
pub use expectation::{Absent, Expectation, Recorded, UnlikeStatements, expectation_path};
pub use fault::{Fault, FaultVerb};
pub use form::{FormReader, statement_form};
pub use known::read_kinds;
pub use known::{KnownDivergence, KnownDivergences, known_path, one_line, proposal};
pub use known_entry::Reason;
pub use order::{asks_for_counts, asks_for_order};
pub use slt::{SltOptions, SltSteps};
pub use sql::{SqlMark, SqlSteps};
pub use step::{Action, Step, SystemCommand};

use std::path::Path;

/// The kind of a case's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// sqllogictest: `.slt` or `.test`.
    Slt,
    /// Plain statements: `.sql`.
    Sql,
}

impl FileKind {
    /// By the file's extension; `None` for any other.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "slt" | "test" => Some(FileKind::Slt),
            "sql" => Some(FileKind::Sql),
            _ => None,
        }
    }
}
