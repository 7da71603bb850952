//! `dbmatrix diff`.

use std::path::Path;
use std::sync::Arc;

use dbmatrix_flavours::matrix::{FilesSpec, Isolation, SuiteKind, SuiteSpec};
use dbmatrix_report::event::Verdict;
use dbmatrix_report::{Differences, Listed, OnlyFile};
use dbmatrix_run::{RunOptions, foresee_vacancy};
use dbmatrix_sql::suite::FileKind;

use crate::app::matrix_file::load_matrix;
use crate::app::task::{Task, plan, prepare, provide};
use crate::app::{Failure, Globals, privilege};
use crate::cli::args::DiffArgs;
use crate::cli::commands::run::listed_differences;
use crate::cli::commands::statements::statements_file;

/// Runs statements on all flavours and reports where they differ.
pub(crate) async fn diff(global: &Globals, args: &DiffArgs) -> Result<Verdict, Failure> {
    let mut matrix = load_matrix(&args.up.matrix)?;
    // This must happen before standard input is read: sudo restarts the program.
    if plan(&matrix, &args.up.selection())?.has_managed() {
        privilege::ensure_engine_access(global).await?;
    }
    let folder = tempfile::tempdir().map_err(Failure::not_provided)?;
    let (files, title) = match &args.file {
        Some(log) if is_log(log) => {
            let files = FilesSpec::logs(vec![log.clone()], args.log.spec());
            (files, log.display().to_string())
        }
        _ if args.log.is_given() => {
            return Err(Failure::misused(
                "options for logs, such as `--per-digest`, need a log; found statements",
            ));
        }
        file => {
            let (file, title) =
                statements_file(args.execute.as_deref(), file.as_deref(), folder.path())?;
            (FilesSpec::compared(vec![file]), title)
        }
    };
    let files = args.times.apply(files);
    let file = files.files[0].clone();
    matrix.suites = vec![SuiteSpec {
        name: "diff".to_owned(),
        flavours: matrix
            .flavours
            .iter()
            .map(|flavour| flavour.name.clone())
            .collect(),
        timeout: None,
        retries: 0,
        isolation: Isolation::Database,
        setup: Vec::new(),
        kind: SuiteKind::Files(Arc::new(files)),
    }];
    let plan = plan(&matrix, &args.up.selection())?;
    let listed = listed_differences(global, args.all_differences);
    let options = RunOptions {
        baseline: args.baseline.clone(),
        all_differences: listed == Listed::All,
        ..RunOptions::default()
    };
    let prepared = prepare(&plan, options)?;
    if let Some(why) = foresee_vacancy(&plan, &plan, &prepared) {
        return Err(Failure::misused(match is_log(&file) {
            true => why.replace("\n  `--no-tests=pass` allows that", ""),
            false => format!("expected a statement to compare; found none in {title}"),
        }));
    }
    let task = Task {
        yes: args.up.yes,
        differences: Differences {
            listed,
            only: Some(OnlyFile { file, title }),
        },
        reports: args.reports.report.clone(),
        after: args.after.after.or(matrix.run.after).unwrap_or_default(),
        wait: args.after.wait,
        ..Task::new(matrix, plan, prepared)
    };
    provide(global, &task).await
}

/// Whether a file is a log: it is no file of steps, and not standard input.
fn is_log(file: &Path) -> bool {
    file.as_os_str() != "-" && FileKind::of(file).is_none()
}
