//! `dbmatrix replay`.

use std::path::PathBuf;

use dbmatrix_flavours::matrix::Writes;
use dbmatrix_flavours::plan::Plan;
use dbmatrix_report::event::{Sender, Verdict};
use dbmatrix_report::{Colour, visible};
use dbmatrix_run::{Environment, Inspected, Replay, ReplayOptions, RunOptions, inspect_logs};

use crate::app::matrix_file::load_matrix;
use crate::app::prepare::prepare;
use crate::app::task::{Task, plan, provide_and, stdout_width};
use crate::app::{Failure, Globals, consent, eprintln, privilege, say};
use crate::cli::args::{Format, ReplayArgs, Speed};
use crate::cli::commands::input::{STREAM, refuse_repeated};

/// Replays a log under load on each flavour, and shows what was measured.
pub(crate) async fn replay(global: &Globals, args: &ReplayArgs) -> Result<Verdict, Failure> {
    let matrix = load_matrix(&args.up.matrix)?;
    let mut plan = plan(&matrix, &args.up.selection())?;
    plan.suite_runs.clear();
    let log = args.selection.spec();
    check_logs(&args.logs)?;
    let inspected = inspect_logs(&args.logs, &log.sample, log.writes).map_err(Failure::misused)?;
    let speed = speed_of(args, &inspected)?;
    refuse_writes(&plan, log.writes)?;
    // This must happen before a question is asked: sudo restarts the program.
    if plan.has_managed() {
        privilege::ensure_engine_access(global).await?;
    }
    consent::ask_for_load(&plan.flavours, &args.load_on, args.up.yes)?;
    let prepared = prepare(
        &plan,
        RunOptions {
            baseline: args.baseline.clone(),
            ..RunOptions::default()
        },
    )?;
    let replay = Replay::new(ReplayOptions {
        inspected,
        selection: log.sample,
        writes: log.writes,
        speed,
        rounds: args.rounds as usize,
        warms_up: args.warm_up,
        limit: args.limit,
        statements: args.statements,
        connections: args.connections.map(|most| most as usize),
        baseline: args.baseline.clone(),
    });
    let task = Task {
        yes: args.up.yes,
        shows_results: true,
        after: args.after.after.or(matrix.run.after).unwrap_or_default(),
        wait: args.after.wait,
        ..Task::new(matrix, plan, prepared)
    };
    let run = async |environment: Option<&Environment>, events: &Sender| {
        dbmatrix_run::replay(environment, &task.plan, &replay, events).await;
    };
    let record = provide_and(global, &task, run).await?;
    for flavour in &task.plan.flavours {
        if let Some(reason) = record.why_unavailable(&flavour.name) {
            eprintln!("{}: unavailable: {}", flavour.name, visible(reason));
        }
    }
    let report = replay.report();
    match args.shown.format {
        Format::Json => say(report.json()),
        Format::Table if report.flavours.is_empty() => {}
        Format::Table => {
            let text = report.render(usize::from(stdout_width()), Colour::of_stdout());
            say(text.trim_end());
        }
    }
    Ok(record.verdict())
}

/// A replay reads its logs again in each round.
fn check_logs(logs: &[PathBuf]) -> Result<(), Failure> {
    refuse_repeated(logs)?;
    for log in logs {
        // One that cannot be found is reported when it is opened.
        let is_file = log.metadata().map_or(true, |found| found.is_file());
        if log.as_os_str() == STREAM || !is_file {
            return Err(Failure::misused(format!(
                "a replay reads its log again in each round, and `{}` can be read once only; write \
                 it to a file (compressed by gzip or zstd, if you like)",
                log.display()
            )));
        }
    }
    Ok(())
}

/// The speed; `None` is as fast as possible. Says what a log lacks.
fn speed_of(args: &ReplayArgs, inspected: &Inspected) -> Result<Option<f64>, Failure> {
    let logs = args.logs.iter().map(|log| format!("`{}`", log.display()));
    let log = logs.collect::<Vec<_>>().join(", ");
    if !inspected.has_connections {
        eprintln!("note: {log} does not say which connections sent its statements: one sends all");
    }
    if inspected.has_times {
        return Ok(match args.speed {
            None => Some(1.0),
            Some(Speed::Times(times)) => Some(times),
            Some(Speed::Max) => None,
        });
    }
    if args.limit.is_some() {
        return Err(Failure::misused(format!(
            "`--limit` is a part of the log by its times, and {log} has none; `--statements` limits their number"
        )));
    }
    match args.speed {
        Some(Speed::Times(_)) => Err(Failure::misused(format!(
            "{log} has no times and so no pace; `--speed max` sends its statements as fast as possible"
        ))),
        Some(Speed::Max) => Ok(None),
        None => {
            eprintln!("note: {log} has no times: its statements are sent as fast as possible");
            Ok(None)
        }
    }
}

/// Statements that write are only for servers that are thrown away.
fn refuse_writes(plan: &Plan, writes: Writes) -> Result<(), Failure> {
    let external = plan
        .flavours
        .iter()
        .find(|flavour| flavour.external().is_some());
    match (external, writes) {
        (None, _) | (_, Writes::Skip) => Ok(()),
        (Some(flavour), Writes::Rollback | Writes::Apply) => Err(Failure::misused(format!(
            "`--writes` is only for servers that dbmatrix makes, and `{}` is an external one; leave it \
             out with `--flavour`",
            flavour.name
        ))),
    }
}
