//! One case on one flavour: a file, in a database of its own, on a connection
//! of its own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::ahead::StepsAhead;
use super::comparison::{self, Sink, StepFacts};
use super::course::Course;
use super::database;
use super::judge::{Came, Judge, Wrong};
use super::sessions::{Reply, Sessions, Until};
use crate::compare::{Kind, record_lines};
use crate::event::{CaseResult, Failure};
use crate::matrix::{Expect, FilesSpec};
use crate::outcome::Notice;
use crate::session::Connect;
use crate::suite::{
    Action, Expectation, Facts, FileKind, Known, Recorded, SltSteps, SqlSteps, Step,
    asks_for_counts, asks_for_order, expectation_path, one_line,
};

/// Failures that are kept whole; the others are counted.
const KEPT: usize = 50;
/// Longest text of one side of a failure.
const SHOWN: usize = 4000;

/// A file to run on one flavour.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// The file.
    pub(super) path: PathBuf,
    /// Its kind.
    pub(super) kind: FileKind,
    /// What its conditions are asked of.
    pub(super) facts: Facts,
    /// What its suite says of it.
    pub(super) suite: Arc<FilesSpec>,
    /// Its known divergences.
    pub(super) known: Arc<Known>,
    /// Whether outcomes are only recorded, to be written as expectations.
    pub(super) update: bool,
    /// When the suite's time is over, and how long that is.
    pub(super) deadline: Option<(Instant, Duration)>,
    /// Whether the run goes on.
    pub(super) course: Course,
    /// Counts the steps done, for a progress line.
    pub(super) steps_done: Arc<AtomicUsize>,
}

/// How a case ended, with what it recorded.
#[derive(Debug)]
pub(super) struct CaseEnd {
    /// For reports.
    pub(super) result: CaseResult,
    /// Outcomes of a `.sql` file in update mode.
    pub(super) recorded: Recorded,
}

/// Runs a case; each step and its answer goes to `sink`. The future may be
/// dropped at any time; its database then stays until the next run.
pub(super) async fn run_case(
    server: &impl Connect,
    case: &Case,
    sink: Option<&mut Sink>,
) -> CaseEnd {
    let begun = Instant::now();
    let database = database::database_name();
    let mut tally = Tally {
        case,
        sink,
        database: &database,
        statements: HashMap::new(),
        result: CaseResult::default(),
        recorded: Vec::new(),
    };
    if let Err(reason) = tally.run(server).await {
        tally.result.aborted = Some(reason);
    }
    let (mut result, recorded) = (tally.result, tally.recorded);
    database::drop_database(server, &database).await;
    result.took = begun.elapsed();
    CaseEnd { result, recorded }
}

/// What a case has come to.
struct Tally<'a> {
    case: &'a Case,
    sink: Option<&'a mut Sink>,
    database: &'a str,
    /// How often a statement was met.
    statements: HashMap<String, usize>,
    result: CaseResult,
    recorded: Recorded,
}

/// How one step ended.
enum Ended {
    Passed,
    Skipped,
    Halted,
    Failed(Wrong),
}

/// How one step ended, with what all flavours compare.
type Stepped = (Ended, Option<(Came, Vec<Notice>)>);

