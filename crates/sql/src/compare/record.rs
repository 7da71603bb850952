//! An outcome as lines of text, for files that users review.

use std::fmt::Write;

use super::kind::Kind;
use super::rules::Tolerance;
use crate::outcome::{Outcome, RowSet, Value};

/// Writes an outcome: column names and rows separated by tabs, `ok` with the number of
/// affected rows, or the error as the classic client shows it. NULL is `\N`; tabs, line
/// ends and backslashes are escaped, other bytes are `\xNN`.
pub fn record_lines(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Rows(rows) => lines_of(rows),
        Outcome::Completed { affected: 0, .. } => vec!["ok".to_owned()],
        Outcome::Completed { affected, .. } => vec![format!("ok, affected {affected}")],
        Outcome::Refused(refusal) => vec![escape_controls(&refusal.to_string())],
        Outcome::MultiResult(parts) => parts.iter().flat_map(record_lines).collect(),
    }
}

/// Whether two records are equal. The text of an error is ignored, since it changes
/// between versions; its number and SQLSTATE are compared.
pub fn same_record(a: &[String], b: &[String], tolerance: Tolerance) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| same_line(without_message(a), without_message(b), tolerance))
}

/// The kind of difference from the stored record.
pub fn record_kind(stored: &[String], found: &[String]) -> Kind {
    let is_error = |lines: &[String]| lines.iter().any(|line| line.starts_with("ERROR "));
    let is_done = |lines: &[String]| {
        lines
            .iter()
            .all(|line| line == "ok" || line.starts_with("ok, "))
    };
    match (is_error(stored), is_error(found)) {
        (true, true) => Kind::ErrorCode,
        (false, false) if is_done(stored) && is_done(found) => Kind::Affected,
        (false, false) => Kind::Rows,
        _ => Kind::Success,
    }
}

/// Whether the values of two lines are the same.
pub(super) fn same_line(a: &str, b: &str, tolerance: Tolerance) -> bool {
    if a == b {
        return true;
    }
    !tolerance.is_exact()
        && a.matches('\t').count() == b.matches('\t').count()
        && a.split('\t')
            .zip(b.split('\t'))
            .all(|(a, b)| tolerance.same(a, b))
}

fn without_message(line: &str) -> &str {
    if !line.starts_with("ERROR ") {
        return line;
    }
    line.split_once("): ").map_or(line, |(head, _)| head)
}

fn lines_of(rows: &RowSet) -> Vec<String> {
    let names: Vec<String> = rows
        .columns
        .iter()
        .map(|column| escape_controls(&column.name))
        .collect();
    let mut lines = vec![names.join("\t")];
    each_row_line(rows, |line| lines.push(line.to_owned()));
    lines
}

/// Passes a line per row to `see`, values separated by tabs.
pub(super) fn each_row_line(rows: &RowSet, mut see: impl FnMut(&str)) {
    let mut line = String::new();
    for row in rows.rows.iter() {
        line.clear();
        for (at, value) in row.iter().enumerate() {
            if at > 0 {
                line.push('\t');
            }
            write_value(&mut line, value);
        }
        see(&line);
    }
}

fn write_value(to: &mut String, value: Value<'_>) {
    let Some(bytes) = value else {
        return to.push_str("\\N");
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().for_each(|letter| match letter {
            '\\' => to.push_str("\\\\"),
            other => push_visible(to, other),
        }),
        Err(_) => bytes.iter().for_each(|byte| {
            let _ = write!(to, "\\x{byte:02X}");
        }),
    }
}

pub(super) fn escape_controls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars()
        .for_each(|letter| push_visible(&mut shown, letter));
    shown
}

fn push_visible(to: &mut String, letter: char) {
    match letter {
        '\t' => to.push_str("\\t"),
        '\n' => to.push_str("\\n"),
        '\r' => to.push_str("\\r"),
        '\0' => to.push_str("\\0"),
        control if control.is_control() => {
            let _ = write!(to, "\\u{{{:x}}}", u32::from(control));
        }
        other => to.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Column, Rows, SqlError};

    #[test]
    fn rows_are_written_with_names_and_escapes() {
        let rows = RowSet {
            columns: vec![
                Column {
                    name: "a".to_owned(),
                    kind: String::new(),
                };
                2
            ],
            rows: Rows::from_iter([
                [None, Some(b"x\ty\\".to_vec())],
                [Some(vec![0xff]), Some(Vec::new())],
            ]),
            warnings: 0,
        };
        assert_eq!(
            record_lines(&Outcome::Rows(rows)),
            ["a\ta", "\\N\tx\\ty\\\\", "\\xFF\t"]
        );
    }

    #[test]
    fn the_text_of_an_error_does_not_count() {
        let refused = |state: &str, message: &str| {
            record_lines(&Outcome::Refused(SqlError {
                code: 1064,
                state: state.to_owned(),
                message: message.to_owned(),
            }))
        };
        let exact = Tolerance::EXACT;
        let (a, b) = (refused("42000", "a"), refused("42000", "b"));
        assert!(same_record(&a, &b, exact));
        assert!(!same_record(&a, &refused("HY000", "a"), exact));
        assert_eq!(record_kind(&a, &refused("HY000", "a")), Kind::ErrorCode);
        assert_eq!(record_kind(&a, &["ok".to_owned()]), Kind::Success);
    }
}
