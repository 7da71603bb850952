//! sqllogictest files, read a record at a time.
//!
//! The grammar is that of the `sqllogictest` crate. Its parser gets one record at a time,
//! so that a file of any size needs little memory and every error has its line. The
//! parser does not get the parts of the first line that it would lose ([`head`]).

mod head;
mod source;

use std::path::Path;

use sqllogictest::parser::{
    self, Condition as RawCondition, Connection, Control, ExpectedError, QueryExpect, RetryConfig,
    StatementExpect,
};
use sqllogictest::{ColumnType, Record, ResultMode, SortMode as RawSort};

use self::head::Head;
use self::source::{Block, DELIMITER, Sources};
use super::condition::{ConditionReader, Conditions};
use super::error::SuiteError;
use super::fault::Fault;
use super::step::{Action, Step, SystemCommand};
use crate::compare::{ErrorPattern, ExpectedRows, Letter, LineMode, SortMode};
use crate::sql_text::{Sql, unescape_bytes};

/// What files may do apart from sending statements.
#[derive(Debug, Clone, Copy, Default)]
pub struct SltOptions {
    /// Whether `system` may run commands on this machine.
    pub allow_system: bool,
}

/// Steps of a sqllogictest file, in order.
#[derive(Debug)]
pub struct SltSteps {
    sources: Sources,
    options: SltOptions,
    /// Whether reading has ended: at the end, or at an invalid place.
    has_ended: bool,
    sort: SortMode,
    mode: LineMode,
    /// Whether variables are replaced in what follows.
    substitutes: bool,
    read_conditions: ConditionReader,
    conditions: Conditions,
    connection: Option<String>,
    /// What happens to replicas before the next step.
    faults: Vec<Fault>,
}

/// The crate's parser expects a type per column; here it is any letter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RawLetter(char);

impl ColumnType for RawLetter {
    fn from_char(value: char) -> Option<Self> {
        Some(RawLetter(value))
    }

    fn to_char(&self) -> char {
        self.0
    }
}

impl SltSteps {
    /// Opens a file.
    ///
    /// # Errors
    /// [`SuiteError::Read`].
    pub fn open(path: &Path, options: SltOptions) -> Result<Self, SuiteError> {
        Ok(SltSteps {
            sources: Sources::open(path)?,
            options,
            has_ended: false,
            sort: SortMode::default(),
            mode: LineMode::default(),
            substitutes: false,
            read_conditions: ConditionReader::default(),
            conditions: Conditions::default(),
            connection: None,
            faults: Vec::new(),
        })
    }

    /// Reads up to the next step.
    fn read(&mut self) -> Result<Option<Step>, SuiteError> {
        while let Some(block) = self.sources.next(&mut self.faults)? {
            let record = self.parse(&block)?;
            if let Some(step) = self.step(record, &block)? {
                return Ok(Some(step));
            }
        }
        let faults = std::mem::take(&mut self.faults);
        Ok(Step::of_last_faults(self.sources.ended_at(), faults))
    }

    /// Parses a record with the crate.
    fn parse(&self, block: &Block) -> Result<Record<RawLetter>, SuiteError> {
        let Block { head, body, .. } = block;
        if head.body != head::Body::None && body.is_empty() {
            let word = head.line.split_whitespace().next().unwrap_or_default();
            let expected =
                format!("expected what `{word}` is to run on the line below; found none");
            return Err(self.sources.at(0, expected));
        }
        if head.error.as_ref().is_some_and(|text| !text.is_empty())
            && let Some(below) = body.lines().position(|line| line == DELIMITER)
        {
            let expected = "expected the error behind `error` or below `----`; found both";
            return Err(self.sources.at(below + 1, expected.to_owned()));
        }
        let records = parser::parse(&format!("{}\n{body}", head.line)).map_err(|error| {
            // If something is missing at the end, the crate names the line after it.
            let below = error.location().line().saturating_sub(1) as usize;
            let below = below.min(body.lines().count());
            self.sources.at(below, error.kind().to_string())
        })?;
        let unread = || {
            self.sources
                .at(0, format!("expected a record; found `{}`", head.line))
        };
        records.into_iter().next().ok_or_else(unread)
    }

    fn step(
        &mut self,
        record: Record<RawLetter>,
        block: &Block,
    ) -> Result<Option<Step>, SuiteError> {
        let head = &block.head;
        let (action, retry) = match record {
            Record::Condition(condition) => {
                self.note_condition(condition)?;
                return Ok(None);
            }
            Record::Connection(connection) => {
                self.connection = name(connection);
                return Ok(None);
            }
            Record::Control(control) => {
                self.note_control(control)?;
                return Ok(None);
            }
            Record::Include { filename, .. } => {
                let conditions = std::mem::take(&mut self.conditions);
                self.sources.include(&filename, conditions)?;
                return Ok(None);
            }
            Record::Statement {
                sql,
                expected,
                retry,
                ..
            } => (statement(sql, expected, head), retry),
            Record::Query {
                sql,
                expected,
                retry,
                ..
            } => (self.query(sql, expected, head)?, retry),
            Record::Sleep { duration, .. } => (Action::Sleep(duration), None),
            Record::Halt { .. } => (Action::Halt, None),
            Record::System {
                command,
                stdout,
                retry,
                ..
            } => (self.system(&command, stdout, head)?, retry),
            Record::Let { variables, sql, .. } => {
                let sql = statement_of(&sql);
                (Action::Let { sql, variables }, None)
            }
            // Hashes are recognised in expected results; server results are always
            // compared in full. Sub-tests only name what follows.
            _ => return Ok(None),
        };
        let (line, within) = self.sources.place();
        let mut conditions = self.sources.conditions().cloned().unwrap_or_default();
        conditions.add(std::mem::take(&mut self.conditions));
        Ok(Some(Step {
            line,
            within,
            conditions,
            connection: self.connection.take(),
            action,
            substitutes: self.substitutes,
            retry: retry.map(|RetryConfig { attempts, backoff }| (attempts, backoff)),
            faults: std::mem::take(&mut self.faults),
        }))
    }

