//! Suites on a server at the end of a path.

use std::pin::pin;
use std::sync::Arc;

use dbmatrix_flavours::matrix::SuiteSpec;
use dbmatrix_flavours::plan::{Plan, SuiteRun};
use dbmatrix_report::UpgradedFile;
use dbmatrix_report::event::{Event, Sender};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::error::{InStep, StepError, WalkError};
use super::stop::Running;
use crate::validated::{RunOptions, ValidatedPlan};
use crate::work::run_files_on;

/// Runs suites of files, and returns how each file ended. All events are passed on.
pub(super) fn run_suites<'a>(
    running: &'a Running<'_>,
    suites: &'a [Arc<SuiteSpec>],
    events: &'a Sender,
) -> BoxFuture<'a, Result<Vec<UpgradedFile>, WalkError>> {
    async move {
        if suites.is_empty() {
            return Ok(Vec::new());
        }
        // Both ways of a path have the path's name; this one keeps their files apart.
        let flavour = running.stop.kept_as.as_str();
        let plan = Plan {
            flavours: Vec::new(),
            suite_runs: suites
                .iter()
                .map(|suite| SuiteRun {
                    flavour: flavour.to_owned(),
                    suite: Arc::clone(suite),
                })
                .collect(),
        };
        let prepared = ValidatedPlan::check(&plan, RunOptions::default());
        let prepared = prepared
            .map_err(|error| StepError::Program(error.to_string()))
            .in_step("read the suites")?;
        let (sender, mut receiver) = Sender::channel();
        let identity = &running.server.identity;
        let server = running.server.clone();
        let mut work = pin!(run_files_on(
            server, flavour, identity, &plan, &prepared, &sender
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
    .boxed()
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
