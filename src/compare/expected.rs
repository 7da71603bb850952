//! What a file expects, and whether an outcome is that.

use regex::Regex;

use super::kind::Kind;
use super::rules::Tolerance;
use super::written::{Letter, SortMode, Written};
use crate::outcome::{Outcome, Refusal, RowSet};

/// How the lines under `----` are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineMode {
    /// By what the number of lines fits: values first, then rows.
    #[default]
    Either,
    /// A value a line, to the letter.
    Values,
    /// A row a line; runs of white space count as one.
    Rows,
}

/// Rows that a `query` record expects.
#[derive(Debug, Clone)]
pub struct ExpectedRows {
    /// One letter a column.
    pub letters: Vec<Letter>,
    /// The order of comparison.
    pub sort: SortMode,
    /// How `lines` are to be read.
    pub mode: LineMode,
    /// The lines under `----`.
    pub lines: Vec<String>,
}

/// An error that a record expects.
#[derive(Debug, Clone)]
pub enum ErrorPattern {
    /// Any.
    Any,
    /// One whose text (`ERROR 1064 (42000): …`) matches.
    Matches(Regex),
    /// One with this message.
    Exact(String),
    /// One with this SQLSTATE.
    State(String),
}

/// An outcome that is not the expected one; both as text of one or more lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// In what they differ.
    pub kind: Kind,
    /// What the file says.
    pub expected: String,
    /// What the server said.
    pub found: String,
}

/// Compares rows, which were `found` as they are written.
///
/// # Errors
/// [`Mismatch`] with both sides in the form of the file.
pub fn check_rows(
    expected: &ExpectedRows,
    rows: &RowSet,
    found: &Written,
    tolerance: Tolerance,
) -> Result<(), Mismatch> {
    let declared = expected.letters.len();
    if declared != 0 && declared != found.width {
        return Err(Mismatch {
            kind: Kind::Rows,
            expected: format!("{declared} columns"),
            found: format!("{} columns: {}", found.width, names(rows)),
        });
    }
    if let [line] = expected.lines.as_slice()
        && line.contains(" values hashing to ")
    {
        let hashed = found.hashed();
        return if *line == hashed {
            Ok(())
        } else {
            Err(mismatch(&expected.lines, &[hashed]))
        };
    }
    if reads_values(expected, found) {
        let same = |a: &str, b: &str| tolerance.same(a.trim_end(), b.trim_end());
        let is_same = expected.lines.len() == found.len()
            && (expected.lines.iter().zip(found.values())).all(|(a, b)| same(a, b));
        return match is_same {
            true => Ok(()),
            false => Err(mismatch(
                &expected.lines,
                &found.values().collect::<Vec<_>>(),
            )),
        };
    }
    let lines = found.row_lines();
    let is_same = expected.lines.len() == lines.len()
        && (expected.lines.iter().zip(&lines)).all(|(a, b)| same_words(a, b, tolerance));
    match is_same {
        true => Ok(()),
        false => Err(mismatch(&expected.lines, &lines)),
    }
}

/// Whether two lines are the same where runs of white space count as one.
fn same_words(a: &str, b: &str, tolerance: Tolerance) -> bool {
    let (mut a, mut b) = (a.split_whitespace(), b.split_whitespace());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if tolerance.same(a, b) => {}
            _ => return false,
        }
    }
}

fn reads_values(expected: &ExpectedRows, found: &Written) -> bool {
    match expected.mode {
        LineMode::Values => true,
        LineMode::Rows => false,
        LineMode::Either => found.width <= 1 || expected.lines.len() == found.len(),
    }
}

fn names(rows: &RowSet) -> String {
    let names: Vec<&str> = rows
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    names.join(", ")
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
/// [`Mismatch`] where it is none, or another one.
pub fn check_error(pattern: &ErrorPattern, outcome: &Outcome) -> Result<(), Mismatch> {
    let expected = match pattern {
        ErrorPattern::Any => "an error".to_owned(),
        ErrorPattern::Matches(regex) => format!("an error that matches `{regex}`"),
        ErrorPattern::Exact(text) => text.clone(),
        ErrorPattern::State(state) => format!("an error with SQLSTATE {state}"),
    };
    let Some(refusal) = outcome.refusal() else {
        return Err(Mismatch {
            kind: Kind::Acceptance,
            expected,
            found: "the statement was accepted".to_owned(),
        });
    };
    if accepts(pattern, refusal) {
        return Ok(());
    }
    Err(Mismatch {
        kind: Kind::ErrorCode,
        expected,
        found: refusal.to_string(),
    })
}

fn accepts(pattern: &ErrorPattern, refusal: &Refusal) -> bool {
    match pattern {
        ErrorPattern::Any => true,
        ErrorPattern::Matches(regex) => regex.is_match(&refusal.to_string()),
        ErrorPattern::Exact(text) => {
            let text = text.trim();
            text == refusal.message || text == refusal.to_string()
        }
        ErrorPattern::State(state) => *state == refusal.state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Column, Rows};

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
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
        }
    }

    fn check_rows(expected: &ExpectedRows, rows: &RowSet) -> Result<(), Mismatch> {
        let found = Written::of(rows, &expected.letters, expected.sort);
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
    fn an_error_is_matched_by_text_or_state() {
        let outcome = Outcome::Refused(Refusal {
            code: 1064,
            state: "42000".to_owned(),
            message: "You have an error".to_owned(),
        });
        let regex = |text: &str| ErrorPattern::Matches(Regex::new(text).expect("a pattern"));
        assert!(check_error(&regex("^ERROR 1064 .42000.: You"), &outcome).is_ok());
        assert!(check_error(&ErrorPattern::State("42000".to_owned()), &outcome).is_ok());
        assert!(check_error(&regex("1146"), &outcome).is_err());
        let done = Outcome::Done {
            affected: 0,
            warnings: 0,
        };
        assert!(check_error(&ErrorPattern::Any, &done).is_err());
    }
}
