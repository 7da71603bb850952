//! A command suite on one flavour: run once, judged by its exit status.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::RunContext;
use super::command::{CommandEnd, CommandError, Invocation, Output, run_command};
use super::supply::{Lease, Site, Supply};
use crate::event::{CaseResult, Event, Failure};
use crate::matrix::CommandSpec;
use crate::plan::SuiteRun;
use crate::server::{Server, certificate_authority};

/// Where whole outputs are kept, in the folder where dbmatrix runs.
const LOGS: &str = ".dbmatrix";
/// Lines of the end of an output that a report tells.
const TAIL: usize = 30;

/// A command's cell, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) cell: &'a SuiteRun,
    /// None of a server that somebody else keeps.
    pub(super) site: Option<&'a Site>,
    /// Its place among all that the flavour runs.
    pub(super) place: usize,
}

/// Runs the command, again where it fails and the suite asks for retries.
pub(super) async fn run_command_cell(
    supply: &impl Supply<Server = Server>,
    place: &Place<'_>,
    spec: &CommandSpec,
    context: &RunContext,
) {
    let cell = place.cell;
    if context.fail_fast.is_over() {
        context.note_cut();
        return;
    }
    let file = PathBuf::from(spec.title());
    context.events.send(Event::CaseStarted {
        flavour: cell.flavour.clone(),
        suite: cell.suite.name.clone(),
        file: file.clone(),
    });
    let mut flaky = Vec::new();
    let mut left = Vec::new();
    let mut retries = 0;
    let mut result = loop {
        let mut result = match supply.lease().await {
            Ok(lease) => run_once(&lease, place, spec, context).await,
            Err(reason) => CaseResult {
                aborted: Some(reason),
                ..CaseResult::default()
            },
        };
        left.append(&mut result.left);
        if result.is_good() || retries == cell.suite.retries {
            break result;
        }
        flaky = result.failures;
        retries += 1;
    };
    result.retries = retries;
    result.flaky = flaky;
    result.left = left;
    result.place = place.place;
    if !result.is_good() {
        context.fail_fast.note_failure();
    }
    context.finish_case(cell, file, result);
}

async fn run_once(
    lease: &Arc<Lease<Server>>,
    place: &Place<'_>,
    spec: &CommandSpec,
    context: &RunContext,
) -> CaseResult {
    let begun = Instant::now();
    let mut result = CaseResult::default();
    let mut left = Vec::new();
    match attempt(lease, place, spec, context, &mut left).await {
        Ok((log, ended)) => {
            match failure(spec, &log, &ended) {
                None => result.passed = 1,
                Some(failure) => {
                    result.failed = 1;
                    result.failures.push(failure);
                }
            }
            result.log = Some(log);
        }
        Err(error) => result.aborted = Some(error.to_string()),
    }
    result.took = begun.elapsed();
    result.left = left;
    result
}

async fn attempt(
    lease: &Arc<Lease<Server>>,
    place: &Place<'_>,
    spec: &CommandSpec,
    context: &RunContext,
    left: &mut Vec<String>,
) -> Result<(PathBuf, CommandEnd), CommandError> {
    let cell = place.cell;
    let folder = log_folder(&cell.suite.name)?;
    let log = folder.join(format!("{}.log", cell.flavour));
    let authority = keep_authority(lease, place, context, &folder).await?;
    let invocation = Invocation {
        flavour: &cell.flavour,
        command: &spec.command,
        folder: Some(&spec.folder),
        environment: &spec.environment,
        authority: authority.as_deref(),
        limit: cell.suite.timeout,
        output: Output::File(log.clone()),
    };
    let run = run_command(&lease.server, &invocation, || lease.is_alone()).await;
    *left = run.left;
    if run.dirty {
        lease.give_up(left);
    }
    Ok((log, run.ended?))
}

/// A folder of the suite's own; git leaves it alone.
fn log_folder(suite: &str) -> Result<PathBuf, CommandError> {
    let whole = std::path::absolute(LOGS).unwrap_or_else(|_| PathBuf::from(LOGS));
    let folder = whole.join("logs").join(suite);
    let ignore = whole.join(".gitignore");
    let made = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&ignore, "*\n"));
    match made {
        Ok(()) => Ok(folder),
        Err(source) => Err(CommandError::Log {
            path: folder,
            source,
        }),
    }
}

/// Writes the server's certificate authority to a file, where it has one. One
/// that cannot be read is no reason not to run a command.
async fn keep_authority(
    lease: &Lease<Server>,
    place: &Place<'_>,
    context: &RunContext,
    folder: &Path,
) -> Result<Option<PathBuf>, CommandError> {
    let cell = place.cell;
    let Some(Site {
        environment,
        container,
        ..
    }) = place.site
    else {
        return Ok(None);
    };
    let container = match lease.copy() {
        Some(copy) => copy.to_owned(),
        None => environment.children.current(container),
    };
    let found = certificate_authority(&lease.server, &environment.nest.engine, &container).await;
    let text = match found {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(error) => {
            context.events.warn(format!(
                "{}: the certificate authority could not be read: {error}",
                cell.flavour
            ));
            return Ok(None);
        }
    };
    let path = folder.join(format!("{}.ca.pem", cell.flavour));
    match std::fs::write(&path, text) {
        Ok(()) => Ok(Some(path)),
        Err(source) => Err(CommandError::Log { path, source }),
    }
}

fn failure(spec: &CommandSpec, log: &Path, ended: &CommandEnd) -> Option<Failure> {
    let how = match ended {
        CommandEnd::Exited(status) if status.success() => return None,
        CommandEnd::Exited(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("ended by signal {signal}"),
            (None, None) => status.to_string(),
        },
        CommandEnd::TookTooLong(limit) => format!(
            "it was ended after {}, the suite's time limit",
            humantime::format_duration(Duration::from_secs(limit.as_secs()))
        ),
    };
    let why = match ended {
        CommandEnd::Exited(_) => "the command failed",
        CommandEnd::TookTooLong(_) => "it took too long",
    };
    Some(Failure {
        line: 0,
        statement: spec.title(),
        expected: "exit status 0".to_owned(),
        found: format!("{how}; the end of {}:\n{}", log.display(), tail(log)),
        why: why.to_owned(),
        kind: None,
        known: None,
    })
}

fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
