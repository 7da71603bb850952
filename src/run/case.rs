//! One case on one flavour: a file, in a database of its own, on a connection
//! of its own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::compare::{Mismatch, check_error, check_rows, record_lines, same_record};
use crate::event::{CaseResult, Failure};
use crate::outcome::Outcome;
use crate::session::{Connect, Session, SessionError};
use crate::suite::{
    Action, Expectation, Facts, FileKind, Recorded, SltSteps, SqlSteps, Step, SuiteError,
    expectation_path,
};

/// Databases of cases begin so; what a killed run left is found by it.
const PREFIX: &str = "dbmatrix_";
/// Stands in messages for the name of a case's database.
const PLACEHOLDER: &str = "dbmatrix_case";
/// Failures that are kept whole; the others are counted.
const KEPT: usize = 50;
/// Longest text of one side of a failure.
const SHOWN: usize = 4000;

/// A file to run on one flavour.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file.
    pub path: PathBuf,
    /// Its kind.
    pub kind: FileKind,
    /// What its conditions are asked of.
    pub facts: Facts,
    /// Whether outcomes are only recorded, to be written as expectations.
    pub update: bool,
    /// Counts the steps done, for a progress line.
    pub steps_done: Arc<AtomicUsize>,
}

/// How a case ended, with what it recorded.
#[derive(Debug)]
pub struct CaseEnd {
    /// For reports.
    pub result: CaseResult,
    /// Outcomes of a `.sql` file in update mode.
    pub recorded: Recorded,
}

/// Runs a case. The future may be dropped at any time; its database then stays
/// until [`drop_leftovers`] is called by the next run.
pub async fn run_case(server: &impl Connect, case: &Case) -> CaseEnd {
    let begun = Instant::now();
    let mut runner = Runner {
        server,
        case,
        database: database_name(),
        sessions: HashMap::new(),
        labels: HashMap::new(),
        result: CaseResult::default(),
        recorded: Vec::new(),
    };
    if let Err(reason) = runner.run().await {
        runner.result.aborted = Some(reason);
    }
    runner.drop_database().await;
    runner.result.took = begun.elapsed();
    CaseEnd {
        result: runner.result,
        recorded: runner.recorded,
    }
}

/// Drops databases that an earlier run left when it was killed. The caller has
/// made sure that no other run is at work on this server.
///
/// # Errors
/// As of the session.
pub async fn drop_leftovers(server: &impl Connect) -> Result<(), SessionError> {
    let mut session = server.connect(None).await?;
    let found = session.run("SHOW DATABASES").await?;
    let names = found.rows().into_iter().flat_map(|rows| &rows.rows);
    let names = names.filter_map(|row| String::from_utf8(row.first()?.clone()?).ok());
    for name in names.filter(|name| name.starts_with(PREFIX)) {
        session
            .run(&format!("DROP DATABASE IF EXISTS `{name}`"))
            .await?;
    }
    session.close().await;
    Ok(())
}

/// Unique among the processes and cases that may share a server.
fn database_name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{}_{number}", std::process::id())
}

struct Runner<'a, S> {
    server: &'a S,
    case: &'a Case,
    database: String,
    sessions: HashMap<Option<String>, Session>,
    /// Hash of the rows of the first query with a label.
    labels: HashMap<String, String>,
    result: CaseResult,
    recorded: Recorded,
}

/// How one step ended.
enum Ended {
    Passed,
    Skipped,
    Halted,
    Failed {
        mismatch: Mismatch,
        why: &'static str,
    },
}

