//! The user's own files of statements, run once: every copy of the golden child contains
//! their results.

use std::path::Path;
use std::time::{Duration, Instant};

use dbmatrix_containers::digest::Digest;
use dbmatrix_report::event::{Event, Phase};
use dbmatrix_sql::outcome::Outcome;
use dbmatrix_sql::session::{Connect, LocalFolder, Session};
use dbmatrix_sql::sql_text::Sql;
use dbmatrix_sql::suite::{Action, Facts, SqlSteps, Step as Statement};

use super::building::{Building, START_TIMEOUT, log_in_as_wanted};
use super::dump::Dump;
use super::error::{ProvisionError, SetupError};
use super::statistics::renew_statistics;
use crate::matrix::SetupFile;
use crate::server::{Member, Server, started, stop_waiting_for_replicas};

/// Letters of a statement that an error shows.
const SHOWN: usize = 200;

/// How often at most the progress of a file is reported.
const REPORTED: Duration = Duration::from_secs(1);

/// Adds what distinguishes golden children with these files.
pub(super) fn digest_files(files: &[SetupFile], digest: &mut Digest) {
    digest.number("setup", 2);
    for file in files {
        digest.content(&file.path);
        if !file.conditions_text.is_empty() {
            digest.texts("conditions", &file.conditions_text);
        }
    }
}

/// Runs the files whose conditions hold for the server.
pub(super) async fn run_files(
    building: &Building<'_>,
    files: &[SetupFile],
) -> Result<(), ProvisionError> {
    let Building {
        context,
        flavour,
        managed,
        child,
        events,
        ..
    } = *building;
    building.phase(Phase::LoggingIn);
    let login = log_in_as_wanted(context, child, managed, START_TIMEOUT);
    let server = started(child, &managed.spec, login).await?;
    building.phase(Phase::SettingUp);
    if managed.spec.member.is_some_and(Member::waits_for_replicas) {
        stop_waiting_for_replicas(&server).await?;
    }
    let facts = facts(&server);
    for file in files.iter().filter(|file| file.conditions.hold(&facts)) {
        let path = &file.path;
        let dump = open(path).await?;
        if dump.may_be_cut().unwrap_or_default() {
            events.warn(format!(
                "{flavour}: setup `{}` may be incomplete: it is a dump without `-- Dump completed` at its end",
                path.display()
            ));
        }
        let report = |done, total| {
            events.send(Event::FlavourProgress {
                flavour: flavour.to_owned(),
                file: path.clone(),
                done,
                total,
            });
        };
        let database = server.database.as_deref();
        run_file(&server, path, dump.path(), database, report).await?;
    }
    Ok(renew_statistics(&server).await?)
}

/// The files belong to the server, not to a flavour: flavours with the same setup share it.
fn facts(server: &Server) -> Facts {
    Facts {
        flavour: String::new(),
        family: server.identity.family,
        version: server.identity.version,
        labels: Vec::new(),
    }
}

async fn open(path: &Path) -> Result<Dump, SetupError> {
    let dump = Dump::open(path).await;
    dump.map_err(|reason| SetupError::Read {
        file: path.to_owned(),
        reason,
    })
}

/// Runs all statements of a file, which are uncompressed in `statements`, in a separate
/// session, up to the first that fails. Reports the bytes done and those of the whole file
/// now and then.
pub(super) async fn run_file(
    server: &Server,
    path: &Path,
    statements: &Path,
    database: Option<&str>,
    report: impl Fn(u64, u64),
) -> Result<(), SetupError> {
    let unreadable = |reason: String| SetupError::Read {
        file: path.to_owned(),
        reason,
    };
    let mut steps = SqlSteps::open(statements).map_err(|error| unreadable(error.to_string()))?;
    let folder = LocalFolder::beside(path);
    let total = std::fs::metadata(statements).map_or(0, |found| found.len());
    let mut reported = Instant::now();
    let facts = facts(server);
    let mut session = connect(server, database, &folder, path).await?;
    loop {
        steps.set_modes(facts.modes(session.no_backslash_escapes()));
        let Some(step) = steps.next() else {
            break;
        };
        let step = step.map_err(|error| unreadable(error.to_string()))?;
        if reported.elapsed() >= REPORTED {
            reported = Instant::now();
            report(steps.offset(), total);
        }
        if !step.conditions.hold(&facts) {
            continue;
        }
        match &step.action {
            Action::Halt => break,
            Action::Sleep(duration) => tokio::time::sleep(*duration).await,
            Action::ResetConnection => {
                let reset = session.reset().await;
                reset.map_err(|error| failed(path, &step, error.to_string()))?;
            }
            Action::Connect { database } => {
                let database = database.as_ref().map(|name| String::from_utf8_lossy(name));
                session = connect(server, database.as_deref(), &folder, path).await?;
            }
            Action::System(_) => {
                let reason = "a setup runs statements alone, no commands of this machine";
                return Err(failed(path, &step, reason.to_owned()));
            }
            action => {
                let Some(sql) = action.sql() else { continue };
                match session.run(sql.bytes()).await {
                    Ok(outcome) => check(path, &step, &outcome)?,
                    Err(error) => return Err(failed(path, &step, error.to_string())),
                }
            }
        }
    }
    session.close().await;
    Ok(())
}

async fn connect(
    server: &Server,
    database: Option<&str>,
    folder: &LocalFolder,
    path: &Path,
) -> Result<Session, SetupError> {
    let session = server.connect(database).await;
    let mut session = session.map_err(|error| SetupError::Read {
        file: path.to_owned(),
        reason: error.to_string(),
    })?;
    session.allow_local_files(folder.clone());
    Ok(session)
}

fn check(path: &Path, step: &Statement, outcome: &Outcome) -> Result<(), SetupError> {
    match outcome {
        Outcome::Refused(error) => Err(failed(path, step, error.to_string())),
        Outcome::MultiResult(parts) => parts.iter().try_for_each(|part| check(path, step, part)),
        Outcome::Rows(_) | Outcome::Completed { .. } => Ok(()),
    }
}

fn failed(path: &Path, step: &Statement, reason: String) -> SetupError {
    let place = match &step.within {
        Some(within) => format!("{} ({within})", step.line),
        None => step.line.to_string(),
    };
    let sql = step.action.sql().map(Sql::text).unwrap_or_default();
    let mut statement = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = statement.char_indices().nth(SHOWN) {
        statement.truncate(end);
        statement.push('…');
    }
    SetupError::Statement {
        file: path.to_owned(),
        place,
        statement,
        reason,
    }
}
