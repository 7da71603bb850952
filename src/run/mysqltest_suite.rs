//! A `mysqltest` suite on one flavour: its tests, several at a time, each worker
//! on a throwaway copy of the server.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::RunContext;
use super::known_failures::KnownFailures;
use super::supply::Site;
use crate::compare::Kind;
use crate::event::{CaseResult, Event, Failure};
use crate::matrix::MysqltestSpec;
use crate::mysqltest::{
    BenchError, Program, Selection, Source, TestDriverContainer, TestEnd, TestServer, choose,
};
use crate::plan::SuiteRun;
use crate::server::Server;
use crate::suite::Facts;

/// How long a test may take unless its suite says otherwise.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Test driver containers of a run, by program.
pub(super) type Tools = Arc<tokio::sync::Mutex<HashMap<Program, TestDriverContainer>>>;

/// A suite's cell, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) cell: &'a SuiteRun,
    pub(super) site: &'a Site,
    pub(super) tools: &'a Tools,
    /// Its place among all that the flavour runs.
    pub(super) place: usize,
}

/// Runs the suite's tests.
pub(super) async fn run_mysqltest_cell(
    server: &Server,
    place: Place<'_>,
    spec: &MysqltestSpec,
    context: &RunContext,
) {
    let cell = place.cell;
    if context.fail_fast.is_over() {
        context.note_cut();
        return;
    }
    let facts = Facts {
        flavour: cell.flavour.clone(),
        family: server.identity.family,
        version: server.identity.version,
        labels: Vec::new(),
    };
    let known = context.known.get(&cell.suite.name).cloned();
    let known = known.unwrap_or_default();
    let suite = Suite {
        cell,
        place,
        spec,
        context,
        deadline: cell.suite.timeout.map(|limit| Instant::now() + limit),
        excuses: KnownFailures::new(known, facts),
    };
    if let Err(error) = suite.run().await {
        suite.finished(PathBuf::from("main"), aborted(error.to_string()));
    }
}

/// A suite on a flavour.
struct Suite<'a> {
    cell: &'a SuiteRun,
    place: Place<'a>,
    spec: &'a MysqltestSpec,
    context: &'a RunContext,
    deadline: Option<Instant>,
    excuses: KnownFailures,
}