impl From<Result<(), (Mismatch, &'static str)>> for Ended {
    fn from(result: Result<(), (Mismatch, &'static str)>) -> Self {
        match result {
            Ok(()) => Ended::Passed,
            Err((mismatch, why)) => Ended::Failed { mismatch, why },
        }
    }
}

impl<S: Connect> Runner<'_, S> {
    /// Runs all steps; an error says why the case could not go on.
    async fn run(&mut self) -> Result<(), String> {
        self.create_database().await?;
        match self.case.kind {
            FileKind::Slt => {
                let steps = SltSteps::open(&self.case.path).map_err(|error| error.to_string())?;
                self.run_steps(steps, None).await
            }
            FileKind::Sql => {
                let steps = SqlSteps::open(&self.case.path).map_err(|error| error.to_string())?;
                let stored = Expectation::load(&expectation_path(&self.case.path));
                let stored = stored
                    .map_err(|error| error.to_string())?
                    .unwrap_or_default();
                self.run_steps(steps, Some(&stored)).await
            }
        }
    }

    async fn create_database(&mut self) -> Result<(), String> {
        let mut session = self
            .server
            .connect(None)
            .await
            .map_err(|error| error.to_string())?;
        for statement in ["CREATE DATABASE", "USE"] {
            let sql = format!("{statement} `{}`", self.database);
            let outcome = session.run(&sql).await.map_err(|error| error.to_string())?;
            if let Some(refusal) = outcome.refusal() {
                return Err(format!("could not make a database for the case: {refusal}"));
            }
        }
        self.sessions.insert(None, session);
        Ok(())
    }

    async fn run_steps(
        &mut self,
        steps: impl Iterator<Item = Result<Step, SuiteError>>,
        stored: Option<&Expectation>,
    ) -> Result<(), String> {
        for (ordinal, step) in steps.enumerate() {
            let step = step.map_err(|error| error.to_string())?;
            let ended = self.run_step_with_retries(ordinal, &step, stored).await?;
            self.case.steps_done.fetch_add(1, Ordering::Relaxed);
            match ended {
                Ended::Passed => self.result.passed += 1,
                Ended::Skipped => self.result.skipped += 1,
                Ended::Halted => break,
                Ended::Failed { mismatch, why } => self.note_failure(&step, mismatch, why),
            }
        }
        Ok(())
    }

    fn note_failure(&mut self, step: &Step, mismatch: Mismatch, why: &str) {
        self.result.failed += 1;
        if self.result.failures.len() < KEPT {
            self.result.failures.push(Failure {
                line: step.line,
                statement: shortened(step.action.sql().unwrap_or_default()),
                expected: shortened(&mismatch.expected),
                found: shortened(&mismatch.found),
                why: why.to_owned(),
                kind: None,
                known: None,
            });
        }
    }

    async fn run_step_with_retries(
        &mut self,
        ordinal: usize,
        step: &Step,
        stored: Option<&Expectation>,
    ) -> Result<Ended, String> {
        let (attempts, backoff) = step.retry.unwrap_or((0, Duration::ZERO));
        for _ in 0..attempts {
            match self.run_step(ordinal, step, stored).await? {
                Ended::Failed { .. } => tokio::time::sleep(backoff).await,
                ended => return Ok(ended),
            }
        }
        self.run_step(ordinal, step, stored).await
    }

    async fn run_step(
        &mut self,
        ordinal: usize,
        step: &Step,
        stored: Option<&Expectation>,
    ) -> Result<Ended, String> {
        let holds = step.conditions.hold(&self.case.facts);
        let Some(sql) = step.action.sql() else {
            return Ok(match &step.action {
                Action::Sleep(duration) if holds => {
                    tokio::time::sleep(*duration).await;
                    Ended::Passed
                }
                Action::Halt if holds => Ended::Halted,
                _ => Ended::Skipped,
            });
        };
        if !holds {
            if stored.is_some() {
                self.recorded.push((sql.to_owned(), None));
            }
            return Ok(Ended::Skipped);
        }
        let outcome = match self.send(step, sql).await? {
            Ok(outcome) => outcome,
            Err(lost) => return Ok(lost),
        };
        Ok(self.judge(ordinal, &step.action, outcome, stored))
    }

    /// Sends a statement on the step's session. A session that is lost over
    /// it fails the step, and a new one takes its place.
    async fn send(&mut self, step: &Step, sql: &str) -> Result<Result<Outcome, Ended>, String> {
        if !self.sessions.contains_key(&step.connection) {
            let session = self.server.connect(Some(&self.database)).await;
            let session = session.map_err(|error| error.to_string())?;
            self.sessions.insert(step.connection.clone(), session);
        }
        let Some(session) = self.sessions.get_mut(&step.connection) else {
            return Err("a session is gone".to_owned());
        };
        match session.run(sql).await {
            Ok(outcome) => Ok(Ok(anonymous(outcome, &self.database))),
            Err(error) => {
                self.sessions.remove(&step.connection);
                let again = self.server.connect(Some(&self.database)).await;
                let again = again.map_err(|next| {
                    format!(
                        "line {}: {error}; and no new session could be opened: {next}",
                        step.line
                    )
                })?;
                self.sessions.insert(step.connection.clone(), again);
                let mismatch = Mismatch {
                    expected: "an answer".to_owned(),
                    found: format!("{error}; the steps after it run in a new session"),
                };
                let why = "the server ended the session";
                Ok(Err(Ended::Failed { mismatch, why }))
            }
        }
    }

    fn judge(
        &mut self,
        ordinal: usize,
        action: &Action,
        outcome: Outcome,
        stored: Option<&Expectation>,
    ) -> Ended {
        match action {
            Action::Succeeds { affected, .. } => succeeded(&outcome, *affected).into(),
            Action::Fails { error, .. } => check_error(error, &outcome)
                .map_err(|mismatch| (mismatch, "another error"))
                .into(),
            Action::Query {
                expected, label, ..
            } => {
                let rows = match outcome.rows() {
                    Some(rows) if outcome.refusal().is_none() => rows,
                    _ => return accepted("rows", &outcome).into(),
                };
                match check_rows(expected, rows) {
                    Err(mismatch) => Ended::Failed {
                        mismatch,
                        why: "other rows",
                    },
                    Ok(written) => match label {
                        Some(label) => self.check_label(label, written.hashed()),
                        None => Ended::Passed,
                    },
                }
            }
            Action::Record { sql } => self.judge_record(ordinal, sql, &outcome, stored),
            Action::Sleep(_) | Action::Halt => Ended::Passed,
        }
    }

    fn check_label(&mut self, label: &str, hashed: String) -> Ended {
        let first = self
            .labels
            .entry(label.to_owned())
            .or_insert_with(|| hashed.clone());
        if *first == hashed {
            return Ended::Passed;
        }
        Ended::Failed {
            mismatch: Mismatch {
                expected: first.clone(),
                found: hashed,
            },
            why: "other rows than an earlier query with the same label",
        }
    }

    fn judge_record(
        &mut self,
        ordinal: usize,
        sql: &str,
        outcome: &Outcome,
        stored: Option<&Expectation>,
    ) -> Ended {
        let found = record_lines(outcome);
        if self.case.update {
            self.recorded.push((sql.to_owned(), Some(found)));
            return Ended::Passed;
        }
        let none = Expectation::default();
        match stored
            .unwrap_or(&none)
            .lines(ordinal, sql, &self.case.facts)
        {
            Ok(lines) if same_record(lines, &found) => Ended::Passed,
            Ok(lines) => Ended::Failed {
                mismatch: Mismatch {
                    expected: lines.join("\n"),
                    found: found.join("\n"),
                },
                why: "another outcome than the stored one",
            },
            Err(reason) => Ended::Failed {
                mismatch: Mismatch {
                    expected: reason,
                    found: found.join("\n"),
                },
                why: "nothing to compare with",
            },
        }
    }

    async fn drop_database(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS `{}`", self.database);
        // Named sessions first: an open transaction of theirs would hold it.
        let main = self.sessions.remove(&None);
        for (_, session) in self.sessions.drain() {
            session.close().await;
        }
        if let Some(session) = main {
            session.close().await;
        }
        let dropped = async {
            let mut session = self.server.connect(None).await?;
            session.run(&sql).await?;
            session.close().await;
            Ok::<(), SessionError>(())
        };
        if let Err(error) = dropped.await {
            tracing::debug!(%error, database = self.database, "dropped by the next run");
        }
    }
}

