//! The expectations of a file, and whether an outcome meets them.

use super::error_pattern::ErrorPattern;
use super::formatted::{FormattedRows, Letter, SortMode, is_in_ascii};
use super::kind::Kind;
use super::rules::Tolerance;
use crate::outcome::{Outcome, RowSet};

/// Matches any text in expected lines.
const IGNORE: &str = "<slt:ignore>";

/// How to read the lines under `----`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineMode {
    /// By the number of lines: as values first, then as rows.
    #[default]
    Either,
    /// A value per line, compared exactly.
    Values,
    /// A row per line; white space is collapsed.
    Rows,
}

/// The rows that a `query` record expects.
#[derive(Debug, Clone)]
pub struct ExpectedRows {
    /// One letter per column.
    pub letters: Vec<Letter>,
    /// The order of comparison.
    pub sort: SortMode,
    /// How to read `lines`.
    pub mode: LineMode,
    /// The names of the columns, if the file has them above the rows.
    pub names: Option<String>,
    /// The lines under `----`.
    pub lines: Vec<String>,
}

/// An outcome that does not match its expectation; both as text of one or more lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The kind of difference.
    pub kind: Kind,
    /// The expectation.
    pub expected: String,
    /// The server's result.
    pub found: String,
}

/// Compares rows, which were `found` in written form, and the names of their columns if
/// the file has them.
///
/// # Errors
/// [`Mismatch`] with both sides in the form of the file.
pub fn check_rows(
    expected: &ExpectedRows,
    rows: &RowSet,
    found: &FormattedRows,
    tolerance: Tolerance,
) -> Result<(), Mismatch> {
    let declared = expected.letters.len();
    if declared != 0 && declared != found.width {
        return Err(Mismatch {
            kind: Kind::Rows,
            expected: format!("{declared} columns"),
            found: format!("{} columns: {}", found.width, names(rows, ", ")),
        });
    }
    let mut checked = check_lines(expected, found, tolerance);
    // The classic runner converts text in a numeric column; files for other runners
    // contain the text itself. That is the better message if neither is expected.
    if let (Err(_), Some(with_text)) = (&checked, found.with_text()) {
        checked = check_lines(expected, with_text, tolerance);
    }
    checked?;
    match &expected.names {
        Some(expected) if !same_words(expected, &names(rows, " "), Tolerance::EXACT) => {
            Err(Mismatch {
                kind: Kind::ColumnName,
                expected: expected.clone(),
                found: names(rows, " "),
            })
        }
        _ => Ok(()),
    }
}

fn check_lines(
    expected: &ExpectedRows,
    found: &FormattedRows,
    tolerance: Tolerance,
) -> Result<(), Mismatch> {
    let lines = &expected.lines;
    if let [line] = lines.as_slice()
        && line.contains(" values hashing to ")
    {
        let hashed = found.hashed();
        return match *line == hashed || *line == found.hashed_in_ascii() {
            true => Ok(()),
            false => Err(mismatch(lines, &[hashed])),
        };
    }
    if lines.iter().any(|line| line.contains(IGNORE)) {
        return check_fragments(expected, found);
    }
    if reads_values(expected, found) {
        let is_same = lines.len() == found.len()
            && (lines.iter().zip(found.values())).all(|(a, b)| same_value(a, b, tolerance));
        return match is_same {
            true => Ok(()),
            false => Err(mismatch(lines, &found.values().collect::<Vec<_>>())),
        };
    }
    let found = found.row_lines();
    let is_same = lines.len() == found.len()
        && (lines.iter().zip(&found)).all(|(a, b)| same_words(a, b, tolerance));
    match is_same {
        true => Ok(()),
        false => Err(mismatch(lines, &found)),
    }
}

/// Finds the pieces between the marks, in order. As in the `sqllogictest` crate, a mark
/// may match several lines, and the first and the last piece are not anchored.
fn check_fragments(expected: &ExpectedRows, found: &FormattedRows) -> Result<(), Mismatch> {
    let pattern = expected.lines.join("\n");
    let holds = |text: &str| {
        let mut rest = text;
        pattern.split(IGNORE).all(|piece| match rest.find(piece) {
            Some(at) => {
                rest = &rest[at + piece.len()..];
                true
            }
            None => false,
        })
    };
    let rows = found.row_lines();
    if expected.mode != LineMode::Values && holds(&rows.join("\n")) {
        return Ok(());
    }
    let values: Vec<&str> = found.values().collect();
    if expected.mode != LineMode::Rows && holds(&values.join("\n")) {
        return Ok(());
    }
    match expected.mode {
        LineMode::Values => Err(mismatch(&expected.lines, &values)),
        LineMode::Rows | LineMode::Either => Err(mismatch(&expected.lines, &rows)),
    }
}

fn same_value(expected: &str, found: &str, tolerance: Tolerance) -> bool {
    let (expected, found) = (expected.trim_end(), found.trim_end());
    tolerance.same(expected, found) || is_in_ascii(expected, found)
}

/// Whether two lines are the same after white space is collapsed.
fn same_words(a: &str, b: &str, tolerance: Tolerance) -> bool {
    let (mut a, mut b) = (a.split_whitespace(), b.split_whitespace());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if same_value(a, b, tolerance) => {}
            _ => return false,
        }
    }
}

fn reads_values(expected: &ExpectedRows, found: &FormattedRows) -> bool {
    match expected.mode {
        LineMode::Values => true,
        LineMode::Rows => false,
        LineMode::Either => found.width <= 1 || expected.lines.len() == found.len(),
    }
}

fn names(rows: &RowSet, by: &str) -> String {
    let names: Vec<&str> = rows
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    names.join(by)
}