impl Suite<'_> {
    async fn run(&self) -> Result<(), BenchError> {
        let tool = self.tool().await?;
        let Selection { tests, left_out } =
            choose(&tool, &self.spec.tests, &self.spec.skip).await?;
        for (test, why) in left_out {
            self.finished(file(&test), skipped(why.to_owned()));
        }
        let workers = self.spec.jobs.clamp(1, tests.len().max(1));
        let queue = Mutex::new(VecDeque::from(tests));
        let work = (0..workers).map(|number| self.work(number, &tool, &queue));
        let ended = futures_util::future::join_all(work).await;
        if ended.iter().all(Result::is_ok) {
            self.tell_left(queue.lock().map_or(0, |queue| queue.len()));
        }
        self.excuses.tell_stale(self.cell, &self.context.events);
        if self.context.fail_fast.update {
            self.excuses.propose(self.cell, &self.context.events);
        }
        ended.into_iter().collect()
    }

    /// The tool container, made by whichever flavour comes first.
    async fn tool(&self) -> Result<TestDriverContainer, BenchError> {
        let mut tools = self.place.tools.lock().await;
        if let Some(tool) = tools.get(&self.spec.program) {
            return Ok(tool.clone());
        }
        let children = &self.place.site.environment.children;
        let tool =
            TestDriverContainer::ensure(children, self.spec.program, &self.spec.image).await?;
        tools.insert(self.spec.program, tool.clone());
        Ok(tool)
    }

    /// Runs tests until there are none left. A server that a test has changed
    /// is thrown away.
    async fn work(
        &self,
        number: usize,
        tool: &TestDriverContainer,
        queue: &Mutex<VecDeque<String>>,
    ) -> Result<(), BenchError> {
        let environment = &self.place.site.environment;
        let user = environment.user_of(&self.cell.flavour);
        let source = Source {
            children: &environment.children,
            child: &environment.children.current(&self.place.site.container),
            spec: &self.place.site.spec,
            user: &user,
            nest: &environment.nest,
        };
        let next = || {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.pop_front()
        };
        let mut bench = None;
        while !self.is_late()
            && let Some(test) = next()
        {
            if self.context.fail_fast.is_over() {
                self.context.note_cut();
                continue;
            }
            self.context.events.send(Event::CaseStarted {
                flavour: self.cell.flavour.clone(),
                suite: self.cell.suite.name.clone(),
                file: file(&test),
            });
            let tried = async {
                let ready = match bench.take() {
                    Some(bench) => bench,
                    None => TestServer::make(source, tool, number).await?,
                };
                self.tried(&test, ready, source, tool, number).await
            };
            let (result, ready) = match tried.await {
                Ok(tried) => tried,
                Err(error) => {
                    // What began ends, whatever becomes of the worker.
                    self.finished(file(&test), aborted(error.to_string()));
                    return Err(error);
                }
            };
            if !result.is_good() {
                self.context.fail_fast.note_failure();
            }
            self.finished(file(&test), result);
            bench = ready;
        }
        match bench {
            Some(bench) => bench.remove().await,
            None => Ok(()),
        }
    }

    fn is_late(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() > deadline)
    }

    /// Tests that the suite's time limit leaves out.
    fn tell_left(&self, left: usize) {
        if let (Some(limit), 1..) = (self.cell.suite.timeout, left) {
            let limit = humantime::format_duration(limit);
            let reason =
                format!("the suite's time limit of {limit} is over; {left} test(s) were not run");
            self.finished(PathBuf::from("main"), aborted(reason));
        }
    }

    /// Runs a test, again where it fails and the suite asks for retries; each
    /// time on a server that nothing has changed.
    async fn tried<'a>(
        &self,
        test: &str,
        bench: TestServer<'a>,
        source: Source<'a>,
        tool: &'a TestDriverContainer,
        number: usize,
    ) -> Result<(CaseResult, Option<TestServer<'a>>), BenchError> {
        let limit = self.spec.test_timeout.unwrap_or(TEST_TIMEOUT);
        let mut bench = bench;
        let mut flaky = Vec::new();
        let mut retries = 0;
        loop {
            let begun = Instant::now();
            let ended = bench.run(test, limit).await;
            let took = begun.elapsed();
            let is_fresh = ended.is_ok() && bench.is_fresh().await;
            let left = match is_fresh {
                true => Some(bench),
                false => {
                    bench.remove().await?;
                    None
                }
            };
            let mut result = match ended {
                Ok(ended) => judged(test, ended, limit),
                // The server of this worker is beyond help; the next is new.
                Err(error) => aborted(error.to_string()),
            };
            result.took = took;
            self.excuses.apply(&format!("main/{test}"), &mut result);
            if result.is_good() || retries == self.cell.suite.retries {
                result.retries = retries;
                result.flaky = flaky;
                return Ok((result, left));
            }
            flaky = result.failures;
            retries += 1;
            bench = match left {
                Some(bench) => bench,
                None => TestServer::make(source, tool, number).await?,
            };
        }
    }

    fn finished(&self, file: PathBuf, mut result: CaseResult) {
        result.place = self.place.place;
        self.context.finish_case(self.cell, file, result);
    }
}

fn file(test: &str) -> PathBuf {
    PathBuf::from(format!("main/{test}.test"))
}

fn aborted(reason: String) -> CaseResult {
    CaseResult {
        aborted: Some(reason),
        ..CaseResult::default()
    }
}

fn skipped(why: String) -> CaseResult {
    CaseResult {
        skipped: 1,
        note: Some(why),
        ..CaseResult::default()
    }
}

fn judged(test: &str, ended: TestEnd, limit: Duration) -> CaseResult {
    let failed = |line: usize, kind: Kind, why: String, found: String| CaseResult {
        failed: 1,
        failures: vec![Failure {
            line,
            statement: format!("main/{test}"),
            expected: "its result".to_owned(),
            found,
            why,
            kind: Some(kind),
            known: None,
        }],
        ..CaseResult::default()
    };
    match ended {
        TestEnd::Passed => CaseResult {
            passed: 1,
            ..CaseResult::default()
        },
        TestEnd::Skipped(why) => skipped(why),
        TestEnd::Differs(text) => failed(0, Kind::Rows, "other than its result".to_owned(), text),
        TestEnd::Stopped { line, text } => {
            let why = "stopped before its end".to_owned();
            failed(line, Kind::Success, why, text)
        }
        TestEnd::TookTooLong => failed(
            0,
            Kind::Success,
            "it took too long".to_owned(),
            format!("it was ended after {}", humantime::format_duration(limit)),
        ),
    }
}
