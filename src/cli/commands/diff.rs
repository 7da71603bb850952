//! `dbmatrix diff`.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use dbmatrix_flavours::matrix::{FilesSpec, Isolation, SuiteKind, SuiteSpec};
use dbmatrix_report::event::Verdict;
use dbmatrix_report::{Differences, Listed, OnlyFile};
use dbmatrix_run::{RunOptions, foresee_vacancy};
use dbmatrix_sql::suite::FileKind;

use crate::app::task::{Task, load_matrix, plan, prepare, provide};
use crate::app::{Failure, Globals, privilege};
use crate::cli::args::DiffArgs;
use crate::cli::commands::run::listed_differences;

/// Runs statements on all flavours and reports where they differ.
pub(crate) async fn diff(global: &Globals, args: &DiffArgs) -> Result<Verdict, Failure> {
    let mut matrix = load_matrix(&args.up.matrix)?;
    // This must happen before standard input is read: sudo restarts the program.
    if plan(&matrix, &args.up.selection())?.has_managed() {
        privilege::ensure_engine_access(global).await?;
    }
    let folder = tempfile::tempdir().map_err(Failure::not_provided)?;
    let (file, title) = source(args, &folder)?;
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
        kind: SuiteKind::Files(Arc::new(FilesSpec::compared(vec![file.clone()]))),
    }];
    let plan = plan(&matrix, &args.up.selection())?;
    let listed = listed_differences(global, args.all_differences);
    let options = RunOptions {
        baseline: args.baseline.clone(),
        all_differences: listed == Listed::All,
        ..RunOptions::default()
    };
    let prepared = prepare(&plan, options)?;
    if foresee_vacancy(&plan, &plan).is_some() {
        return Err(Failure::misused(format!(
            "expected a statement to compare; found none in {title}"
        )));
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

/// The file with the statements, and its name in messages.
fn source(args: &DiffArgs, folder: &tempfile::TempDir) -> Result<(PathBuf, String), Failure> {
    let (text, title) = match (&args.execute, &args.file) {
        (Some(sql), _) => (sql.clone().into_bytes(), "-e"),
        (None, Some(file)) if file.as_os_str() != "-" => {
            if FileKind::of(file).is_none() {
                return Err(Failure::misused(format!(
                    "expected a file that ends in `.sql`, `.slt` or `.test`; found `{}`",
                    file.display()
                )));
            }
            if let Err(error) = std::fs::File::open(file) {
                return Err(Failure::misused(format!("`{}`: {error}", file.display())));
            }
            return Ok((file.clone(), file.display().to_string()));
        }
        (None, _) => {
            let mut text = Vec::new();
            std::io::stdin()
                .read_to_end(&mut text)
                .map_err(Failure::misused)?;
            (text, "standard input")
        }
    };
    let path = folder.path().join("statements.sql");
    let written = std::fs::File::create(&path).and_then(|mut file| file.write_all(&text));
    written.map_err(Failure::not_provided)?;
    Ok((path, title.to_owned()))
}