    fn system(
        &self,
        command: &str,
        output: Option<String>,
        head: &Head,
    ) -> Result<Action, SuiteError> {
        if !self.options.allow_system {
            let expected = "`system` runs commands on this machine, which the suite does not allow; \
                `allow-system = true` in the matrix does";
            return Err(self.sources.at(0, expected.to_owned()));
        }
        Ok(Action::System(SystemCommand {
            text: statement_of(command),
            folder: self.sources.folder(),
            must_fail: head.must_fail,
            output,
        }))
    }

    fn note_condition(&mut self, raw: RawCondition) -> Result<(), SuiteError> {
        let (RawCondition::OnlyIf { label } | RawCondition::SkipIf { label }) = &raw;
        let condition = self.read_conditions.read(label);
        let condition = condition.map_err(|message| self.sources.at(0, message))?;
        match raw {
            RawCondition::OnlyIf { .. } => self.conditions.only_if(condition),
            RawCondition::SkipIf { .. } => self.conditions.skip_if(condition),
        }
        Ok(())
    }

    fn note_control(&mut self, control: Control) -> Result<(), SuiteError> {
        match control {
            Control::SortMode(sort) => self.sort = sort_mode(sort),
            Control::ResultMode(ResultMode::ValueWise) => self.mode = LineMode::Values,
            Control::ResultMode(ResultMode::RowWise) => self.mode = LineMode::Rows,
            Control::Substitution(substitutes) => self.substitutes = substitutes,
            other => {
                let message = format!("expected a known `control`; found {other:?}");
                return Err(self.sources.at(0, message));
            }
        }
        Ok(())
    }

    fn query(
        &self,
        sql: String,
        expected: QueryExpect<RawLetter>,
        head: &Head,
    ) -> Result<Action, SuiteError> {
        let (types, sort, label, mut lines) = match expected {
            QueryExpect::Results {
                types,
                sort_mode: sort,
                label,
                results,
                ..
            } => (types, sort, label, results),
            QueryExpect::Error(error) => {
                return Ok(Action::Fails {
                    sql: statement_of(&sql),
                    error: pattern(error, head),
                });
            }
        };
        let mut names = None;
        if head.has_names {
            if lines.is_empty() {
                let expected = "expected the names of the columns below `----`, as `colnames` says; found none";
                return Err(self.sources.at(0, expected.to_owned()));
            }
            names = Some(lines.remove(0));
        }
        Ok(Action::Query {
            sql: statement_of(&sql),
            expected: ExpectedRows {
                letters: types.iter().map(|letter| Letter::read(letter.0)).collect(),
                sort: sort.map_or(self.sort, sort_mode),
                mode: self.mode,
                names,
                lines,
            },
            label,
        })
    }
}

impl Iterator for SltSteps {
    type Item = Result<Step, SuiteError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let read = self.read();
        // After an invalid place, the rest cannot be read reliably.
        self.has_ended = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}

fn name(connection: Connection) -> Option<String> {
    match connection {
        Connection::Default => None,
        Connection::Named(name) => Some(name),
    }
}

fn sort_mode(raw: RawSort) -> SortMode {
    match raw {
        RawSort::NoSort => SortMode::NoSort,
        RawSort::RowSort => SortMode::RowSort,
        RawSort::ValueSort => SortMode::ValueSort,
    }
}

/// The bytes of a statement in a file.
fn statement_of(text: &str) -> Sql {
    unescape_bytes(text).into_owned().into()
}

fn statement(sql: String, expected: StatementExpect, head: &Head) -> Action {
    let sql = statement_of(&sql);
    match expected {
        StatementExpect::Ok => Action::Succeeds {
            sql,
            affected: None,
        },
        StatementExpect::Count(count) => Action::Succeeds {
            sql,
            affected: Some(count),
        },
        StatementExpect::Error(error) => Action::Fails {
            sql,
            error: pattern(error, head),
        },
    }
}

/// The crate does not get the text after `error`, which it would take for a pattern only.
fn pattern(raw: ExpectedError, head: &Head) -> ErrorPattern {
    match raw {
        ExpectedError::Multiline(text) => ErrorPattern::Exact(text),
        _ => ErrorPattern::read(head.error.as_deref().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
