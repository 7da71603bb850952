//! `.sql` files: every statement is a step whose outcome is recorded.

use std::path::Path;

use super::condition::Conditions;
use super::error::SuiteError;
use super::split::{Statement, split};
use super::step::{Action, Step};

/// Steps of a `.sql` file, in order.
#[derive(Debug)]
pub struct SqlSteps {
    steps: std::vec::IntoIter<Step>,
}

impl SqlSteps {
    /// Reads a file whole.
    ///
    /// # Errors
    /// Where it is no UTF-8, or a condition in it cannot be read.
    pub fn open(path: &Path) -> Result<Self, SuiteError> {
        let bytes = std::fs::read(path).map_err(|source| SuiteError::Read {
            path: path.to_owned(),
            source,
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            SuiteError::At {
                path: path.to_owned(),
                line: 1 + good.iter().filter(|byte| **byte == b'\n').count(),
                message: "expected UTF-8 text; found other bytes".to_owned(),
            }
        })?;
        let steps = split(&text)
            .into_iter()
            .map(|statement| step(path, statement));
        let steps: Vec<Step> = steps.collect::<Result<_, _>>()?;
        Ok(SqlSteps {
            steps: steps.into_iter(),
        })
    }
}

impl Iterator for SqlSteps {
    type Item = Result<Step, SuiteError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.steps.next().map(Ok)
    }
}

fn step(path: &Path, statement: Statement) -> Result<Step, SuiteError> {
    let mut conditions = Conditions::default();
    for (line, remark) in &statement.remarks {
        let Some((word, rest)) = remark.split_once(char::is_whitespace) else {
            continue;
        };
        if word != "onlyif" && word != "skipif" {
            continue;
        }
        let label = rest.split('#').next().unwrap_or(rest).trim();
        let condition = label.parse().map_err(|message| SuiteError::At {
            path: path.to_owned(),
            line: *line,
            message,
        })?;
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
        action: Action::Record {
            sql: statement.text,
        },
        retry: None,
    })
}
