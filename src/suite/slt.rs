//! sqllogictest files, read a chunk at a time.
//!
//! The grammar is the `sqllogictest` crate's. A file is cut at blank lines, so
//! that one of any size needs little memory, and what the crate's parser does
//! not take (a comment behind a condition) is removed before.

use std::path::Path;

use sqllogictest::parser::{
    self, Condition as RawCondition, Connection, Control, ExpectedError, QueryExpect, RetryConfig,
    StatementExpect,
};
use sqllogictest::{ColumnType, Record, ResultMode, SortMode as RawSort};

use super::condition::{ConditionReader, Conditions};
use super::error::SuiteError;
use super::lines::Lines;
use super::step::{Action, Step};
use crate::compare::{ErrorPattern, ExpectedRows, Letter, LineMode, SortMode};

/// A chunk ends at the first record boundary after so many bytes.
const CHUNK: usize = 256 * 1024;

/// Steps of a sqllogictest file, in order.
#[derive(Debug)]
pub struct SltSteps {
    lines: Lines,
    /// Whether no more is read: at the end, or behind what cannot be read.
    ended: bool,
    /// The line that showed where the last chunk ended.
    ahead: Option<String>,
    steps: std::vec::IntoIter<Step>,
    sort: SortMode,
    mode: LineMode,
    read_conditions: ConditionReader,
    conditions: Conditions,
    connection: Option<String>,
}

/// The crate's parser asks for a type a column; ours are letters.
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
    pub fn open(path: &Path) -> Result<Self, SuiteError> {
        Ok(SltSteps {
            lines: Lines::open(path)?,
            ended: false,
            ahead: None,
            steps: Vec::new().into_iter(),
            sort: SortMode::default(),
            mode: LineMode::default(),
            read_conditions: ConditionReader::default(),
            conditions: Conditions::default(),
            connection: None,
        })
    }

    /// Reads up to a blank line before a record, and the line where it begins.
    fn chunk(&mut self) -> Result<Option<(usize, String)>, SuiteError> {
        let mut text = String::new();
        let mut first = self.lines.read();
        if let Some(line) = self.ahead.take() {
            first -= 1;
            push_plain(&mut text, &line);
        }
        let mut after_blank = false;
        while let Some(line) = self.lines.next()? {
            if text.len() >= CHUNK && after_blank && begins_record(line) {
                self.ahead = Some(line.to_owned());
                break;
            }
            after_blank = line.trim().is_empty();
            push_plain(&mut text, line);
        }
        Ok((!text.is_empty()).then_some((first, text)))
    }

    /// Parses one chunk that begins after line `first`.
    fn parse(&mut self, first: usize, text: &str) -> Result<Vec<Step>, SuiteError> {
        let records = parser::parse::<RawLetter>(text).map_err(|error| {
            let line = first + error.location().line() as usize;
            self.lines.at(line, error.kind().to_string())
        })?;
        let mut steps = Vec::new();
        for record in records {
            if let Some(step) = self.step(first, record)? {
                steps.push(step);
            }
        }
        Ok(steps)
    }

    fn step(
        &mut self,
        first: usize,
        record: Record<RawLetter>,
    ) -> Result<Option<Step>, SuiteError> {
        let (line, action, retry) = match record {
            Record::Condition(condition) => {
                self.note_condition(first, condition)?;
                return Ok(None);
            }
            Record::Connection(connection) => {
                self.connection = name(connection);
                return Ok(None);
            }
            Record::Control(control) => {
                self.note_control(first, control)?;
                return Ok(None);
            }
            Record::Statement {
                loc,
                sql,
                expected,
                retry,
                ..
            } => (loc.line(), statement(sql, expected), retry),
            Record::Query {
                loc,
                sql,
                expected,
                retry,
                ..
            } => (loc.line(), self.query(sql, expected), retry),
            Record::Sleep { loc, duration } => (loc.line(), Action::Sleep(duration), None),
            Record::Halt { loc } => (loc.line(), Action::Halt, None),
            Record::Include { loc, .. } => {
                return Err(self.unsupported(first, loc.line(), "include"));
            }
            Record::System { loc, .. } => {
                return Err(self.unsupported(first, loc.line(), "system"));
            }
            Record::Let { loc, .. } => return Err(self.unsupported(first, loc.line(), "let")),
            // Hashes are recognised where they are expected; what the server
            // sends is always compared whole. Sub-tests only name what follows.
            _ => return Ok(None),
        };
        Ok(Some(Step {
            line: first + line as usize,
            within: None,
            conditions: std::mem::take(&mut self.conditions),
            connection: self.connection.take(),
            action,
            retry: retry.map(|RetryConfig { attempts, backoff }| (attempts, backoff)),
        }))
    }

    fn unsupported(&self, first: usize, line: u32, record: &str) -> SuiteError {
        let message = format!("a `{record}` record is not supported; found one");
        self.lines.at(first + line as usize, message)
    }

    fn note_condition(&mut self, first: usize, raw: RawCondition) -> Result<(), SuiteError> {
        let (RawCondition::OnlyIf { label } | RawCondition::SkipIf { label }) = &raw;
        let condition = self.read_conditions.read(label);
        // The crate tells no place for a condition: the chunk's is the best.
        let condition = condition.map_err(|message| self.lines.at(first + 1, message))?;
        match raw {
            RawCondition::OnlyIf { .. } => self.conditions.only_if(condition),
            RawCondition::SkipIf { .. } => self.conditions.skip_if(condition),
        }
        Ok(())
    }

    fn note_control(&mut self, first: usize, control: Control) -> Result<(), SuiteError> {
        match control {
            Control::SortMode(sort) => self.sort = sort_mode(sort),
            Control::ResultMode(ResultMode::ValueWise) => self.mode = LineMode::Values,
            Control::ResultMode(ResultMode::RowWise) => self.mode = LineMode::Rows,
            Control::Substitution(false) => {}
            _ => return Err(self.unsupported(first, 1, "control substitution on")),
        }
        Ok(())
    }

    fn query(&self, sql: String, expected: QueryExpect<RawLetter>) -> Action {
        let sql = sql.into();
        match expected {
            QueryExpect::Results {
                types,
                sort_mode: sort,
                label,
                results,
                ..
            } => Action::Query {
                sql,
                expected: ExpectedRows {
                    letters: types.iter().map(|letter| Letter::read(letter.0)).collect(),
                    sort: sort.map_or(self.sort, sort_mode),
                    mode: self.mode,
                    lines: results,
                },
                label,
            },
            QueryExpect::Error(error) => Action::Fails {
                sql,
                error: pattern(error),
            },
        }
    }
}

