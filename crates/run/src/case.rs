//! One case on one flavour: a file, with its own database and connection.
//!
//! A step is judged while the server works on the next one, so that neither waits for the
//! other. It is judged earlier if its verdict decides what follows: a step with retries,
//! or a run that ends at its first failure.

mod fault;
mod frame;
mod measure;
mod waiting;

use std::borrow::Cow;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::Poll;
use std::time::Duration;

use dbmatrix_flavours::matrix::{Expect, FilesSpec};
use dbmatrix_report::event::{CaseResult, Sender};
use dbmatrix_sql::session::{Connect, LocalFolder, Session};
use dbmatrix_sql::sql_text::Sql;
use dbmatrix_sql::suite::{
    Action, Expectation, Facts, KnownDivergences, Modes, Recorded, SltOptions, SltSteps, SqlSteps,
    Step, SystemCommand, asks_for_counts, expectation_path,
};
use tokio::time::{Instant, timeout};

use super::cleanup::{Traces, clean_up};
use super::comparison::Sink;
use super::current_database::CurrentDatabase;
use super::database;
use super::evaluate::{Evaluator, StepFailure};
use super::explain::plan_of;
use super::fail_fast::FailFast;
use super::prefetch::StepPrefetcher;
use super::recorder::{CaseRecorder, StepVerdict};
use super::replicas::Replicas;
use super::sessions::{Reply, Sessions, Until};
use super::system::Commands;
use super::variables::Variables;
use crate::measure::Meter;
use frame::Frame;
use waiting::{Waiting, judge_all};

/// Steps that wait for their verdict; skipped ones wait behind the last that ran.
const MOST_WAITING: usize = 64;

/// A file to run on one flavour.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// The file.
    pub(super) path: PathBuf,
    /// What it consists of.
    pub(super) content: Content,
    /// The facts that its conditions are evaluated against.
    pub(super) facts: Facts,
    /// Its suite's settings.
    pub(super) suite: Arc<FilesSpec>,
    /// Its known divergences.
    pub(super) known: Arc<KnownDivergences>,
    /// Whether outcomes are only recorded and written as expectations.
    pub(super) update: bool,
    /// When the suite's time is over, and its time limit.
    pub(super) deadline: Option<(Instant, Duration)>,
    /// Whether the run continues.
    pub(super) fail_fast: FailFast,
    /// Receives the outcome of its steps.
    pub(super) events: Sender,
    /// Counts the steps done, for a progress line.
    pub(super) steps_done: Arc<AtomicUsize>,
    /// The replicas of the flavour, if it has any.
    pub(super) replicas: Option<Arc<Replicas>>,
}

impl Case {
    /// The deadline of a step that begins now.
    fn until(&self) -> Until {
        Until::after(self.suite.step_timeout, "step").or_suite(self.deadline)
    }
}

/// What a case's file consists of.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Records of a `.slt` file.
    Slt,
    /// Statements of a `.sql` file.
    Sql,
    /// Examples from a log, which are read already.
    Log(Arc<[Step]>),
}

/// How a case ended, with what it recorded.
#[derive(Debug)]
pub(super) struct CaseEnd {
    /// For reports.
    pub(super) result: CaseResult,
    /// Outcomes of a `.sql` file in update mode.
    pub(super) recorded: Recorded,
    /// Whether it left something on the server that could not be ended.
    pub(super) dirty: bool,
}

impl CaseEnd {
    /// A case that cannot start.
    pub(super) fn without_server(reason: String) -> Self {
        CaseEnd {
            result: CaseResult {
                aborted: Some(reason),
                ..CaseResult::default()
            },
            recorded: Recorded::default(),
            dirty: false,
        }
    }
}

