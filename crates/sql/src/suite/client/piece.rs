//! The pieces of a text.

use super::command::Command;
use crate::sql_text::Sql;

/// One statement and the line where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Line of its first character that is neither blank nor comment, from 1.
    pub line: usize,
    /// Without the delimiter.
    pub sql: Sql,
    /// Whether `\G` ended it, so that its rows appear as a line per column.
    pub vertical: bool,
    /// Comment lines (`-- …`) before it, without the dashes.
    pub leading_comments: Vec<(usize, String)>,
}

/// A piece of the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A statement to send.
    Statement(Statement),
    /// A command that the caller must handle.
    Command {
        /// Its line.
        line: usize,
        /// As written in the file.
        text: Vec<u8>,
        /// Its effect.
        command: Command,
    },
    /// A command that is rejected or invalid.
    Wrong {
        /// Its line.
        line: usize,
        /// The expected and the found text.
        message: String,
    },
}

/// A session's rules for reading text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// A backslash in a string is an ordinary letter: the status flag that servers send
    /// while `NO_BACKSLASH_ESCAPES` is set.
    pub no_backslash_escapes: bool,
    /// `$$ … $$` is a string, as in MySQL since 9.0.
    pub dollar_quotes: bool,
}