impl Iterator for SltSteps {
    type Item = Result<Step, SuiteError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(step) = self.steps.next() {
                return Some(Ok(step));
            }
            if self.ended {
                return None;
            }
            let parsed = match self.chunk() {
                Ok(None) => {
                    self.ended = true;
                    return None;
                }
                Ok(Some((first, text))) => self
                    .check_conditions(first, &text)
                    .and_then(|()| self.parse(first, &text)),
                Err(error) => Err(error),
            };
            match parsed {
                Ok(steps) => self.steps = steps.into_iter(),
                Err(error) => {
                    // Nothing after a place that cannot be read is sure.
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl SltSteps {
    /// Finds a condition that cannot be read, at its line.
    fn check_conditions(&mut self, first: usize, text: &str) -> Result<(), SuiteError> {
        for (at, line) in text.lines().enumerate() {
            if let Some(label) = condition_label(line)
                && let Err(message) = self.read_conditions.read(label)
            {
                return Err(self.lines.at(first + at + 1, message));
            }
        }
        Ok(())
    }
}

fn condition_label(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let word = words.next()?;
    if word == "onlyif" || word == "skipif" {
        words.next()
    } else {
        None
    }
}

/// Whether a line can begin a record; a line of a result can too, but not one
/// behind a blank line.
fn begins_record(line: &str) -> bool {
    const WORDS: [&str; 11] = [
        "statement",
        "query",
        "onlyif",
        "skipif",
        "halt",
        "hash-threshold",
        "control",
        "connection",
        "sleep",
        "subtest",
        "include",
    ];
    line.split_whitespace()
        .next()
        .is_some_and(|word| WORDS.contains(&word))
}

/// Appends a line; a condition without the comment behind it. Line ends are
/// those that the crate's parser expects.
fn push_plain(text: &mut String, line: &str) {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    match condition_label(line) {
        Some(_) => text.push_str(line.split('#').next().unwrap_or(line)),
        // Some files indent or end a separating line with blanks.
        None if line.trim().is_empty() => {}
        None => text.push_str(line),
    }
    text.push('\n');
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

fn statement(sql: String, expected: StatementExpect) -> Action {
    let sql = sql.into();
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
            error: pattern(error),
        },
    }
}

fn pattern(raw: ExpectedError) -> ErrorPattern {
    match raw {
        ExpectedError::Empty => ErrorPattern::Any,
        ExpectedError::Inline(regex) => ErrorPattern::Matches(regex),
        ExpectedError::Multiline(text) => ErrorPattern::Exact(text),
        ExpectedError::SqlState(state) => ErrorPattern::State(state),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn steps(text: &[u8]) -> Vec<Result<Step, SuiteError>> {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(text).expect("its text");
        SltSteps::open(file.path()).expect("it opens").collect()
    }

    #[test]
    fn conditions_lose_their_comments_and_hold_for_any_record() {
        let all =
            steps(b"onlyif mssql # not ours\nhalt\n\nskipif mysql>=8.0\nstatement ok\nSELECT 1\n");
        let all: Vec<Step> = all
            .into_iter()
            .collect::<Result<_, _>>()
            .expect("they parse");
        assert_eq!(all.len(), 2);
        assert!(matches!(all[0].action, Action::Halt));
        assert_eq!((all[0].line, all[1].line), (2, 5));
        let facts = super::super::Facts {
            flavour: "mysql-9.7".to_owned(),
            family: crate::version::Family::Mysql,
            version: "9.7.4".parse().expect("a version"),
            labels: Vec::new(),
        };
        assert!(!all[0].conditions.hold(&facts));
        assert!(!all[1].conditions.hold(&facts));
    }

    #[test]
    fn a_wrong_record_or_condition_is_told_at_its_line() {
        let wrong = |text: &[u8]| {
            let last = steps(text).pop().expect("something").expect_err("an error");
            last.to_string()
        };
        assert!(wrong(b"statement ok\nSELECT 1\n\nstatment ok\n").contains(":4: "));
        assert!(wrong(b"\n\nonlyif mysql>=x\nhalt\n").contains(":3: "));
        assert!(wrong(b"statement ok\nSELECT '\xff'\n").contains(":2: "));
        assert!(wrong(b"\ninclude other.slt\n").contains("include"));
    }

    #[test]
    fn a_large_file_is_read_in_chunks_with_right_lines() {
        let mut text = String::new();
        for number in 0..3_000 {
            text.push_str(&format!(
                "# {}\nskipif sqlite # no\nquery I nosort\nSELECT {number}\n----\n{number}\n\n",
                "long ".repeat(40)
            ));
        }
        let all: Vec<Step> = steps(text.as_bytes())
            .into_iter()
            .collect::<Result<_, _>>()
            .expect("they parse");
        assert_eq!(all.len(), 3_000);
        assert!(
            all.iter()
                .enumerate()
                .all(|(at, step)| step.line == at * 7 + 3)
        );
    }

    #[test]
    fn errors_are_read_in_all_their_forms() {
        let all = steps(b"statement error (42S02)\nSELECT 1\n\nquery error 1064\nSELECT\n\nstatement error\nX\n");
        let kinds: Vec<ErrorPattern> = all
            .into_iter()
            .map(|step| match step.expect("it parses").action {
                Action::Fails { error, .. } => error,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(matches!(kinds[0], ErrorPattern::State(_)));
        assert!(matches!(kinds[1], ErrorPattern::Matches(_)));
        assert!(matches!(kinds[2], ErrorPattern::Any));
    }
}