fn mismatch(expected: &[String], found: &[impl AsRef<str>]) -> Mismatch {
    fn text(lines: &[impl AsRef<str>]) -> String {
        if lines.is_empty() {
            return "(no rows)".to_owned();
        }
        let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        lines.join("\n")
    }
    Mismatch {
        kind: Kind::Rows,
        expected: text(expected),
        found: text(found),
    }
}

/// Checks that the outcome is an error that the pattern accepts.
///
/// # Errors
/// [`Mismatch`] if it is not an error, or another one.
pub fn check_error(pattern: &ErrorPattern, outcome: &Outcome) -> Result<(), Mismatch> {
    let expected = pattern.describe();
    let Some(refusal) = outcome.refusal() else {
        return Err(Mismatch {
            kind: Kind::Success,
            expected,
            found: "the statement was accepted".to_owned(),
        });
    };
    if pattern.accepts(refusal) {
        return Ok(());
    }
    Err(Mismatch {
        kind: Kind::ErrorCode,
        expected,
        found: refusal.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Column, Rows, SqlError};

    fn rows(width: usize, values: &[&str]) -> RowSet {
        let column = Column {
            name: "c".to_owned(),
            kind: String::new(),
        };
        let mut rows = Rows::new(width);
        for value in values {
            rows.push(Some(value.as_bytes()));
        }
        RowSet {
            columns: vec![column; width],
            rows,
            warnings: 0,
        }
    }

    fn expected(letters: &str, lines: &[&str]) -> ExpectedRows {
        ExpectedRows {
            letters: letters.chars().map(Letter::read).collect(),
            sort: SortMode::NoSort,
            mode: LineMode::Either,
            names: None,
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
        }
    }

    fn check_rows(expected: &ExpectedRows, rows: &RowSet) -> Result<(), Mismatch> {
        let found = FormattedRows::of(rows, &expected.letters, expected.sort);
        super::check_rows(expected, rows, &found, Tolerance::EXACT)
    }

    #[test]
    fn values_and_rows_are_told_apart_by_their_number() {
        let found = rows(2, &["1", "a b", "2", "c"]);
        assert!(check_rows(&expected("IT", &["1", "a b", "2", "c"]), &found).is_ok());
        assert!(check_rows(&expected("IT", &["1   a b", "2 c"]), &found).is_ok());
        let wrong = check_rows(&expected("IT", &["1 a b", "2 d"]), &found);
        let wrong = wrong.expect_err("another value");
        assert_eq!(wrong.found, "1 a b\n2 c");
    }

    #[test]
    fn a_value_line_is_exact_and_a_row_line_is_not() {
        let found = rows(1, &["a  b"]);
        assert!(check_rows(&expected("T", &["a b"]), &found).is_err());
        let mut by_row = expected("T", &["a b"]);
        by_row.mode = LineMode::Rows;
        assert!(check_rows(&by_row, &found).is_ok());
    }

    #[test]
    fn another_number_of_columns_is_told() {
        let wrong = check_rows(&expected("I", &["1"]), &rows(2, &["1", "2"]));
        assert_eq!(wrong.expect_err("two columns").expected, "1 columns");
    }

    #[test]
    fn names_of_columns_are_compared_where_the_file_has_them() {
        let found = rows(2, &["1", "a"]);
        let mut named = expected("IT", &["1 a"]);
        named.names = Some("c   c".to_owned());
        assert!(check_rows(&named, &found).is_ok());
        named.names = Some("c d".to_owned());
        let wrong = check_rows(&named, &found).expect_err("another name");
        assert_eq!(wrong.kind, Kind::ColumnName);
        named.names = Some("C C".to_owned());
        assert!(check_rows(&named, &found).is_err());
    }

    #[test]
    fn text_in_a_column_of_integers_may_stand_as_either_form() {
        let found = rows(1, &["10.0", "pear"]);
        assert!(check_rows(&expected("I", &["10", "0"]), &found).is_ok());
        assert!(check_rows(&expected("I", &["10", "pear"]), &found).is_ok());
        let wrong = check_rows(&expected("I", &["10", "1"]), &found);
        assert_eq!(wrong.expect_err("another value").found, "10\npear");
    }

    #[test]
    fn a_mark_stands_for_any_text() {
        let found = rows(1, &["foo123bar", "x", "end"]);
        let holds = |lines: &[&str]| check_rows(&expected("T", lines), &found).is_ok();
        assert!(holds(&["foo<slt:ignore>bar", "x", "end"]));
        assert!(holds(&["foo<slt:ignore>end"]));
        assert!(holds(&["<slt:ignore>"]));
        assert!(!holds(&["foo<slt:ignore>bar", "y", "end"]));
        assert!(!holds(&["end<slt:ignore>foo"]));
        let two = rows(2, &["a", "1", "b", "2"]);
        assert!(check_rows(&expected("TI", &["a <slt:ignore>", "b 2"]), &two).is_ok());
        assert!(check_rows(&expected("TI", &["a", "<slt:ignore>", "b", "2"]), &two).is_ok());
    }

    #[test]
    fn an_error_is_matched_by_text_or_state() {
        let outcome = Outcome::Refused(SqlError {
            code: 1064,
            state: "42000".to_owned(),
            message: "You have an error".to_owned(),
        });
        let check = |text: &str| check_error(&ErrorPattern::read(text), &outcome);
        assert!(check("^ERROR 1064 .42000.: You").is_ok());
        assert!(check("(42000)").is_ok());
        assert!(check("1146").is_err());
        let done = Outcome::Completed {
            affected: 0,
            warnings: 0,
        };
        assert!(check_error(&ErrorPattern::Any, &done).is_err());
    }
}
