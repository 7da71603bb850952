//! `.sql` files: every statement is a step whose outcome is recorded.
//!
//! A file is read line by line, so that one of any size needs little memory; only one
//! statement is held in full. Earlier statements may change how later ones are split, so
//! the reader can return to the end of any statement and continue with other modes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbmatrix_platform::file::os_string;

use super::client::{Command, Lexer, Modes, Piece, Place, Statement};
use super::condition::{ConditionReader, Conditions};
use super::error::SuiteError;
use super::fault::Fault;
use super::lines::{LineMark, Lines};
use super::step::{Action, Step};
use crate::sql_text::{Sql, escape_bytes};

/// Steps of a `.sql` file, in order.
#[derive(Debug)]
pub struct SqlSteps {
    lexer: Lexer,
    lines: Lines,
    /// The chain of including files, from the case's own on.
    named_by: Arc<Vec<Outer>>,
    conditions: ConditionReader,
    /// What happens to replicas before the next step.
    faults: Vec<Fault>,
    /// Whether reading has ended: at the end, or at an invalid place.
    ended: bool,
}

/// A file that waits for one that it includes.
#[derive(Debug, Clone)]
struct Outer {
    path: PathBuf,
    mark: LineMark,
    place: Place,
    /// The line of the inclusion.
    line: usize,
}

/// The end of a step in its file, where reading can continue.
#[derive(Debug, Clone)]
pub struct SqlMark {
    lexer: Lexer,
    path: Arc<Path>,
    mark: LineMark,
    named_by: Arc<Vec<Outer>>,
}

impl SqlSteps {
    /// Opens a file.
    ///
    /// # Errors
    /// [`SuiteError::Read`].
    pub fn open(path: &Path) -> Result<Self, SuiteError> {
        Ok(SqlSteps {
            lexer: Lexer::default(),
            lines: Lines::open(path)?,
            named_by: Arc::default(),
            conditions: ConditionReader::default(),
            faults: Vec::new(),
            ended: false,
        })
    }

    /// Continues with other modes.
    pub fn set_modes(&mut self, modes: Modes) {
        self.lexer.set_modes(modes);
    }

    /// Bytes read so far of the file that is being read.
    pub fn offset(&self) -> u64 {
        self.lines.mark().offset
    }

    /// The end of the last step.
    pub fn mark(&self) -> SqlMark {
        SqlMark {
            lexer: self.lexer.clone(),
            path: self.lines.shared_path(),
            mark: self.lines.mark(),
            named_by: Arc::clone(&self.named_by),
        }
    }

    /// Returns to the end of a step, to continue with other modes.
    ///
    /// # Errors
    /// [`SuiteError::Read`].
    pub fn resume(&mut self, from: SqlMark, modes: Modes) -> Result<(), SuiteError> {
        if self.lines.path() != &*from.path {
            self.lines = Lines::open(&from.path)?;
        }
        self.lines.go_to(from.mark)?;
        self.lexer = from.lexer;
        self.lexer.set_modes(modes);
        self.named_by = from.named_by;
        // The step before has taken its own.
        self.faults.clear();
        self.ended = false;
        Ok(())
    }

    /// Reads the next step; `None` at the end.
    fn read_step(&mut self) -> Result<Option<Step>, SuiteError> {
        loop {
            let piece = match self.lexer.next_piece() {
                Some(piece) => piece,
                None if self.read_line()? => continue,
                None => match self.lexer.finish() {
                    Some(piece) => piece,
                    None if self.leave_file()? => continue,
                    None => return self.last_step(),
                },
            };
            if let Some(step) = self.step_of(piece)? {
                return Ok(Some(step));
            }
        }
    }

    /// What happens to replicas behind the last statement.
    fn last_step(&mut self) -> Result<Option<Step>, SuiteError> {
        let comments = self.lexer.take_leading_comments();
        self.note_faults(&comments)?;
        let line = self.lines.read();
        Ok(Step::of_last_faults(line, std::mem::take(&mut self.faults)))
    }

    /// Notes what comments before a step do to replicas.
    fn note_faults(&mut self, comments: &[(usize, String)]) -> Result<(), SuiteError> {
        for (line, comment) in comments {
            if let Some(fault) = Fault::read(comment) {
                let fault = fault.map_err(|message| self.wrong(*line, message))?;
                self.faults.push(fault);
            }
        }
        Ok(())
    }