/// Runs a case and passes each step with its answer to `sink`. With a `meter` it is a run
/// whose steps are repeated for their times. If the case `is_alone` on
/// the server, everything left at the end belongs to it. The future may be dropped at any
/// time; its database then stays until the next run.
pub(super) async fn run_case(
    server: &impl Connect,
    case: &Case,
    sink: Option<&mut Sink>,
    meter: Option<Meter>,
    is_alone: impl Fn() -> bool,
) -> CaseEnd {
    let begun = Instant::now();
    let database = database::database_name(server.tenancy());
    let recorder = CaseRecorder::new(case, sink, &database);
    let mut folder = LocalFolder::beside(&case.path);
    if let Some(root) = &case.suite.local_files {
        folder.root.clone_from(root);
    }
    let (ended, mut end, traces) = match open(server, case, &database).await {
        Ok((steps, stored, first)) => {
            let runner = Runner {
                case,
                sessions: Sessions::new(server, &database, &folder, first)
                    .with_replicas(case.replicas.as_deref()),
                judge: Evaluator::new(&case.facts, &case.suite.rules, stored),
                recorder,
                waiting: Vec::new(),
                variables: Variables::new(&database),
                current: CurrentDatabase::default(),
                commands: Commands::default(),
                meter,
            };
            runner.run(steps).await
        }
        Err(reason) => (Err(reason), recorder.finish(), Traces::default()),
    };
    if let Err(reason) = &ended {
        end.result.aborted = Some(reason.clone());
    }
    if let Some(replicas) = &case.replicas {
        let mut behind = replicas.mend().await;
        if ended.is_ok() && behind.is_empty() {
            behind = replicas.check(case.until()).await;
        }
        if !behind.is_empty() {
            case.fail_fast.note_failure();
        }
        for failure in &mut behind {
            failure.found = failure.found.replace(&database, database::PLACEHOLDER);
        }
        end.result.fail(behind);
    }
    let promoted = case.replicas.as_deref().and_then(Replicas::promoted);
    let cleaned = match promoted {
        Some(source) => clean_up(source, &database, &traces, is_alone).await,
        None => clean_up(server, &database, &traces, is_alone).await,
    };
    end.dirty = cleaned.dirty.is_some();
    end.result.left = cleaned.into_notes(&database);
    end.result.took = begun.elapsed();
    end
}

/// The steps of a case, its stored expectations, and the first session in its database.
async fn open(
    server: &impl Connect,
    case: &Case,
    database: &str,
) -> Result<(StepPrefetcher, Option<Expectation>, Session), String> {
    let path = &case.path;
    let (steps, stored) = match &case.content {
        Content::Log(examples) => {
            let examples = Arc::clone(examples);
            let steps = (0..examples.len()).map(move |at| Ok(examples[at].clone()));
            (StepPrefetcher::of(steps), None)
        }
        Content::Slt => {
            let options = SltOptions {
                allow_system: case.suite.allow_system,
            };
            let steps = SltSteps::open(path, options).map_err(|error| error.to_string())?;
            (StepPrefetcher::of(steps), None)
        }
        Content::Sql => {
            let steps = SqlSteps::open(path).map_err(|error| error.to_string())?;
            let stored = match case.suite.expect {
                Expect::Agreement => None,
                Expect::Stored => {
                    let stored = Expectation::load(&expectation_path(path));
                    let stored = stored.map_err(|error| error.to_string())?;
                    Some(stored.unwrap_or_default())
                }
            };
            (StepPrefetcher::of_sql(steps), stored)
        }
    };
    let limit = case.suite.step_timeout;
    let created = timeout(limit, database::create(server, database)).await;
    let first = created.map_err(|_| {
        let limit = humantime::format_duration(limit);
        format!("the server did not make a database for the case within {limit}")
    })??;
    Ok((steps, stored, first))
}

/// A running case.
struct Runner<'a, S> {
    case: &'a Case,
    sessions: Sessions<'a, S>,
    judge: Evaluator<'a>,
    recorder: CaseRecorder<'a>,
    /// Finished steps that are not judged yet, in order.
    waiting: Vec<Waiting>,
    variables: Variables,
    current: CurrentDatabase,
    commands: Commands,
    /// Says when it is the flavour's turn, in a run for times.
    meter: Option<Meter>,
}

