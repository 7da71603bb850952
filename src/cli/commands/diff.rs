//! `dbmatrix diff`.

use std::path::Path;

use dbmatrix_flavours::matrix::LogSpec;
use dbmatrix_report::event::Verdict;
use dbmatrix_report::{Differences, Listed, OnlyFile};
use dbmatrix_run::{Reference, RunOptions};

use crate::app::matrix_file::load_matrix;
use crate::app::prepare::{prepare, prepare_against};
use crate::app::task::{Task, plan, provide};
use crate::app::{Failure, Globals, privilege};
use crate::cli::args::DiffArgs;
use crate::cli::commands::input::Input;
use crate::cli::commands::run::listed_differences;

/// Runs statements on all flavours and reports where they differ.
pub(crate) async fn diff(global: &Globals, args: &DiffArgs) -> Result<Verdict, Failure> {
    let mut matrix = load_matrix(&args.up.matrix)?;
    let reference = match &args.against {
        Some(path) => Some(Reference::open(path).map_err(Failure::misused)?),
        None => None,
    };
    // This must happen before standard input is read: sudo restarts the program.
    if plan(&matrix, &args.up.selection())?.has_managed() {
        privilege::ensure_engine_access(global).await?;
    }
    let folder = tempfile::tempdir().map_err(Failure::not_provided)?;
    let input = match &reference {
        Some(reference) => recorded_input(args, reference, folder.path())?,
        None => Input::read(&args.input, folder.path())?,
    };
    input.replace_suites(&mut matrix);
    let plan = plan(&matrix, &args.up.selection())?;
    let listed = listed_differences(global, args.all_differences);
    let options = RunOptions {
        baseline: args.baseline.clone(),
        all_differences: listed == Listed::All,
        ..RunOptions::default()
    };
    let prepared = match reference {
        Some(reference) => prepare_against(reference, &plan, options)?,
        None => prepare(&plan, options)?,
    };
    input.refuse_vacancy(&plan, &prepared)?;
    let Input { file, title, .. } = input;
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

/// The input of a reference. One that is given as well must be the recorded one; what runs
/// of it is in the reference nevertheless.
fn recorded_input(args: &DiffArgs, reference: &Reference, folder: &Path) -> Result<Input, Failure> {
    if args.input.log.is_given() {
        return Err(Failure::misused(format!(
            "which statements run is said by the reference `{}`; leave options for logs, such as `--per-digest`, out",
            reference.path().display()
        )));
    }
    let log = reference.writes().map(|writes| LogSpec {
        writes,
        ..LogSpec::default()
    });
    if args.input.is_given() {
        let given = Input::read(&args.input, folder)?;
        let checked = reference.check_input(&given.file, &given.title);
        checked.map_err(Failure::misused)?;
        // The same bytes under a name of another kind are run as they were recorded.
        if given.log.is_some() == log.is_some() {
            return Ok(Input { log, ..given });
        }
    }
    let file = match log {
        Some(_) => reference.path().to_owned(),
        None => reference.extract(folder).map_err(Failure::misused)?,
    };
    Ok(Input {
        file,
        title: reference.title().to_owned(),
        log,
    })
}
