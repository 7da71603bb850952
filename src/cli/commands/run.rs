//! `dbmatrix run` and `dbmatrix up`.

use std::path::PathBuf;

use dbmatrix_flavours::plan::{Selection, Times};
use dbmatrix_flavours::provision::StartFrom;
use dbmatrix_report::event::{Event, Verdict};
use dbmatrix_report::{Differences, Listed, ReportKind, ReportSpec, read_events, skipped};
use dbmatrix_run::RunOptions;

use crate::app::matrix_file::load_matrix;
use crate::app::prepare::prepare;
use crate::app::task::{Task, bring_up, provide};
use crate::app::vacancy::{refuse_vacancy, warn_of_vain_choices};
use crate::app::{Failure, Globals, deprecated, eprintln, task};
use crate::cli::args::{RunArgs, UpArgs};
use crate::cli::commands::lock::insist;

/// Runs the suites.
pub(crate) async fn run(global: &Globals, args: &RunArgs) -> Result<Verdict, Failure> {
    if args.gate {
        deprecated::note("`--gate`", "`--ci`");
    }
    let matrix = load_matrix(&args.up.matrix)?;
    let selection = Selection {
        suites: args.suite.clone(),
        shard: match args.shard {
            Some(shard) => Some((shard, recorded_times(&args.times)?)),
            None => None,
        },
        ..args.up.selection()
    };
    let mut plan = task::plan(&matrix, &selection)?;
    if args.locked {
        insist(&matrix, args.strict, &mut plan)?;
    }
    if matrix.suites.is_empty() {
        let path = matrix.path.display();
        return Err(Failure::misused(format!(
            "`{path}` has no `[[suite]]`; `dbmatrix up` brings its flavours up without one"
        )));
    }
    let is_ci = args.ci || args.gate;
    let mut reports = args.reports.report.clone();
    if is_ci {
        reports.extend(expected_by_ci());
    }
    let listed = listed_differences(global, args.all_differences);
    let options = RunOptions {
        update: args.update,
        fail_fast: args.fail_fast,
        baseline: args.baseline.clone(),
        jobs: args.jobs.or(matrix.run.jobs),
        all_differences: listed == Listed::All,
        freshness: StartFrom::Template,
        no_tests: args.no_tests,
        strict: args.strict,
    };
    let prepared = prepare(&plan, options)?;
    let whole = Selection {
        shard: None,
        ..selection
    };
    let plan_of_all = task::plan(&matrix, &whole)?;
    refuse_vacancy(&plan, &plan_of_all, &prepared, args.no_tests)?;
    warn_of_vain_choices(&whole, &plan_of_all);
    let task = Task {
        yes: args.up.yes,
        strict: args.strict,
        plain: is_ci,
        differences: Differences {
            listed,
            only: Vec::new(),
        },
        shard: args.shard,
        reports,
        after: args.after.after.or(matrix.run.after).unwrap_or_default(),
        // Nothing may continue after a CI job.
        wait: args.after.wait || is_ci,
        timings: args.timings,
        ..Task::new(matrix, plan, prepared)
    };
    provide(global, &task).await
}

/// Which differences are reported one by one.
pub(crate) fn listed_differences(global: &Globals, all: bool) -> Listed {
    match all || global.verbose > 0 {
        true => Listed::All,
        false => Listed::Significant,
    }
}

/// How long files took in earlier runs.
fn recorded_times(files: &[PathBuf]) -> Result<Times, Failure> {
    let mut times = Times::new();
    for file in files {
        let events = read_events(file).map_err(Failure::misused)?;
        let unknown = events.iter().filter(|event| **event == Event::Unknown);
        if let unknown @ 1.. = unknown.count() {
            eprintln!("warning: `{}`: {}", file.display(), skipped(unknown));
        }
        for event in events {
            if let Event::CaseFinished {
                suite,
                file,
                result,
                ..
            } = event
            {
                let time = times
                    .entry((suite, file.display().to_string()))
                    .or_insert(result.took);
                // Flavours run side by side.
                *time = (*time).max(result.took);
            }
        }
    }
    Ok(times)
}

/// The reports that the calling CI system shows by itself: on GitHub annotations and the
/// job's summary.
fn expected_by_ci() -> Vec<ReportSpec> {
    let variable = std::env::var_os;
    if variable("GITHUB_ACTIONS").is_none_or(|is| is != "true") {
        return Vec::new();
    }
    let annotations = ReportSpec {
        kind: ReportKind::Github,
        path: PathBuf::from("-"),
        appends: false,
    };
    let summary = variable("GITHUB_STEP_SUMMARY").map(|path| ReportSpec {
        kind: ReportKind::Markdown,
        path: PathBuf::from(path),
        appends: true,
    });
    std::iter::once(annotations).chain(summary).collect()
}

/// Brings the flavours up.
pub(crate) async fn up(global: &Globals, args: &UpArgs) -> Result<Verdict, Failure> {
    let matrix = load_matrix(&args.matrix)?;
    let task = bring_up(matrix, &args.selection())?;
    let yes = args.yes;
    provide(global, &Task { yes, ..task }).await
}
