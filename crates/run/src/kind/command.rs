//! A command suite on one flavour: runs once and is judged by its exit status.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dbmatrix_containers::nest::ClientCertificates;
use dbmatrix_flavours::matrix::CommandSpec;
use dbmatrix_flavours::server::{Server, certificate_authority};
use dbmatrix_platform::process;
use dbmatrix_report::event::{CaseResult, Failure};
use dbmatrix_sql::session::Tenancy;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{JobRun, Kind, replicas_of};
use crate::command::{CommandEnd, CommandError, Invocation, NestName, Output, run_command};
use crate::deployment::{Lease, Site, Supply};
use crate::expectations::Answers;
use crate::replicas::Replicas;
use crate::retries::Retries;
use crate::scheduler::{Job, Partitioning};
use crate::sessions::Until;

/// The folder for complete outputs, in the current directory.
const LOGS: &str = ".dbmatrix";
/// Lines at the end of an output that a report includes.
const TAIL: usize = 30;

/// A suite that is a command.
pub(super) struct CommandKind {
    spec: Arc<CommandSpec>,
}

impl CommandKind {
    pub(super) fn new(spec: &Arc<CommandSpec>) -> Self {
        CommandKind {
            spec: Arc::clone(spec),
        }
    }
}

impl Kind for CommandKind {
    fn partitioning(&self) -> Partitioning {
        Partitioning::Whole
    }

    fn cases(&self, _: Job) -> Vec<PathBuf> {
        vec![PathBuf::from(self.spec.title())]
    }

    fn refusal(&self, tenancy: Tenancy) -> Option<&'static str> {
        (tenancy == Tenancy::Reader).then_some(
            "read-only: a command may write; `permissions = \"own-databases\"` lets it run",
        )
    }

    fn run_job(self: Box<Self>, run: JobRun) -> BoxFuture<'static, Vec<Answers>> {
        async move {
            run_until_good(&self.spec, &run).await;
            Vec::new()
        }
        .boxed()
    }
}

/// Runs the command and repeats it if it fails and the suite allows retries.
async fn run_until_good(spec: &CommandSpec, run: &JobRun) {
    let JobRun {
        suite_run, context, ..
    } = run;
    if context.fail_fast.is_over() {
        context.note_cut();
        return;
    }
    let file = PathBuf::from(spec.title());
    context.start_case(suite_run, &file);
    let mut retries = Retries::new(suite_run.suite.retries);
    let mut result = loop {
        let mut result = match run_on_lease(run, spec).await {
            Ok(result) => result,
            Err(reason) => CaseResult::aborted(reason),
        };
        if retries.accept(&mut result) {
            break result;
        }
    };
    result.place = run.job.place;
    if !result.is_good() {
        context.fail_fast.note_failure();
    }
    context.finish_case(suite_run, file, result);
}

/// Runs the command on one of the servers; an error says why there is none.
async fn run_on_lease(run: &JobRun, spec: &CommandSpec) -> Result<CaseResult, String> {
    let replicas = replicas_of(run).await?;
    let lease = run.servers.lease().await?;
    Ok(run_once(&lease, run, spec, replicas.as_deref()).await)
}

async fn run_once(
    lease: &Arc<Lease<Server>>,
    run: &JobRun,
    spec: &CommandSpec,
    replicas: Option<&Replicas>,
) -> CaseResult {
    let begun = Instant::now();
    let mut result = CaseResult::default();
    let mut left = Vec::new();
    match attempt(lease, run, spec, replicas, &mut left).await {
        Ok((log, ended)) => {
            match failure(spec, &log, &ended) {
                None => result.passed = 1,
                Some(failure) => {
                    result.failed = 1;
                    result.failures.push(failure);
                }
            }
            if let Some(replicas) = replicas {
                let mut behind = replicas.mend_all().await;
                // One that took too long has left no time.
                if behind.is_empty() && matches!(ended, CommandEnd::Exited(_)) {
                    behind = replicas.check(Until::after_command(run.deadline)).await;
                }
                result.fail(behind);
            }
            result.log = Some(log);
            result.exit_status = exit_status(&ended);
        }
        Err(error) => result.aborted = Some(error.to_string()),
    }
    result.took = begun.elapsed();
    result.left = left;
    result
}

async fn attempt(
    lease: &Arc<Lease<Server>>,
    run: &JobRun,
    spec: &CommandSpec,
    replicas: Option<&Replicas>,
    left: &mut Vec<String>,
) -> Result<(PathBuf, CommandEnd), CommandError> {
    let suite_run = &run.suite_run;
    let folder = log_folder(&suite_run.suite.name)?;
    let log = folder.join(format!("{}.log", suite_run.flavour));
    let certificates = certificates(lease, run, &folder).await?;
    let invocation = Invocation {
        flavour: &suite_run.flavour,
        command: &spec.command,
        folder: Some(&spec.folder),
        environment: &spec.environment,
        home: run.site.as_ref().map(|site| NestName {
            project: &site.environment.project,
            nest: &site.environment.context.nest.name,
        }),
        certificates: &certificates,
        limit: suite_run.suite.timeout,
        output: Output::File(log.clone()),
        replicas,
    };
    let done = run_command(&lease.server, &invocation, || lease.is_alone()).await;
    *left = done.left;
    if done.dirty {
        lease.give_up(left);
    }
    Ok((log, done.ended?))
}

/// A folder of the suite, which git ignores.
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

/// The certificates that the user gave, or else the server's own certificate authority in
/// a file, if it has one. The command runs even if it cannot be read.
async fn certificates(
    lease: &Lease<Server>,
    run: &JobRun,
    folder: &Path,
) -> Result<ClientCertificates, CommandError> {
    let flavour = &run.suite_run.flavour;
    let Some(Site {
        environment,
        flavour: of,
        managed,
    }) = &run.site
    else {
        return Ok(ClientCertificates::default());
    };
    if let Some(given) = &managed.spec.certificates {
        return Ok(given.for_clients());
    }
    let container = match lease.copy() {
        Some(copy) => copy.to_owned(),
        None => environment.context.children.current(&of.container()),
    };
    let found =
        certificate_authority(&lease.server, &environment.context.nest.engine, &container).await;
    let text = match found {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(ClientCertificates::default()),
        Err(error) => {
            run.context.events.warn(format!(
                "{flavour}: the certificate authority could not be read: {error}"
            ));
            return Ok(ClientCertificates::default());
        }
    };
    let path = folder.join(format!("{flavour}.ca.pem"));
    match std::fs::write(&path, text) {
        Ok(()) => Ok(ClientCertificates {
            ca: Some(path),
            ..ClientCertificates::default()
        }),
        Err(source) => Err(CommandError::Log { path, source }),
    }
}

/// A command's exit status as shells count it; none if its time was over.
fn exit_status(ended: &CommandEnd) -> Option<i32> {
    match ended {
        CommandEnd::Exited(status) => {
            let after_signal = || process::signal_of(*status).map(|signal| 128 + signal);
            status.code().or_else(after_signal)
        }
        CommandEnd::TookTooLong(_) => None,
    }
}

fn failure(spec: &CommandSpec, log: &Path, ended: &CommandEnd) -> Option<Failure> {
    let how = match ended {
        CommandEnd::Exited(status) if status.success() => return None,
        CommandEnd::Exited(status) => match (status.code(), process::signal_of(*status)) {
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
