//! One step of a case.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use super::condition::Conditions;
use crate::compare::{ErrorPattern, ExpectedRows, Kind, Kinds};
use crate::sql_text::Sql;

/// One step, where it stands and when it holds.
#[derive(Debug, Clone)]
pub struct Step {
    /// Line in the case's own file, from 1: where the step stands, or where the
    /// file is named in which it does.
    pub line: usize,
    /// The place in another file, such as `part.sql:3`.
    pub within: Option<String>,
    /// When it is run.
    pub conditions: Conditions,
    /// The name of another session than the first.
    pub connection: Option<String>,
    /// What is done.
    pub action: Action,
    /// Whether variables are replaced in what is done.
    pub substitutes: bool,
    /// How often a failing step is tried again, and how long is waited.
    pub retry: Option<(usize, Duration)>,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// A statement that must succeed.
    Succeeds {
        /// The statement.
        sql: Sql,
        /// Number of affected rows, where it matters.
        affected: Option<u64>,
    },
    /// A statement that must be refused.
    Fails {
        /// The statement.
        sql: Sql,
        /// How.
        error: ErrorPattern,
    },
    /// A query with its rows.
    Query {
        /// The statement.
        sql: Sql,
        /// What is expected.
        expected: ExpectedRows,
        /// Queries with the same label have the same rows.
        label: Option<String>,
    },
    /// A statement whose outcome is recorded, and compared with the record.
    Record {
        /// The statement.
        sql: Sql,
    },
    /// A query whose only row is bound to variables.
    Let {
        /// The statement.
        sql: Sql,
        /// Their names, one a column.
        variables: Vec<String>,
    },
    /// A command on this machine.
    System(SystemCommand),
    /// A pause.
    Sleep(Duration),
    /// The end of the case.
    Halt,
    /// The session is reset on the server, without another login.
    ResetConnection,
    /// The session is replaced by a new one, in the database that is named or in
    /// use.
    Connect {
        /// The database.
        database: Option<Vec<u8>>,
    },
}

/// A command on this machine.
#[derive(Debug, Clone)]
pub struct SystemCommand {
    /// What a shell reads.
    pub text: Sql,
    /// Where it runs.
    pub folder: PathBuf,
    /// Whether it is to fail.
    pub must_fail: bool,
    /// What it is to write, without blanks at both ends.
    pub output: Option<String>,
}

impl Action {
    /// Kinds of difference of which the file itself says what is right, so that
    /// its expectation judges them. `stored` says whether the outcomes of a
    /// `.sql` file are.
    pub fn settles(&self, stored: bool) -> Kinds {
        let kinds: &[Kind] = match self {
            Action::Succeeds { affected: None, .. } => &[Kind::Success],
            Action::Succeeds { .. } => &[Kind::Success, Kind::Affected],
            Action::Fails { .. } => &[Kind::Success, Kind::ErrorCode],
            Action::Query { expected, .. } if expected.names.is_some() => {
                &[Kind::Success, Kind::Rows, Kind::Order, Kind::ColumnName]
            }
            Action::Query { .. } => &[Kind::Success, Kind::Rows, Kind::Order],
            Action::Record { .. } if stored => &[
                Kind::Success,
                Kind::Rows,
                Kind::Order,
                Kind::Affected,
                Kind::ErrorCode,
                Kind::ColumnName,
            ],
            // Whatever it is, the file only asks for it.
            Action::Let { .. } => &[Kind::Success, Kind::Rows, Kind::Order],
            Action::Record { .. }
            | Action::System(_)
            | Action::Sleep(_)
            | Action::Halt
            | Action::ResetConnection
            | Action::Connect { .. } => &[],
        };
        kinds.iter().copied().collect()
    }

    /// The statement, where there is one.
    pub fn sql(&self) -> Option<&Sql> {
        match self {
            Action::Succeeds { sql, .. }
            | Action::Fails { sql, .. }
            | Action::Query { sql, .. }
            | Action::Let { sql, .. }
            | Action::Record { sql } => Some(sql),
            Action::System(_)
            | Action::Sleep(_)
            | Action::Halt
            | Action::ResetConnection
            | Action::Connect { .. } => None,
        }
    }

    /// What is run, for people.
    pub fn shown(&self) -> Cow<'_, str> {
        match (self, self.sql()) {
            (_, Some(sql)) => sql.text(),
            (Action::System(command), None) => command.text.text(),
            (_, None) => Cow::Borrowed(""),
        }
    }
}