    /// Feeds the next line; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, SuiteError> {
        let Some(line) = self.lines.next_bytes()? else {
            return Ok(false);
        };
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if line.contains(&0) {
            let message = "expected text without a byte 0, as the client does; found one; write it as `\\0` in a string, or as `0x00`";
            return Err(self.wrong(self.lines.read(), message.to_owned()));
        }
        self.lexer.feed(line);
        Ok(true)
    }

    /// Converts a piece to a step, if it is one.
    fn step_of(&mut self, piece: Piece) -> Result<Option<Step>, SuiteError> {
        let (line, text, command) = match piece {
            Piece::Statement(statement) => return self.step(statement).map(Some),
            Piece::Wrong { line, message } => return Err(self.wrong(line, message)),
            Piece::Command {
                line,
                text,
                command,
            } => (line, text, command),
        };
        let sql = match command {
            Command::Use(sql) => sql,
            Command::Charset(name) => format!("SET NAMES {name}").into_bytes(),
            Command::Help | Command::Status | Command::Warnings(_) => return Ok(None),
            other => return self.do_command(line, &text, other),
        };
        let statement = Statement {
            line,
            sql: Sql::in_place_of(sql, &text),
            vertical: false,
            leading_comments: self.lexer.take_leading_comments(),
        };
        self.step(statement).map(Some)
    }

    /// Executes a command that conditions do not affect.
    fn do_command(
        &mut self,
        line: usize,
        text: &[u8],
        command: Command,
    ) -> Result<Option<Step>, SuiteError> {
        let leading_comments = self.lexer.take_leading_comments();
        if let Some((at, _)) = leading_comments
            .iter()
            .find(|(_, comment)| label(comment).is_some())
        {
            let found = escape_bytes(text);
            let message = format!(
                "expected a statement behind the condition; found the client's command `{found}`, which no condition holds for"
            );
            return Err(self.wrong(*at, message));
        }
        self.note_faults(&leading_comments)?;
        let action = match command {
            Command::Source(name) => return self.enter_file(line, &name).map(|()| None),
            Command::ResetConnection => Action::ResetConnection,
            Command::Connect(database) => Action::Connect { database },
            // `quit`: ignores the rest of this file, but sends the last statement.
            _ => {
                let last = self.lexer.finish();
                self.lines.skip_all();
                return match last {
                    Some(Piece::Statement(statement)) => self.step(statement).map(Some),
                    _ => Ok(None),
                };
            }
        };
        Ok(Some(Step {
            faults: std::mem::take(&mut self.faults),
            ..self.new_step(line, Conditions::default(), action)
        }))
    }

    /// Begins to read a file that this one includes.
    fn enter_file(&mut self, line: usize, name: &[u8]) -> Result<(), SuiteError> {
        let here = self.lines.path();
        let name = PathBuf::from(os_string(name.to_vec()));
        let path = here.parent().unwrap_or(Path::new("")).join(name);
        self.refuse_cycle(line, &path)?;
        let lines = match Lines::open(&path) {
            Ok(lines) => lines,
            Err(SuiteError::Read { source, .. }) => {
                let path = path.display();
                return Err(
                    self.wrong(line, format!("expected a file to read; `{path}`: {source}"))
                );
            }
            Err(other) => return Err(other),
        };
        let outer = Outer {
            path: here.to_owned(),
            mark: self.lines.mark(),
            place: self.lexer.enter(),
            line,
        };
        Arc::make_mut(&mut self.named_by).push(outer);
        self.lines = lines;
        Ok(())
    }

    fn refuse_cycle(&self, line: usize, path: &Path) -> Result<(), SuiteError> {
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        let outer = self.named_by.iter().map(|outer| outer.path.as_path());
        let chain: Vec<&Path> = outer.chain([self.lines.path()]).collect();
        let Some(target) = real(path) else {
            return Ok(());
        };
        if !chain
            .iter()
            .any(|open| real(open).as_ref() == Some(&target))
        {
            return Ok(());
        }
        let names = chain.iter().chain([&path]);
        let names: Vec<String> = names.map(|path| path.display().to_string()).collect();
        let message = format!(
            "expected a file that is not being read; found a cycle: {}",
            names.join(" names ")
        );
        Err(self.wrong(line, message))
    }

    /// Returns to the file that included this one; false if there is none.
    fn leave_file(&mut self) -> Result<bool, SuiteError> {
        let Some(outer) = Arc::make_mut(&mut self.named_by).pop() else {
            return Ok(false);
        };
        self.lines = Lines::open(&outer.path)?;
        self.lines.go_to(outer.mark)?;
        self.lexer.leave(outer.place);
        Ok(true)
    }

    fn step(&mut self, statement: Statement) -> Result<Step, SuiteError> {
        let mut conditions = Conditions::default();
        self.note_faults(&statement.leading_comments)?;
        for (line, comment) in &statement.leading_comments {
            let Some((word, label)) = label(comment) else {
                continue;
            };
            let condition = self.conditions.read(label);
            let condition = condition.map_err(|message| self.wrong(*line, message))?;
            if word == "onlyif" {
                conditions.only_if(condition);
            } else {
                conditions.skip_if(condition);
            }
        }
        let action = Action::Record { sql: statement.sql };
        Ok(Step {
            faults: std::mem::take(&mut self.faults),
            ..self.new_step(statement.line, conditions, action)
        })
    }

    /// Creates a step at a line of the current file.
    fn new_step(&self, line: usize, conditions: Conditions, action: Action) -> Step {
        let (line, within) = match self.named_by.first() {
            None => (line, None),
            Some(outer) => {
                let path = self.lines.path();
                let base = outer.path.parent().unwrap_or(Path::new(""));
                let path = path.strip_prefix(base).unwrap_or(path);
                (outer.line, Some(format!("{}:{line}", path.display())))
            }
        };
        Step {
            line,
            within,
            substitutes: false,
            conditions,
            connection: None,
            action,
            retry: None,
            faults: Vec::new(),
        }
    }

    fn wrong(&self, line: usize, message: String) -> SuiteError {
        self.lines.at(line, message)
    }
}

/// The word and the label of a condition, if a comment line contains one.
fn label(comment: &str) -> Option<(&str, &str)> {
    let (word, rest) = comment.split_once(char::is_whitespace)?;
    let label = rest.split('#').next().unwrap_or(rest).trim();
    (word == "onlyif" || word == "skipif").then_some((word, label))
}

impl Iterator for SqlSteps {
    type Item = Result<Step, SuiteError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.read_step().transpose();
        self.ended = !matches!(step, Some(Ok(_)));
        step
    }
}

#[cfg(test)]
#[path = "sql/tests.rs"]
mod tests;
