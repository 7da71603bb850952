//! `dbmatrix upgrade`.

use std::sync::Arc;

use dbmatrix_config::hint;
use dbmatrix_flavours::matrix::{After, Flavour, Matrix, UpgradeSpec};
use dbmatrix_flavours::plan::{Plan, SuiteRun};
use dbmatrix_report::Colour;
use dbmatrix_report::event::{Sender, Verdict};
use dbmatrix_run::{Environment, RunOptions, UpgradeOptions, Upgrades};
use dbmatrix_sql::content::KnownChanges;
use globset::Glob;

use crate::app::matrix_file::{colour_of_stderr, load_matrix};
use crate::app::prepare::prepare;
use crate::app::task::{Task, provide_and};
use crate::app::{Failure, Globals, privilege, say};
use crate::cli::args::{Format, UpgradeArgs};

/// Walks the paths of a matrix, and shows what became of the data.
pub(crate) async fn upgrade(global: &Globals, args: &UpgradeArgs) -> Result<Verdict, Failure> {
    let matrix = load_matrix(&args.matrix)?;
    let chosen = choose(&matrix, &args.path)?;
    let paths = |upgrades: &[UpgradeSpec]| -> usize {
        upgrades.iter().map(|upgrade| upgrade.paths.len()).sum()
    };
    let options = UpgradeOptions {
        keeps_failed: args.keep_failed,
        is_partial: paths(&chosen) < paths(&matrix.upgrades),
    };
    let upgrades = Upgrades::new(with_known(chosen.clone())?, options);
    // This must happen before a question is asked: sudo restarts the program.
    privilege::ensure_engine_access(global).await?;
    let plan = plan_of(&chosen);
    let prepared = prepare(&plan, RunOptions::default())?;
    let task = Task {
        yes: args.yes,
        shows_results: true,
        reports: args.reports.report.clone(),
        // Whatever a walk makes, it removes itself.
        after: After::Delete,
        wait: true,
        ..Task::new(matrix, plan, prepared)
    };
    let run = async |environment: Option<&Environment>, events: &Sender| {
        if let Some(environment) = environment {
            dbmatrix_run::upgrade(environment, &upgrades, events).await;
        }
    };
    let record = provide_and(global, &task, run).await?;
    let report = upgrades.report();
    match args.shown.format {
        Format::Json => say(report.json()),
        Format::Table if report.walks.is_empty() => {}
        Format::Table => {
            let text = report.render(Colour::of_stdout(), args.all_differences);
            say(text.trim_end());
        }
    }
    Ok(record.verdict())
}

/// The upgrades with the chosen paths; by default all.
fn choose(matrix: &Matrix, patterns: &[String]) -> Result<Vec<UpgradeSpec>, Failure> {
    let names = || {
        let paths = matrix.upgrades.iter().flat_map(|upgrade| &upgrade.paths);
        paths.map(|path| path.name.as_str())
    };
    if matrix.upgrades.is_empty() {
        return Err(Failure::misused(format!(
            "`{}` has no `[[upgrade]]`, such as `from = [\"mariadb:10.11\"]` and `to = [\"mariadb:11.8\"]`",
            matrix.path.display()
        )));
    }
    let mut matchers = Vec::new();
    for pattern in patterns {
        let matcher = Glob::new(pattern).ok().map(|glob| glob.compile_matcher());
        let matcher = matcher.filter(|matcher| names().any(|name| matcher.is_match(name)));
        matchers.push(matcher.ok_or_else(|| {
            let hint = hint(pattern, names().collect::<Vec<_>>().into_iter());
            Failure::misused(format!("no path `{pattern}` in the matrix; {hint}"))
        })?);
    }
    let mut chosen = matrix.upgrades.clone();
    for upgrade in &mut chosen {
        upgrade.paths.retain(|path| {
            let mut matchers = matchers.iter();
            patterns.is_empty() || matchers.any(|matcher| matcher.is_match(&path.name))
        });
    }
    chosen.retain(|upgrade| !upgrade.paths.is_empty());
    Ok(chosen)
}

/// The upgrades with what is known of their differences.
fn with_known(upgrades: Vec<UpgradeSpec>) -> Result<Vec<(UpgradeSpec, KnownChanges)>, Failure> {
    let load = |upgrade: UpgradeSpec| {
        let known = match &upgrade.known {
            Some(path) => KnownChanges::load(path)
                .map_err(|error| Failure::misused(error.render(colour_of_stderr())))?,
            None => KnownChanges::default(),
        };
        Ok((upgrade, known))
    };
    upgrades.into_iter().map(load).collect()
}

/// A plan that has each path in place of a flavour, under the path's name, with the suites
/// that run at its end.
fn plan_of(upgrades: &[UpgradeSpec]) -> Plan {
    let suite_runs = upgrades.iter().flat_map(|upgrade| {
        let paths = upgrade.paths.iter();
        paths.flat_map(|path| {
            let suites = upgrade.suites.iter();
            suites.map(|suite| SuiteRun {
                flavour: path.name.clone(),
                suite: Arc::clone(suite),
            })
        })
    });
    let suite_runs = suite_runs.collect();
    let paths = upgrades.iter().flat_map(|upgrade| &upgrade.paths);
    let flavours = paths.map(|path| Flavour {
        name: path.name.clone(),
        ..path.to.clone()
    });
    Plan {
        flavours: flavours.collect(),
        suite_runs,
    }
}
