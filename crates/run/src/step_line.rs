//! The lines at which the steps of a file begin.

use std::path::Path;

use dbmatrix_sql::suite::{Action, FileKind, SltOptions, SltSteps, SqlSteps, Step, SuiteError};
use thiserror::Error;

/// Why a line names no step.
#[derive(Debug, Error)]
pub enum NoStep {
    /// None begins there.
    #[error("no step begins in line {line}{}", nearest_text(*nearest))]
    OtherLine {
        /// The line.
        line: usize,
        /// The nearest line in which one begins.
        nearest: Option<usize>,
    },
    /// The file cannot be read up to there.
    #[error(transparent)]
    Suite(#[from] SuiteError),
}

fn nearest_text(nearest: Option<usize>) -> String {
    match nearest {
        Some(line) => format!("; the nearest step begins in line {line}"),
        None => ", and no other of the file is run".to_owned(),
    }
}

/// Checks that a step with an outcome begins in this line of a file.
///
/// # Errors
/// [`NoStep`].
pub fn check_step_line(file: &Path, line: usize) -> Result<(), NoStep> {
    match FileKind::of(file) {
        Some(FileKind::Slt) => check(SltSteps::open(file, SltOptions::default())?, line),
        Some(FileKind::Sql) => check(SqlSteps::open(file)?, line),
        None => Ok(()),
    }
}

fn check(steps: impl Iterator<Item = Result<Step, SuiteError>>, line: usize) -> Result<(), NoStep> {
    let mut before = None;
    let mut after = None;
    for step in steps {
        let step = step?;
        match step.action {
            Action::Halt if step.conditions.is_empty() => break,
            Action::Halt | Action::Sleep(_) | Action::ResetConnection | Action::Connect { .. } => {
                continue;
            }
            _ => {}
        }
        if step.line == line {
            return Ok(());
        }
        if step.line > line {
            after = Some(step.line);
            break;
        }
        before = Some(step.line);
    }
    let nearest = match (before, after) {
        (Some(before), Some(after)) if after - line < line - before => Some(after),
        (before, after) => before.or(after),
    };
    Err(NoStep::OtherLine { line, nearest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, text: &str, line: usize) -> Result<(), String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        check_step_line(&path, line).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_that_begins_no_step_is_told_with_the_nearest_that_does() {
        let sql = "CREATE TABLE t (a INT);\n\nSELECT a,\n  1\nFROM t;\nSELECT 2; SELECT 3;\n";
        for line in [1, 3, 6] {
            assert_eq!(told("q.sql", sql, line), Ok(()), "{line}");
        }
        for (line, nearest) in [(2, 1), (4, 3), (5, 6), (9, 6)] {
            assert_eq!(
                told("q.sql", sql, line),
                Err(format!(
                    "no step begins in line {line}; the nearest step begins in line {nearest}"
                ))
            );
        }
        assert_eq!(
            told("q.sql", "-- nothing\n", 1),
            Err("no step begins in line 1, and no other of the file is run".to_owned())
        );
    }

    #[test]
    fn of_a_slt_file_a_step_begins_at_its_head() {
        let slt = "statement ok\nCREATE TABLE t (a INT)\n\nquery I\nSELECT 1\n----\n1\n\nhalt\n\nquery I\nSELECT 2\n----\n2\n";
        let lines: Vec<usize> = (1..=14)
            .filter(|line| told("q.slt", slt, *line).is_ok())
            .collect();
        assert_eq!(lines, [1, 4]);
        let told = told("q.slt", slt, 11).expect_err("it is not run");
        assert!(told.ends_with("in line 4"), "{told}");
    }
}
