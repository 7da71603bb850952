//! What is asked of each release.

use std::path::PathBuf;
use std::sync::Arc;

use dbmatrix_flavours::matrix::{CommandSpec, FilesSpec, Flavour, Isolation, SuiteKind, SuiteSpec};
use dbmatrix_run::{check_step_line, has_statement};

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
        /// The line of the step whose outcome alone counts.
        line: Option<usize>,
    },
    /// The exit status of a shell command.
    Command(String),
}

impl Question {
    /// Refuses what has no statement before anything is asked.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Question::Statements { file, title, line } = self else {
            return Ok(());
        };
        if !has_statement(file).map_err(Failure::misused)? {
            return Err(Failure::misused(format!(
                "expected a statement to compare; found none in {title}"
            )));
        }
        match line {
            Some(line) => check_step_line(file, *line)
                .map_err(|error| Failure::misused(format!("{title}: {error}"))),
            None => Ok(()),
        }
    }

    /// Whether answers are compared, and not only how a command ends.
    pub(super) fn compares_answers(&self) -> bool {
        matches!(self, Question::Statements { .. })
    }

    /// The question as a suite of these flavours.
    pub(super) fn suite(&self, flavours: &[Flavour]) -> SuiteSpec {
        let kind = match self {
            Question::Statements { file, line, .. } => SuiteKind::Files(Arc::new(FilesSpec {
                only_line: *line,
                ..FilesSpec::compared(vec![file.clone()])
            })),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_whole_question() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("q.sql");
        std::fs::write(&file, "SELECT 1;\nSELECT\n2;\n").expect("a file");
        let question = |line| Question::Statements {
            file: file.clone(),
            title: "q.sql".to_owned(),
            line,
        };
        for line in [None, Some(1), Some(2)] {
            question(line).check().expect("a step begins there");
            let SuiteKind::Files(files) = question(line).suite(&[]).kind else {
                panic!("files are compared");
            };
            assert_eq!(files.only_line, line);
        }
        let told = question(Some(3)).check().expect_err("none begins there");
        assert_eq!(
            told.message,
            "q.sql: no step begins in line 3; the nearest step begins in line 2"
        );
    }
}