/// Messages that name the case's database name it alike in every run.
fn anonymous(mut outcome: Outcome, database: &str) -> Outcome {
    match &mut outcome {
        Outcome::Refused(refusal) => {
            refusal.message = refusal.message.replace(database, PLACEHOLDER);
        }
        Outcome::Several(parts) => {
            let all = std::mem::take(parts);
            *parts = all
                .into_iter()
                .map(|part| anonymous(part, database))
                .collect();
        }
        Outcome::Rows(_) | Outcome::Done { .. } => {}
    }
    outcome
}

fn succeeded(outcome: &Outcome, affected: Option<u64>) -> Result<(), (Mismatch, &'static str)> {
    if outcome.refusal().is_some() {
        return accepted("success", outcome);
    }
    match affected {
        Some(count) if count != outcome.affected() => {
            let mismatch = Mismatch {
                expected: format!("{count} affected rows"),
                found: format!("{} affected rows", outcome.affected()),
            };
            Err((mismatch, "another number of affected rows"))
        }
        _ => Ok(()),
    }
}

/// A mismatch that shows what came in place of what was expected.
fn accepted(expected: &str, outcome: &Outcome) -> Result<(), (Mismatch, &'static str)> {
    let (found, why) = match outcome.refusal() {
        Some(refusal) => (refusal.to_string(), "refused"),
        None => (record_lines(outcome).join("\n"), "no rows"),
    };
    let expected = expected.to_owned();
    Err((Mismatch { expected, found }, why))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes in all)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