impl<S: Connect> Runner<'_, S> {
    /// Runs all steps; an error says why the case could not go on.
    async fn run(mut self, steps: StepPrefetcher) -> (Result<(), String>, CaseEnd, Traces) {
        let ended = self.run_steps(steps).await;
        self.judge_waiting();
        let traces = self.sessions.close().await;
        (ended, self.recorder.finish(), traces)
    }

    async fn run_steps(&mut self, mut steps: StepPrefetcher) -> Result<(), String> {
        steps.assume(self.modes());
        let mut statements = 0;
        // Each example stands by itself, so the next one asks for no counts of this one.
        let is_log = matches!(self.case.content, Content::Log(_));
        while let Some(step) = steps.next().await? {
            if self
                .case
                .suite
                .only_line
                .is_some_and(|line| step.line > line)
            {
                break;
            }
            // Stored expectations cover statements only.
            let ordinal = statements;
            statements += usize::from(step.action.sql().is_some());
            let wants_notices = self.recorder.is_compared()
                && (is_log || !steps.peek().await.is_some_and(asks_for_counts));
            if self.waiting.len() >= MOST_WAITING || self.case.fail_fast.fails_fast() {
                self.judge_waiting();
            }
            if self.case.fail_fast.is_over() {
                self.recorder.mark_cut();
                break;
            }
            self.case.events.wait_for_room().await;
            self.check_deadline()?;
            if self.inject_faults(&step).await? {
                steps.assume(self.modes());
            }
            if !step.conditions.hold(&self.case.facts) {
                self.skip(ordinal, step);
                continue;
            }
            match &step.action {
                Action::Halt => break,
                Action::ResetConnection | Action::Connect { .. } => {
                    self.change_session(&step).await?;
                    steps.assume(self.modes());
                    self.judge_waiting();
                    self.recorder.record_step(&step, StepVerdict::SLEPT);
                }
                Action::Sleep(duration) => {
                    self.judge_waiting();
                    tokio::time::sleep(*duration).await;
                    self.recorder.record_step(&step, StepVerdict::SLEPT);
                }
                Action::Use { database } => {
                    let until = self.until();
                    let (current, sessions) = (&mut self.current, &mut self.sessions);
                    let changed = current.change(sessions, database.as_deref(), until).await;
                    changed.map_err(|error| format!("line {}: {error}", step.line))?;
                }
                Action::System(command) => {
                    self.judge_waiting();
                    let judged = self.run_command(&step, command).await;
                    self.recorder.record_step(&step, judged);
                }
                _ if self.current.absent().is_some() => {
                    let absent = self.current.absent().unwrap_or_default();
                    self.recorder.note_missing(absent);
                    self.skip(ordinal, step);
                }
                Action::RollBack { .. } => {
                    self.frame(Frame::Begin).await?;
                    let reply = self.send(&step, wants_notices).await?;
                    self.add_reply(ordinal, step, reply).await?;
                    self.frame(Frame::RollBack).await?;
                }
                _ if self.is_due(ordinal) => match self.measure(ordinal, &step).await? {
                    true => steps.assume(self.modes()),
                    false => break,
                },
                _ if step.retry.is_some() => self.retry(ordinal, step, wants_notices).await?,
                _ => {
                    let reply = self.send(&step, wants_notices).await?;
                    steps.assume(self.modes());
                    self.add_reply(ordinal, step, reply).await?;
                }
            }
        }
        Ok(())
    }

    /// How the session of a `.sql` file currently reads text.
    fn modes(&self) -> Modes {
        let no_backslash_escapes = self.sessions.no_backslash_escapes();
        self.case.facts.modes(no_backslash_escapes)
    }

    /// Resets or replaces the session.
    async fn change_session(&mut self, step: &Step) -> Result<(), String> {
        let until = self.until();
        let changed = match &step.action {
            Action::Connect { database } => self.sessions.replace(database.as_deref(), until).await,
            _ => self.sessions.reset(until).await,
        };
        changed.map_err(|error| format!("line {}: {error}", step.line))
    }

    /// Sends a statement, and judges the earlier steps while the server works.
    async fn send(&mut self, step: &Step, wants_notices: bool) -> Result<Reply, String> {
        let until = self.until();
        let sql = match self.statement(step) {
            Ok(sql) => sql,
            Err(wrong) => return Ok(Reply::Failed(wrong)),
        };
        let reply = {
            let sessions = &mut self.sessions;
            let mut sent = pin!(sessions.send(&step.connection, &sql, until, wants_notices));
            match futures_util::poll!(&mut sent) {
                Poll::Ready(reply) => reply?,
                Poll::Pending => {
                    judge_all(&mut self.waiting, &mut self.judge, &mut self.recorder);
                    sent.await?
                }
            }
        };
        if let (Action::Let { variables, .. }, Reply::Outcome(outcome, _)) = (&step.action, &reply)
            && let Err(found) = self.variables.bind(variables, outcome)
        {
            // The step is judged by the same rule, and fails.
            tracing::debug!(found, "nothing to bind");
        }
        if let (Reply::Failed(_), Content::Log(_)) = (&reply, &self.case.content) {
            let until = self.until();
            self.current.restore(&mut self.sessions, until).await?;
        }
        Ok(reply)
    }

    /// The statement of a step, with its variables replaced.
    fn statement<'a>(&self, step: &'a Step) -> Result<Cow<'a, Sql>, StepFailure> {
        let sql = match step.action.sql() {
            Some(sql) if step.substitutes => sql,
            Some(sql) => return Ok(Cow::Borrowed(sql)),
            None => return Ok(Cow::Owned(Sql::default())),
        };
        let replaced = self.variables.replace_in_statement(sql);
        replaced.map(Cow::Owned).map_err(|found| StepFailure {
            expected: "variables with values, as `control substitution on` asks".to_owned(),
            found,
            why: "a variable could not be replaced",
            kind: None,
        })
    }

    /// Runs a command and repeats it while it fails, as often as its step allows.
    async fn run_command(&mut self, step: &Step, command: &SystemCommand) -> StepVerdict {
        let (mut attempts, backoff) = step.retry.unwrap_or((0, Duration::ZERO));
        loop {
            let text = match step.substitutes {
                true => self.variables.replace_in_command(command.text.bytes()),
                false => command.text.bytes().to_vec(),
            };
            let until = self.until();
            let ended = self.commands.run(command, text, until).await;
            if attempts == 0 || ended.is_ok() {
                return StepVerdict::without_answer(ended);
            }
            attempts -= 1;
            tokio::time::sleep(backoff).await;
        }
    }

    /// Adds a reply, which is judged later. Of a log's statement, its plan as well.
    async fn add_reply(&mut self, ordinal: usize, step: Step, reply: Reply) -> Result<(), String> {
        let mut plan = None;
        if let (Content::Log(_), Some(sql), Reply::Outcome(outcome, _), None) =
            (&self.case.content, step.action.sql(), &reply, &self.meter)
        {
            let (facts, until) = (&self.case.facts, self.until());
            plan = plan_of(&mut self.sessions, facts, sql, outcome, until).await?;
        }
        self.waiting.push(Waiting {
            ordinal,
            step,
            reply: Some(reply),
            plan,
            database: self.current.name().map(str::to_owned),
        });
        Ok(())
    }

    fn skip(&mut self, ordinal: usize, step: Step) {
        self.waiting.push(Waiting {
            ordinal,
            step,
            reply: None,
            plan: None,
            database: None,
        });
    }

    fn judge_waiting(&mut self) {
        judge_all(&mut self.waiting, &mut self.judge, &mut self.recorder);
    }

    /// Repeats a step while it fails, as often as it allows.
    async fn retry(
        &mut self,
        ordinal: usize,
        step: Step,
        wants_notices: bool,
    ) -> Result<(), String> {
        self.judge_waiting();
        let (mut attempts, backoff) = step.retry.unwrap_or((0, Duration::ZERO));
        loop {
            let reply = self.send(&step, wants_notices).await?;
            let ended = self.recorder.judge(&mut self.judge, ordinal, &step, reply);
            if attempts == 0 || !ended.has_failed() {
                self.recorder.record_step(&step, ended);
                return Ok(());
            }
            attempts -= 1;
            tokio::time::sleep(backoff).await;
        }
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

    /// The deadline of the next statement.
    fn until(&self) -> Until {
        self.case.until()
    }
}
