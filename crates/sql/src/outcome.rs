//! A server's answer to a statement, as data.
//!
//! An error is an outcome like any other. Values are the bytes of the text protocol.
//! Knows no expectation and no connection.

use std::fmt;

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::sql_text::escape_bytes;

/// A column of a result set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name or alias.
    pub name: String,
    /// Its type in the protocol, such as `LONGLONG UNSIGNED`.
    pub kind: String,
}

/// A value of a row; `None` is NULL.
pub type Value<'a> = Option<&'a [u8]>;

/// Values of many rows in one buffer: a result of a million rows takes little more than
/// its bytes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Rows {
    width: usize,
    bytes: Vec<u8>,
    /// The end of each value in `bytes`; [`NULL`] marks a missing one.
    ends: Vec<usize>,
}

/// Flag in the end of a NULL value; no memory is large enough to need this bit.
const NULL: usize = 1 << (usize::BITS - 1);

impl Rows {
    /// No rows yet, with this many columns.
    pub fn new(width: usize) -> Self {
        Rows {
            width,
            ..Rows::default()
        }
    }

    /// Appends the next value of the last row, or the first of a new one.
    pub fn push(&mut self, value: Value<'_>) {
        self.bytes.extend_from_slice(value.unwrap_or_default());
        let mark = if value.is_none() { NULL } else { 0 };
        self.ends.push(self.bytes.len() | mark);
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Replaces a text wherever it stands within a value.
    pub fn replace(&mut self, text: &[u8], by: &[u8]) {
        if memmem::find(&self.bytes, text).is_none() {
            return;
        }
        let finder = memmem::Finder::new(text);
        let mut replaced = Rows::new(self.width);
        let mut whole = Vec::new();
        for value in self.values() {
            let value = value.map(|value| {
                whole.clear();
                let mut rest = value;
                while let Some(at) = finder.find(rest) {
                    whole.extend_from_slice(&rest[..at]);
                    whole.extend_from_slice(by);
                    rest = &rest[at + text.len()..];
                }
                whole.extend_from_slice(rest);
                whole.as_slice()
            });
            replaced.push(value);
        }
        *self = replaced;
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ends.len() / self.width.max(1)
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|row| Row {
            rows: self,
            first: row * self.width,
        })
    }

    /// All values, row after row.
    pub fn values(&self) -> impl Iterator<Item = Value<'_>> {
        (0..self.ends.len()).map(|at| self.value(at))
    }

    fn value(&self, at: usize) -> Value<'_> {
        let begin = at
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] & !NULL);
        let end = self.ends[at];
        (end & NULL == 0).then(|| &self.bytes[begin..end])
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<const N: usize> FromIterator<[Option<Vec<u8>>; N]> for Rows {
    fn from_iter<I: IntoIterator<Item = [Option<Vec<u8>>; N]>>(all: I) -> Self {
        let mut rows = Rows::new(N);
        for value in all.into_iter().flatten() {
            rows.push(value.as_deref());
        }
        rows
    }
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    rows: &'a Rows,
    first: usize,
}

impl<'a> Row<'a> {
    /// Its values, one per column.
    pub fn iter(self) -> impl Iterator<Item = Value<'a>> {
        (self.first..self.first + self.rows.width).map(|at| self.rows.value(at))
    }

    /// Its values in the text form of [`crate::sql_text`].
    pub fn texts(self) -> Vec<Option<String>> {
        let text = |bytes| escape_bytes(bytes).into_owned();
        self.iter().map(|value| value.map(text)).collect()
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Rows with their columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowSet {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, in the order of arrival.
    pub rows: Rows,
    /// Number of warnings.
    pub warnings: u16,
}

/// An error of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlError {
    /// Error number, such as 1064.
    pub code: u16,
    /// SQLSTATE, five characters.
    pub state: String,
    /// The server's message.
    pub message: String,
}

impl fmt::Display for SqlError {
    /// In the classic client's format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR {} ({}): {}", self.code, self.state, self.message)
    }
}

/// A warning or a note of the server (`SHOW WARNINGS`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// `Warning`, `Note` or `Error`.
    pub level: String,
    /// Its number, such as 1265.
    pub code: u16,
    /// The server's message.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.level, self.code, self.message)
    }
}

/// The outcome of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A result set.
    Rows(RowSet),
    /// Success without a result set.
    Completed {
        /// Number of affected rows.
        affected: u64,
        /// Number of warnings.
        warnings: u16,
    },
    /// The server rejected it.
    Refused(SqlError),
    /// Several results, as from `CALL`.
    MultiResult(Vec<Outcome>),
}

impl Outcome {
    /// The error, if the statement or a later part of it was rejected.
    pub fn refusal(&self) -> Option<&SqlError> {
        match self {
            Outcome::Refused(refusal) => Some(refusal),
            Outcome::MultiResult(parts) => parts.iter().find_map(Outcome::refusal),
            Outcome::Rows(_) | Outcome::Completed { .. } => None,
        }
    }

    /// The first result set.
    pub fn rows(&self) -> Option<&RowSet> {
        match self {
            Outcome::Rows(rows) => Some(rows),
            Outcome::MultiResult(parts) => parts.iter().find_map(Outcome::rows),
            Outcome::Completed { .. } | Outcome::Refused(_) => None,
        }
    }

    /// Like [`Outcome::rows`], but mutable.
    pub fn rows_mut(&mut self) -> Option<&mut RowSet> {
        match self {
            Outcome::Rows(rows) => Some(rows),
            Outcome::MultiResult(parts) => parts.iter_mut().find_map(Outcome::rows_mut),
            Outcome::Completed { .. } | Outcome::Refused(_) => None,
        }
    }

    /// Number of warnings of the last result.
    pub fn warnings(&self) -> u16 {
        match self {
            Outcome::Rows(RowSet { warnings, .. }) | Outcome::Completed { warnings, .. } => {
                *warnings
            }
            Outcome::MultiResult(parts) => parts.last().map_or(0, Outcome::warnings),
            Outcome::Refused(_) => 0,
        }
    }

    /// Number of affected rows; 0 if nothing was changed.
    pub fn affected(&self) -> u64 {
        match self {
            Outcome::Completed { affected, .. } => *affected,
            Outcome::MultiResult(parts) => parts.last().map_or(0, Outcome::affected),
            Outcome::Rows(_) | Outcome::Refused(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_give_back_what_was_pushed() {
        let mut rows = Rows::new(2);
        let values: [Value<'_>; 6] = [None, Some(b"a"), Some(b""), None, Some(b"bc"), Some(b"d")];
        values.iter().for_each(|value| rows.push(*value));
        assert_eq!(rows.values().collect::<Vec<_>>(), values);
        assert_eq!(rows.len(), 3);
        let second = rows.iter().nth(1).expect("three rows");
        assert_eq!(second.texts(), [Some(String::new()), None]);
    }

    #[test]
    fn a_text_is_replaced_within_values_only() {
        let mut rows = Rows::new(2);
        let values: [Value<'_>; 4] = [Some(b"ab ab"), None, Some(b"xa"), Some(b"b")];
        values.iter().for_each(|value| rows.push(*value));
        rows.replace(b"ab", b"longer");
        let replaced: [Value<'_>; 4] = [Some(b"longer longer"), None, Some(b"xa"), Some(b"b")];
        assert_eq!(rows.values().collect::<Vec<_>>(), replaced);
    }
}
