//! The input of `diff` and `record`: a log, a file of statements, or the command line's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbmatrix_flavours::matrix::{FilesSpec, Isolation, LogSpec, Matrix, SuiteKind, SuiteSpec};
use dbmatrix_flavours::plan::Plan;
use dbmatrix_run::{ValidatedPlan, foresee_vacancy};
use dbmatrix_sql::suite::FileKind;

use crate::app::Failure;
use crate::cli::args::InputArgs;
use crate::cli::commands::statements::statements_file;

/// What flavours are asked.
pub(super) struct Input {
    pub(super) file: PathBuf,
    /// Its name for the user.
    pub(super) title: String,
    /// How it is sampled, if it is a log.
    pub(super) log: Option<LogSpec>,
}

impl Input {
    /// What the command line names. Statements that are in no file yet are written into
    /// `folder`.
    pub(super) fn read(args: &InputArgs, folder: &Path) -> Result<Self, Failure> {
        match &args.file {
            Some(log) if is_log(log) => Ok(Input {
                title: log.display().to_string(),
                file: log.clone(),
                log: Some(args.log.spec()),
            }),
            _ if args.log.is_given() => Err(Failure::misused(
                "options for logs, such as `--per-digest`, need a log; found statements",
            )),
            file => {
                let (file, title) =
                    statements_file(args.execute.as_deref(), file.as_deref(), folder)?;
                Ok(Input {
                    file,
                    title,
                    log: None,
                })
            }
        }
    }

    /// Makes it the only suite of a matrix.
    pub(super) fn replace_suites(&self, matrix: &mut Matrix) {
        let files = vec![self.file.clone()];
        let files = match &self.log {
            Some(log) => FilesSpec::logs(files, log.clone()),
            None => FilesSpec::compared(files),
        };
        let flavours = matrix.flavours.iter().map(|flavour| flavour.name.clone());
        matrix.suites = vec![SuiteSpec {
            name: "diff".to_owned(),
            flavours: flavours.collect(),
            timeout: None,
            retries: 0,
            isolation: Isolation::Database,
            setup: Vec::new(),
            kind: SuiteKind::Files(Arc::new(files)),
        }];
    }

    /// Refuses an input of which nothing can run.
    pub(super) fn refuse_vacancy(
        &self,
        plan: &Plan,
        prepared: &ValidatedPlan,
    ) -> Result<(), Failure> {
        let Some(why) = foresee_vacancy(plan, plan, prepared) else {
            return Ok(());
        };
        Err(Failure::misused(match self.log {
            Some(_) => why.replace("\n  `--no-tests=pass` allows that", ""),
            None => format!(
                "expected a statement to compare; found none in {}",
                self.title
            ),
        }))
    }
}

/// Whether a file is a log: it is no file of steps, and not standard input.
fn is_log(file: &Path) -> bool {
    file.as_os_str() != "-" && FileKind::of(file).is_none()
}
