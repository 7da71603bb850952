//! Reads the logs of suites before anything is started: a file that is no log is reported
//! at once.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use dbmatrix_flavours::matrix::{FilesSpec, SuiteKind, SuiteSpec};
use dbmatrix_flavours::plan::Plan;
use dbmatrix_run::Workload;
use dbmatrix_workload::{Input, Progress, sample};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::app::Failure;

/// Bytes, speed and digests of the logs that are read.
const BAR: &str = "{prefix} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {msg}";
/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(200);

/// Takes the samples of all logs in a plan. `stream` is one of them that is in no file.
pub(crate) fn sample_logs(
    plan: &Plan,
    mut stream: Option<Input>,
) -> Result<Vec<Workload>, Failure> {
    let mut suites: Vec<&Arc<SuiteSpec>> = Vec::new();
    for suite_run in &plan.suite_runs {
        let suite = &suite_run.suite;
        if !suites.iter().any(|other| other.name == suite.name) {
            suites.push(suite);
        }
    }
    let mut workloads = Vec::new();
    for suite in suites {
        if let SuiteKind::Files(files) = &suite.kind {
            workloads.extend(sample_suite(&suite.name, files, &mut stream)?);
        }
    }
    Ok(workloads)
}

fn sample_suite(
    suite: &str,
    files: &FilesSpec,
    stream: &mut Option<Input>,
) -> Result<Option<Workload>, Failure> {
    let Some(log) = &files.log else {
        return Ok(None);
    };
    let bar = match std::io::stderr().is_terminal() {
        true => ProgressBar::new(0),
        false => ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
    };
    if let Ok(style) = ProgressStyle::with_template(BAR) {
        bar.set_style(style);
    }
    bar.set_prefix("reading logs");
    bar.enable_steady_tick(TICK);
    let show = |progress: Progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.bytes);
        bar.set_message(format!("{} digests", HumanCount(progress.digests as u64)));
    };
    let inputs = files.files.iter().map(|path| {
        let stream = stream.take_if(|stream| stream.path() == path);
        stream.unwrap_or_else(|| path.into())
    });
    let sample = sample(inputs, &log.sample, show);
    bar.finish_and_clear();
    let sample = sample.map_err(Failure::misused)?;
    Ok(Some(Workload::new(suite, sample, log.writes)))
}
