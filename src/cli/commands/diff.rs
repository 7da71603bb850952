//! `dbmatrix diff`.

use std::path::{Path, PathBuf};

use dbmatrix_flavours::matrix::LogSpec;
use dbmatrix_report::event::Verdict;
use dbmatrix_report::{Differences, Listed, OnlyFile, visible};
use dbmatrix_run::{Reference, RunOptions};

use crate::app::matrix_file::load_matrix;
use crate::app::prepare::{prepare_against, prepare_with};
use crate::app::task::{Task, plan, provide};
use crate::app::{Failure, Globals, privilege};
use crate::cli::args::DiffArgs;
use crate::cli::commands::input::Input;
use crate::cli::commands::run::listed_differences;

/// Runs statements on all flavours and reports where they differ.
pub(crate) async fn diff(global: &Globals, args: &DiffArgs) -> Result<Verdict, Failure> {
    let mut matrix = load_matrix(&args.up.matrix)?;
    if let (Some(path), true) = (&args.against, args.times.is_given()) {
        return Err(Failure::misused(format!(
            "`--repeat` measures servers, and the answers in `{}` have no times; leave `--repeat` out, \
             or compare times without `--against`",
            path.display()
        )));
    }
    let reference = match &args.against {
        Some(path) => Some(Reference::open(path).map_err(Failure::misused)?),
        None => None,
    };
    // This must happen before standard input is read: sudo restarts the program.
    if plan(&matrix, &args.up.selection())?.has_managed() {
        privilege::ensure_engine_access(global).await?;
    }
    let folder = tempfile::tempdir().map_err(Failure::not_provided)?;
    let mut input = match &reference {
        Some(reference) => recorded_input(args, reference, folder.path())?,
        None => Input::read(&args.input, folder.path())?,
    };
    input.replace_suites(&mut matrix, |files| args.times.apply(files));
    let plan = plan(&matrix, &args.up.selection())?;
    if let (true, [only]) = (args.times.is_given(), plan.flavours.as_slice()) {
        return Err(Failure::misused(format!(
            "`--repeat` compares times of flavours that run, and only `{}` does; choose two",
            only.name
        )));
    }
    let listed = listed_differences(global, args.all_differences);
    let options = RunOptions {
        baseline: args.baseline.clone(),
        all_differences: listed == Listed::All,
        ..RunOptions::default()
    };
    let prepared = match reference {
        Some(reference) => prepare_against(reference, &plan, options)?,
        None => prepare_with(&plan, options, input.stream.take())?,
    };
    input.refuse_vacancy(&plan, &prepared)?;
    let task = Task {
        yes: args.up.yes,
        differences: Differences {
            listed,
            only: input.files,
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
        if given.stream.is_some() {
            return Err(Failure::misused(format!(
                "a log from standard input is none to compare with the recorded one; leave it out: what runs is in `{}`",
                reference.path().display()
            )));
        }
        let checked = reference.check_input(&given.paths(), &given.title());
        checked.map_err(Failure::misused)?;
        // The same bytes under a name of another kind are run as they were recorded.
        if given.log.is_some() == log.is_some() {
            return Ok(Input { log, ..given });
        }
    }
    if log.is_none() {
        let file = reference.extract(folder).map_err(Failure::misused)?;
        return Ok(Input::statements(file, reference.title()));
    }
    Ok(Input {
        files: recorded_files(reference),
        log,
        stream: None,
    })
}

/// The recorded logs. One is called as the reference is, so that known divergences beside that
/// apply; others have names of their own, since nobody else has one.
fn recorded_files(reference: &Reference) -> Vec<OnlyFile> {
    let path = reference.path();
    let logs = reference.logs().iter().enumerate();
    let files = logs.map(|(place, title)| OnlyFile {
        file: match reference.logs() {
            [_] => path.to_owned(),
            _ => PathBuf::from(format!("{} (log {})", path.display(), place + 1)),
        },
        title: visible(title),
    });
    files.collect()
}
