//! What is asked of each release.

use std::path::PathBuf;
use std::sync::Arc;

use dbmatrix_flavours::matrix::{CommandSpec, FilesSpec, Flavour, Isolation, SuiteKind, SuiteSpec};
use dbmatrix_run::has_statement;

use crate::app::Failure;

/// The name of the suite, which is that of a command's folder for outputs too.
const SUITE: &str = "bisect";

/// What is asked of each release.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// The outcomes of a file's statements.
    Statements {
        /// The file.
        file: PathBuf,
        /// Its name in messages.
        title: String,
    },
    /// The exit status of a shell command.
    Command(String),
}

impl Question {
    /// Refuses what has no statement before anything is asked.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Question::Statements { file, title } = self else {
            return Ok(());
        };
        match has_statement(file).map_err(Failure::misused)? {
            true => Ok(()),
            false => Err(Failure::misused(format!(
                "expected a statement to compare; found none in {title}"
            ))),
        }
    }

    /// Whether answers are compared, and not only how a command ends.
    pub(super) fn compares_answers(&self) -> bool {
        matches!(self, Question::Statements { .. })
    }

    /// The question as a suite of these flavours.
    pub(super) fn suite(&self, flavours: &[Flavour]) -> SuiteSpec {
        let kind = match self {
            Question::Statements { file, .. } => {
                SuiteKind::Files(Arc::new(FilesSpec::compared(vec![file.clone()])))
            }
            Question::Command(command) => SuiteKind::Command(Arc::new(CommandSpec {
                command: ["sh", "-c", command].map(str::to_owned).to_vec(),
                folder: PathBuf::from("."),
                environment: Vec::new(),
            })),
        };
        SuiteSpec {
            name: SUITE.to_owned(),
            flavours: flavours.iter().map(|one| one.name.clone()).collect(),
            timeout: None,
            retries: 0,
            isolation: Isolation::Database,
            setup: Vec::new(),
            kind,
        }
    }
}
