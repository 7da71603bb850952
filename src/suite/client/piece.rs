//! What text is cut into.

use super::command::Command;
use crate::sql_text::Sql;

/// One statement and the line where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Line of its first character that is neither blank nor comment, from 1.
    pub line: usize,
    /// Without the delimiter.
    pub sql: Sql,
    /// Whether `\G` ended it: its rows are wanted as a line a column.
    pub vertical: bool,
    /// Comment lines (`-- …`) that stand before it, without the dashes.
    pub remarks: Vec<(usize, String)>,
}

/// What lines are cut into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// To be sent.
    Statement(Statement),
    /// A command on which somebody else has to act.
    Command {
        /// Where it stands.
        line: usize,
        /// As it is written.
        text: Vec<u8>,
        /// What it asks for.
        command: Command,
    },
    /// A command that is refused, or that is not as it should be.
    Wrong {
        /// Where it stands.
        line: usize,
        /// What was expected and what was found.
        message: String,
    },
}

/// What a session says of how text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// A backslash in a string is a letter like others: the status flag that
    /// servers send while `NO_BACKSLASH_ESCAPES` is set.
    pub no_backslash_escapes: bool,
    /// `$$ … $$` is a string, as MySQL has it since 9.0.
    pub dollar_quotes: bool,
}
