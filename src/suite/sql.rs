//! `.sql` files: every statement is a step whose outcome is recorded.
//!
//! A file is read a chunk at a time, so that one of any size needs little
//! memory; one statement is held whole.

use std::path::Path;

use super::condition::{ConditionReader, Conditions};
use super::error::SuiteError;
use super::lines::Lines;
use super::split::{Splitter, Statement};
use super::step::{Action, Step};

/// Bytes that are read ahead, at least.
const CHUNK: usize = 256 * 1024;

/// Steps of a `.sql` file, in order.
#[derive(Debug)]
pub struct SqlSteps {
    lines: Lines,
    conditions: ConditionReader,
    splitter: Splitter,
    /// What was read; statements before `at` have been cut off.
    text: Vec<u8>,
    at: usize,
    /// Whether there is nothing behind `text`.
    is_last: bool,
    /// Whether no more is cut: at the end, or behind what cannot be read.
    ended: bool,
}

impl SqlSteps {
    /// Opens a file.
    ///
    /// # Errors
    /// [`SuiteError::Read`].
    pub fn open(path: &Path) -> Result<Self, SuiteError> {
        Ok(SqlSteps {
            lines: Lines::open(path)?,
            conditions: ConditionReader::default(),
            splitter: Splitter::default(),
            text: Vec::new(),
            at: 0,
            is_last: false,
            ended: false,
        })
    }

    /// The next statement; `None` at the end.
    fn cut(&mut self) -> Result<Option<Statement>, SuiteError> {
        loop {
            let rest = &self.text[self.at..];
            if let Some((statement, length)) = self.splitter.cut(rest, self.is_last) {
                self.at += length;
                return Ok(Some(statement));
            }
            if self.is_last {
                return Ok(None);
            }
            self.read()?;
        }
    }

    /// Reads as much again as there is, so that a long statement is not looked
    /// through once for each of its chunks.
    fn read(&mut self) -> Result<(), SuiteError> {
        self.text.drain(..self.at);
        self.at = 0;
        let wanted = self.text.len() * 2 + CHUNK;
        while self.text.len() < wanted {
            let Some(line) = self.lines.next_bytes()? else {
                self.is_last = true;
                break;
            };
            self.text.extend_from_slice(line);
        }
        Ok(())
    }

    fn step(&mut self, statement: Statement) -> Result<Step, SuiteError> {
        let mut conditions = Conditions::default();
        for (line, remark) in &statement.remarks {
            let Some((word, rest)) = remark.split_once(char::is_whitespace) else {
                continue;
            };
            if word != "onlyif" && word != "skipif" {
                continue;
            }
            let label = rest.split('#').next().unwrap_or(rest).trim();
            let condition = self.conditions.read(label);
            let condition = condition.map_err(|message| self.lines.at(*line, message))?;
            if word == "onlyif" {
                conditions.only_if(condition);
            } else {
                conditions.skip_if(condition);
            }
        }
        Ok(Step {
            line: statement.line,
            conditions,
            connection: None,
            action: Action::Record { sql: statement.sql },
            retry: None,
        })
    }
}

impl Iterator for SqlSteps {
    type Item = Result<Step, SuiteError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = match self.cut() {
            Ok(statement) => self.step(statement?),
            Err(error) => Err(error),
        };
        self.ended = step.is_err();
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::super::split;
    use super::*;
    use crate::sql_text::Sql;

    fn steps(text: &[u8]) -> Vec<Result<Step, SuiteError>> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("its text");
        SqlSteps::open(file.path()).expect("it opens").collect()
    }

    fn text_of(sql: Option<&Sql>) -> String {
        sql.map(|sql| sql.text().into_owned()).unwrap_or_default()
    }

    #[test]
    fn a_large_file_is_cut_as_if_it_were_read_whole() {
        let mut text = String::from("\u{feff}DELIMITER //\n");
        for number in 0..2_000 {
            let long = "x;".repeat(number % 700);
            text.push_str(&format!(
                "-- remark {number}\nSELECT '{long}'; -- é //\n//\n"
            ));
        }
        text.push_str(&format!(
            "DELIMITER ;\nSELECT '{}';\nSELECT 2",
            "y".repeat(CHUNK * 3)
        ));
        assert!(text.len() > 5 * CHUNK);
        let found: Vec<(usize, String)> = steps(text.as_bytes())
            .into_iter()
            .map(|step| step.expect("it is read"))
            .map(|step| (step.line, text_of(step.action.sql())))
            .collect();
        let whole: Vec<(usize, String)> = split(text.as_bytes())
            .into_iter()
            .map(|statement| (statement.line, text_of(Some(&statement.sql))))
            .collect();
        assert!(found == whole, "{} and {}", found.len(), whole.len());
    }

    #[test]
    fn a_wrong_condition_is_told_at_its_line_and_ends_the_file() {
        let wrong = |text: &[u8]| {
            let mut all = steps(text);
            let last = all.pop().expect("something").expect_err("an error");
            (all.len(), last.to_string())
        };
        let (before, told) = wrong(b"SELECT 1;\n-- onlyif mysql>=x\nSELECT 2;\nSELECT 3;");
        assert_eq!(before, 1);
        assert!(told.contains(":2: "), "{told}");
    }

    #[test]
    fn a_file_is_bytes() {
        let all = steps(b"SET NAMES latin1;\nSELECT 'caf\xe9';\n");
        let last = all.last().expect("two").as_ref().expect("it is read");
        let sql = last.action.sql().expect("a statement");
        assert_eq!(sql.bytes(), b"SELECT 'caf\xe9'");
        assert_eq!(sql.text(), "SELECT 'caf\\xE9'");
    }
}
