//! The input of `diff` and `record`: logs, a file of statements, or the command line's.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbmatrix_flavours::matrix::{FilesSpec, Isolation, LogSpec, Matrix, SuiteKind, SuiteSpec};
use dbmatrix_flavours::plan::Plan;
use dbmatrix_report::OnlyFile;
use dbmatrix_run::{ValidatedPlan, foresee_vacancy};
use dbmatrix_sql::suite::FileKind;
use dbmatrix_workload::{Format, in_time_order};

use crate::app::Failure;
use crate::cli::args::InputArgs;
use crate::cli::commands::statements::{STREAM_TITLE, statements_file, write_statements};

/// Standard input, as an argument.
pub(super) const STREAM: &str = "-";

/// What flavours are asked.
pub(super) struct Input {
    /// The files, each with its name for the user; of logs the oldest first.
    pub(super) files: Vec<OnlyFile>,
    /// How they are sampled, if they are logs.
    pub(super) log: Option<LogSpec>,
    /// One of the logs, if it comes from standard input.
    pub(super) stream: Option<dbmatrix_workload::Input>,
}

impl Input {
    /// What the command line names. Statements that are in no file yet are written into
    /// `folder`.
    pub(super) fn read(args: &InputArgs, folder: &Path) -> Result<Self, Failure> {
        let statements = match args.files.as_slice() {
            [] => {
                let (file, title) = statements_file(args.execute.as_deref(), None, folder)?;
                Input::statements(file, &title)
            }
            [only] if only.as_os_str() == STREAM => {
                let stream = read_stream()?;
                let is_list = matches!(stream.format_of_stream(), None | Some(Format::Statements));
                if !is_list || args.log.is_given() {
                    return Input::logs(vec![stream], args);
                }
                let sql = stream.into_bytes().map_err(Failure::misused)?;
                Input::statements(write_statements(&sql, folder)?, STREAM_TITLE)
            }
            [only] if FileKind::of(only).is_some() => {
                let (file, title) = statements_file(None, Some(only), folder)?;
                Input::statements(file, &title)
            }
            logs => return Input::logs(open_logs(logs)?, args),
        };
        match args.log.is_given() {
            true => Err(Failure::misused(
                "options for logs, such as `--per-digest`, need a log; found statements",
            )),
            false => Ok(statements),
        }
    }

    /// A file of statements.
    pub(super) fn statements(file: PathBuf, title: &str) -> Self {
        Input {
            files: vec![OnlyFile {
                file,
                title: title.to_owned(),
            }],
            log: None,
            stream: None,
        }
    }

    fn logs(logs: Vec<dbmatrix_workload::Input>, args: &InputArgs) -> Result<Self, Failure> {
        let logs = in_time_order(logs).map_err(Failure::misused)?;
        let files = logs.iter().map(|log| OnlyFile {
            file: log.path().to_owned(),
            title: log.path().display().to_string(),
        });
        Ok(Input {
            files: files.collect(),
            log: Some(args.log.spec()),
            stream: logs.into_iter().find(dbmatrix_workload::Input::is_stream),
        })
    }

    /// The paths of its files.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|only| only.file.clone()).collect()
    }

    /// Its name for the user.
    pub(super) fn title(&self) -> String {
        let titles: Vec<&str> = self.files.iter().map(|only| only.title.as_str()).collect();
        titles.join(", ")
    }

    /// Makes it the only suite of a matrix, changed as `change` does.
    pub(super) fn replace_suites(&self, matrix: &mut Matrix, change: impl Fn(&mut FilesSpec)) {
        let mut files = match &self.log {
            Some(log) => FilesSpec::logs(self.paths(), log.clone()),
            None => FilesSpec::compared(self.paths()),
        };
        change(&mut files);
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
                self.title()
            ),
        }))
    }
}

/// Logs by their paths, of which one may be standard input. Each is opened later.
fn open_logs(paths: &[PathBuf]) -> Result<Vec<dbmatrix_workload::Input>, Failure> {
    refuse_repeated(paths)?;
    if let Some(sql) = paths.iter().find(|path| FileKind::of(path).is_some()) {
        return Err(Failure::misused(format!(
            "expected one file of statements, or one or more logs; found `{}` among several files",
            sql.display()
        )));
    }
    let mut inputs = Vec::new();
    for path in paths {
        inputs.push(match path.as_os_str() == STREAM {
            true => read_stream()?,
            false => path.into(),
        });
    }
    Ok(inputs)
}

/// Refuses a log that is there twice: its statements would count twice.
pub(super) fn refuse_repeated(paths: &[PathBuf]) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    // One that cannot be found is reported when it is opened.
    let whole = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    match paths.iter().find(|path| !seen.insert(whole(path))) {
        None => Ok(()),
        Some(path) => Err(Failure::misused(format!(
            "`{}` is there twice, and its statements would count twice; name each log once",
            path.display()
        ))),
    }
}

fn read_stream() -> Result<dbmatrix_workload::Input, Failure> {
    let stream = dbmatrix_workload::Input::stream(std::io::stdin(), Path::new(STREAM_TITLE));
    stream.map_err(|error| Failure::misused(format!("{STREAM_TITLE} cannot be read: {error}")))
}
