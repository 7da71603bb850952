//! What a server answered to a statement, as data.
//!
//! A refusal is an outcome like any other. Values are the bytes that the text
//! protocol carried. Knows no expectation and no connection.

use std::fmt;

/// A column of a result set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name or alias.
    pub name: String,
    /// Its type as the protocol names it, such as `LONGLONG UNSIGNED`.
    pub kind: String,
}

/// A value of a row; `None` is NULL.
pub type Value = Option<Vec<u8>>;

/// Rows with their columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowSet {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, in the order of arrival.
    pub rows: Vec<Vec<Value>>,
    /// Number of warnings.
    pub warnings: u16,
}

/// An error of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Error number, such as 1064.
    pub code: u16,
    /// SQLSTATE, five characters.
    pub state: String,
    /// The server's own words.
    pub message: String,
}

impl fmt::Display for Refusal {
    /// As the classic client writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR {} ({}): {}", self.code, self.state, self.message)
    }
}

/// A warning or a note of the server (`SHOW WARNINGS`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `Warning`, `Note` or `Error`.
    pub level: String,
    /// Its number, such as 1265.
    pub code: u16,
    /// The server's own words.
    pub message: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.level, self.code, self.message)
    }
}

/// What came of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A result set.
    Rows(RowSet),
    /// Done, without a result set.
    Done {
        /// Number of affected rows.
        affected: u64,
        /// Number of warnings.
        warnings: u16,
    },
    /// The server refused it.
    Refused(Refusal),
    /// Several results, as `CALL` has them.
    Several(Vec<Outcome>),
}

impl Outcome {
    /// The refusal, where the statement, or a later part of it, was refused.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Outcome::Refused(refusal) => Some(refusal),
            Outcome::Several(parts) => parts.iter().find_map(Outcome::refusal),
            Outcome::Rows(_) | Outcome::Done { .. } => None,
        }
    }

    /// The first result set.
    pub fn rows(&self) -> Option<&RowSet> {
        match self {
            Outcome::Rows(rows) => Some(rows),
            Outcome::Several(parts) => parts.iter().find_map(Outcome::rows),
            Outcome::Done { .. } | Outcome::Refused(_) => None,
        }
    }

    /// Number of warnings of the last result.
    pub fn warnings(&self) -> u16 {
        match self {
            Outcome::Rows(RowSet { warnings, .. }) | Outcome::Done { warnings, .. } => *warnings,
            Outcome::Several(parts) => parts.last().map_or(0, Outcome::warnings),
            Outcome::Refused(_) => 0,
        }
    }

    /// Number of affected rows; 0 where nothing was changed.
    pub fn affected(&self) -> u64 {
        match self {
            Outcome::Done { affected, .. } => *affected,
            Outcome::Several(parts) => parts.last().map_or(0, Outcome::affected),
            Outcome::Rows(_) | Outcome::Refused(_) => 0,
        }
    }
}
