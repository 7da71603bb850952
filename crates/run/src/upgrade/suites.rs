//! Suites on a server at the end of a path.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use dbmatrix_flavours::matrix::SuiteSpec;
use dbmatrix_flavours::plan::{Plan, SuiteRun};
use dbmatrix_report::UpgradedFile;
use dbmatrix_report::event::{CaseResult, Event, Sender};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::error::{InStep, StepError, WalkError};
use super::stop::Running;
use crate::validated::{RunOptions, ValidatedPlan};
use crate::work::run_files_on;

/// Runs suites of files, each after its own setup, and returns how each file ended. All
/// events are passed on.
pub(super) fn run_suites<'a>(
    running: &'a Running<'_>,
    suites: &'a [Arc<SuiteSpec>],
    events: &'a Sender,
) -> BoxFuture<'a, Result<Vec<UpgradedFile>, WalkError>> {
    async move {
        let mut files = Vec::new();
        for suite in suites {
            match running.set_up(&suite.setup).await {
                Ok(()) => files.extend(run_suite(running, suite, events).await?),
                Err(error) => files.extend(without_setup(running, suite, &error, events)),
            }
        }
        Ok(files)
    }
    .boxed()
}

/// Reports a suite that did not run because its setup failed.
fn without_setup(
    running: &Running<'_>,
    suite: &SuiteSpec,
    error: &StepError,
    events: &Sender,
) -> Option<UpgradedFile> {
    let event = Event::CaseFinished {
        flavour: running.stop.kept_as.clone(),
        suite: suite.name.clone(),
        file: PathBuf::from("setup"),
        result: CaseResult::aborted(error.to_string()),
    };
    let file = file_of(&event);
    events.send(event);
    file
}

async fn run_suite(
    running: &Running<'_>,
    suite: &Arc<SuiteSpec>,
    events: &Sender,
) -> Result<Vec<UpgradedFile>, WalkError> {
    // Both ways of a path have the path's name; this one keeps their files apart.
    let flavour = running.stop.kept_as.as_str();
    let plan = Plan {
        flavours: Vec::new(),
        suite_runs: vec![SuiteRun {
            flavour: flavour.to_owned(),
            suite: Arc::clone(suite),
        }],
    };
    let prepared = ValidatedPlan::check(&plan, RunOptions::default());
    let prepared = prepared
        .map_err(|error| StepError::Program(error.to_string()))
        .in_step("read the suites")?;
    let (sender, mut receiver) = Sender::channel();
    let identity = &running.server.identity;
    let server = running.server.clone();
    let mut work = pin!(run_files_on(
        server,
        flavour,
        running.stop.name,
        identity,
        &plan,
        &prepared,
        &sender
    ));
    let mut files = Vec::new();
    let mut note = |event: Event| {
        files.extend(file_of(&event));
        events.send(event);
    };
    loop {
        tokio::select! {
            () = &mut work => break,
            Some(event) = receiver.recv() => note(event),
        }
    }
    while let Some(Some(event)) = receiver.recv().now_or_never() {
        note(event);
    }
    Ok(files)
}

fn file_of(event: &Event) -> Option<UpgradedFile> {
    let Event::CaseFinished {
        suite,
        file,
        result,
        ..
    } = event
    else {
        return None;
    };
    let first = result.reported_failures().next();
    let first = first.map(|failure| format!("line {}: {}", failure.line, failure.why));
    Some(UpgradedFile {
        suite: suite.clone(),
        file: file.display().to_string(),
        passed: result.passed,
        failed: result.failed,
        problem: result.aborted.clone().or(first),
    })
}