impl Tally<'_> {
    /// Runs all steps; an error says why the case could not go on.
    async fn run(&mut self, server: &impl Connect) -> Result<(), String> {
        let path = &self.case.path;
        match self.case.kind {
            FileKind::Slt => {
                let steps = SltSteps::open(path).map_err(|error| error.to_string())?;
                self.run_steps(server, StepsAhead::of(steps), None).await
            }
            FileKind::Sql => {
                let steps = SqlSteps::open(path).map_err(|error| error.to_string())?;
                let stored = match self.case.suite.expect {
                    Expect::Agreement => None,
                    Expect::Stored => {
                        let stored = Expectation::load(&expectation_path(path));
                        Some(
                            stored
                                .map_err(|error| error.to_string())?
                                .unwrap_or_default(),
                        )
                    }
                };
                self.run_steps(server, StepsAhead::of(steps), stored).await
            }
        }
    }

    async fn run_steps(
        &mut self,
        server: &impl Connect,
        steps: StepsAhead,
        stored: Option<Expectation>,
    ) -> Result<(), String> {
        let first = database::create(server, self.database).await?;
        let mut sessions = Sessions::new(server, self.database, first);
        let mut judge = Judge::new(&self.case.facts, &self.case.suite.rules, stored);
        let ended = self.run_all(&mut sessions, &mut judge, steps).await;
        // Named sessions are closed too: an open transaction of theirs would
        // hold the database.
        sessions.close().await;
        ended
    }

    async fn run_all(
        &mut self,
        sessions: &mut Sessions<'_, impl Connect>,
        judge: &mut Judge<'_>,
        steps: StepsAhead,
    ) -> Result<(), String> {
        let mut steps = steps;
        for ordinal in 0.. {
            let Some(step) = steps.next().await? else {
                break;
            };
            if self.case.course.is_over() {
                self.result.cut = true;
                return Ok(());
            }
            self.check_deadline()?;
            let wants_notices =
                self.sink.is_some() && !steps.peek().await.is_some_and(asks_for_counts);
            let (ended, came) = self
                .run_with_retries(sessions, judge, ordinal, &step, wants_notices)
                .await?;
            self.case.steps_done.fetch_add(1, Ordering::Relaxed);
            if matches!(ended, Ended::Halted) {
                return Ok(());
            }
            self.note(&step, judge.stored.is_some(), ended, came);
        }
        Ok(())
    }

    fn check_deadline(&self) -> Result<(), String> {
        match self.case.deadline {
            Some((deadline, limit)) if Instant::now() >= deadline => Err(format!(
                "the suite's time limit of {} is over; the steps after this were not run",
                humantime::format_duration(limit)
            )),
            _ => Ok(()),
        }
    }

    /// When the next statement has to be answered.
    fn until(&self) -> Until {
        let limit = self.case.suite.step_limit;
        let step = Until {
            when: Instant::now() + limit,
            limit,
            of: "step",
        };
        match self.case.deadline {
            Some((when, limit)) if when < step.when => Until {
                when,
                limit,
                of: "suite",
            },
            _ => step,
        }
    }

    async fn run_with_retries(
        &mut self,
        sessions: &mut Sessions<'_, impl Connect>,
        judge: &mut Judge<'_>,
        ordinal: usize,
        step: &Step,
        wants_notices: bool,
    ) -> Result<Stepped, String> {
        let (attempts, backoff) = step.retry.unwrap_or((0, Duration::ZERO));
        for _ in 0..attempts {
            match self
                .run_step(sessions, judge, ordinal, step, wants_notices)
                .await?
            {
                (Ended::Failed(_), _) => tokio::time::sleep(backoff).await,
                ended => return Ok(ended),
            }
        }
        self.run_step(sessions, judge, ordinal, step, wants_notices)
            .await
    }

    async fn run_step(
        &mut self,
        sessions: &mut Sessions<'_, impl Connect>,
        judge: &mut Judge<'_>,
        ordinal: usize,
        step: &Step,
        wants_notices: bool,
    ) -> Result<Stepped, String> {
        let holds = step.conditions.hold(&self.case.facts);
        let Some(sql) = step.action.sql() else {
            let ended = match &step.action {
                Action::Sleep(duration) if holds => {
                    tokio::time::sleep(*duration).await;
                    Ended::Passed
                }
                Action::Halt if holds => Ended::Halted,
                _ => Ended::Skipped,
            };
            return Ok((ended, None));
        };
        if !holds {
            return Ok((Ended::Skipped, None));
        }
        let sent = sessions.send(&step.connection, sql, self.until(), wants_notices);
        let (mut outcome, notices) = match sent.await? {
            Reply::Outcome(outcome, notices) => (outcome, notices),
            Reply::Failed(wrong) => return Ok((Ended::Failed(wrong), None)),
        };
        database::anonymous(&mut outcome, self.database);
        self.case.suite.rules.settle(&mut outcome);
        let came = Came::new(&step.action, outcome);
        if self.case.update {
            return Ok((Ended::Passed, Some((came, notices))));
        }
        let ended = match judge.judge(ordinal, &step.action, &came) {
            Ok(()) => Ended::Passed,
            Err(wrong) => Ended::Failed(wrong),
        };
        Ok((ended, Some((came, notices))))
    }

    /// Counts a step, and tells the comparison of it.
    fn note(&mut self, step: &Step, stored: bool, ended: Ended, came: Option<(Came, Vec<Notice>)>) {
        if self.case.update
            && let Some(sql) = step.action.sql()
        {
            let lines = came.as_ref().map(|(came, _)| record_lines(&came.outcome));
            self.recorded.push((sql.to_owned(), lines));
        }
        let nth = self.nth(step);
        let mut failed = None;
        let mut excused = Vec::new();
        match ended {
            Ended::Passed => self.result.passed += 1,
            Ended::Skipped | Ended::Halted => self.result.skipped += 1,
            Ended::Failed(wrong) => {
                failed = wrong.kind;
                excused = self.excuses(step, nth, wrong.kind);
                self.note_failure(step, wrong, excused.first().copied());
            }
        }
        let (Some(sql), true) = (step.action.sql(), self.sink.is_some()) else {
            return;
        };
        let facts = StepFacts {
            line: step.line,
            statement: shortened(sql),
            nth,
            ordered: asks_for_order(sql),
            settled: step.action.settles(stored && !self.case.update),
        };
        let came = came.map(|(came, notices)| comparison::Came {
            answer: came.answer(&self.settled_notices(notices)),
            failed,
            excused,
        });
        if let Some(sink) = &mut self.sink {
            sink.deliver(facts, came);
        }
    }

    fn settled_notices(&self, mut notices: Vec<Notice>) -> Vec<Notice> {
        for notice in &mut notices {
            notice.message = notice.message.replace(self.database, database::PLACEHOLDER);
            if let Some(settled) = self.case.suite.rules.settled(&notice.message) {
                notice.message = settled;
            }
        }
        notices
    }

    /// Which of the steps with this statement a step is, from 1; 0 where
    /// nobody asks.
    fn nth(&mut self, step: &Step) -> usize {
        let Some(sql) = step.action.sql() else {
            return 0;
        };
        if self.case.known.entries.is_empty() && !self.case.course.update {
            return 0;
        }
        let count = self.statements.entry(one_line(sql)).or_default();
        *count += 1;
        *count
    }

    /// Places of the known entries that speak of this failure.
    fn excuses(&self, step: &Step, nth: usize, kind: Option<Kind>) -> Vec<usize> {
        let (Some(kind), Some(sql)) = (kind, step.action.sql()) else {
            return Vec::new();
        };
        if self.case.known.entries.is_empty() {
            return Vec::new();
        }
        let mut about = self.case.known.about(&one_line(sql), nth);
        about.retain(|entry| {
            let entry = &self.case.known.entries[*entry];
            let is_valid = entry.expired.is_none() && entry.kinds.contains(kind);
            is_valid && entry.covers(&self.case.facts)
        });
        about
    }

    fn note_failure(&mut self, step: &Step, wrong: Wrong, excuse: Option<usize>) {
        let known = excuse.map(|entry| self.case.known.entries[entry].reason.clone());
        match known {
            Some(_) => self.result.known += 1,
            None => {
                self.result.failed += 1;
                self.case.course.note_failure();
            }
        }
        if self.result.failures.len() < KEPT {
            self.result.failures.push(Failure {
                line: step.line,
                statement: shortened(step.action.sql().unwrap_or_default()),
                expected: shortened(&wrong.expected),
                found: shortened(&wrong.found),
                why: wrong.why.to_owned(),
                kind: wrong.kind,
                known,
            });
        }
    }
}

/// A text that is not too long for a report.
pub(super) fn shortened(text: &str) -> String {
    // Letters are at most as many as bytes.
    let end = match text.len() {
        0..=SHOWN => None,
        _ => text.char_indices().nth(SHOWN),
    };
    match end {
        Some((end, _)) => format!("{}… ({} bytes in all)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
