//! One step of a case.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use super::condition::Conditions;
use super::fault::Fault;
use crate::compare::{ErrorPattern, ExpectedRows, Kind, Kinds};
use crate::sql_text::Sql;

/// One step, with its place and conditions.
#[derive(Debug, Clone)]
pub struct Step {
    /// Line in the case's own file, from 1: the line of the step, or of the inclusion of
    /// its file.
    pub line: usize,
    /// The place in an included file, such as `part.sql:3`.
    pub within: Option<String>,
    /// When it is run.
    pub conditions: Conditions,
    /// The name of a session other than the first.
    pub connection: Option<String>,
    /// The action.
    pub action: Action,
    /// Whether variables are replaced in the action.
    pub substitutes: bool,
    /// How often a failing step is repeated, and the pause before that.
    pub retry: Option<(usize, Duration)>,
    /// What happens to replicas before it, whether or not its conditions hold.
    pub faults: Vec<Fault>,
}

impl Step {
    /// A step of the case's own file that always runs, once, on the first session.
    pub fn new(line: usize, action: Action) -> Self {
        Step {
            line,
            within: None,
            conditions: Conditions::default(),
            connection: None,
            action,
            substitutes: false,
            retry: None,
            faults: Vec::new(),
        }
    }

    /// The end of a file behind whose last step something happens to replicas; `None` if
    /// nothing does.
    pub(super) fn of_last_faults(line: usize, faults: Vec<Fault>) -> Option<Self> {
        (!faults.is_empty()).then(|| Step {
            faults,
            ..Step::new(line, Action::Halt)
        })
    }
}

/// The action of a step.
#[derive(Debug, Clone)]
pub enum Action {
    /// A statement that must succeed.
    Succeeds {
        /// The statement.
        sql: Sql,
        /// Expected number of affected rows, if it matters.
        affected: Option<u64>,
    },
    /// A statement that must fail.
    Fails {
        /// The statement.
        sql: Sql,
        /// The expected error.
        error: ErrorPattern,
    },
    /// A query with its expected rows.
    Query {
        /// The statement.
        sql: Sql,
        /// The expected rows.
        expected: ExpectedRows,
        /// Queries with the same label have the same rows.
        label: Option<String>,
    },
    /// A statement whose outcome is recorded, and compared with the record.
    Record {
        /// The statement.
        sql: Sql,
    },
    /// The same, for a statement in a transaction of its own that is rolled back.
    RollBack {
        /// The statement.
        sql: Sql,
    },
    /// A query whose only row is bound to variables.
    Let {
        /// The statement.
        sql: Sql,
        /// Their names, one per column.
        variables: Vec<String>,
    },
    /// A command on this machine.
    System(SystemCommand),
    /// A pause.
    Sleep(Duration),
    /// The end of the case.
    Halt,
    /// Makes a database the current one, by default the case's own. Where the server has
    /// none of that name, the statements up to the next such step are left out.
    Use {
        /// Its name.
        database: Option<String>,
    },
    /// Resets the session on the server, without another login.
    ResetConnection,
    /// Replaces the session by a new one, in the named or the current database.
    Connect {
        /// The database.
        database: Option<Vec<u8>>,
    },
}

/// A command on this machine.
#[derive(Debug, Clone)]
pub struct SystemCommand {
    /// The text for the shell.
    pub text: Sql,
    /// Its working directory.
    pub folder: PathBuf,
    /// Whether it must fail.
    pub must_fail: bool,
    /// Its expected output, without blanks at both ends.
    pub output: Option<String>,
}

impl Action {
    /// Kinds of difference that the file's own expectation judges. `stored` says whether
    /// the outcomes of a `.sql` file are stored.
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
            // The file only requires that it has a value.
            Action::Let { .. } => &[Kind::Success, Kind::Rows, Kind::Order],
            Action::Record { .. }
            | Action::RollBack { .. }
            | Action::System(_)
            | Action::Sleep(_)
            | Action::Halt
            | Action::Use { .. }
            | Action::ResetConnection
            | Action::Connect { .. } => &[],
        };
        kinds.iter().copied().collect()
    }

    /// The statement, if there is one.
    pub fn sql(&self) -> Option<&Sql> {
        match self {
            Action::Succeeds { sql, .. }
            | Action::Fails { sql, .. }
            | Action::Query { sql, .. }
            | Action::Let { sql, .. }
            | Action::Record { sql }
            | Action::RollBack { sql } => Some(sql),
            Action::System(_)
            | Action::Sleep(_)
            | Action::Halt
            | Action::Use { .. }
            | Action::ResetConnection
            | Action::Connect { .. } => None,
        }
    }

    /// A readable form of the action.
    pub fn shown(&self) -> Cow<'_, str> {
        match (self, self.sql()) {
            (_, Some(sql)) => sql.text(),
            (Action::System(command), None) => command.text.text(),
            (_, None) => Cow::Borrowed(""),
        }
    }
}
