//! A `mysqltest` suite on one flavour: its tests, several at a time, each worker
//! on a throwaway copy of the server.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dbmatrix_flavours::matrix::MysqltestSpec;
use dbmatrix_flavours::mysqltest::{
    BenchError, Selection, Source, TestDriverContainer, TestEnd, TestServer, choose,
};
use dbmatrix_flavours::server::LoginSpec;
use dbmatrix_report::event::{CaseResult, Failure};
use dbmatrix_sql::compare::Kind as Difference;
use dbmatrix_sql::session::Tenancy;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::known_failures::KnownFailures;
use super::{JobRun, Kind};
use crate::deployment::{Site, Supply};
use crate::expectations::Answers;
use crate::retries::Retries;
use crate::scheduler::{Job, Partitioning};

/// Default time limit of a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The name of the suite's single case while its tests are unknown.
const WHOLE: &str = "main";

/// A suite of the servers' own tests.
pub(super) struct MysqltestKind {
    spec: Arc<MysqltestSpec>,
}

impl MysqltestKind {
    pub(super) fn new(spec: &Arc<MysqltestSpec>) -> Self {
        MysqltestKind {
            spec: Arc::clone(spec),
        }
    }
}

impl Kind for MysqltestKind {
    fn partitioning(&self) -> Partitioning {
        // It has its own workers.
        Partitioning::Exclusive
    }

    fn cases(&self, _: Job) -> Vec<PathBuf> {
        vec![PathBuf::from(WHOLE)]
    }

    fn refusal(&self, tenancy: Tenancy) -> Option<&'static str> {
        (tenancy != Tenancy::Owner)
            .then_some("external: the servers' own tests need copies of the server")
    }

    fn run_job(self: Box<Self>, run: JobRun) -> BoxFuture<'static, Vec<Answers>> {
        async move {
            run_suite(&self.spec, &run).await;
            Vec::new()
        }
        .boxed()
    }
}

/// Runs the suite's tests.
async fn run_suite(spec: &MysqltestSpec, run: &JobRun) {
    let context = &run.context;
    if context.fail_fast.is_over() {
        context.note_cut();
        return;
    }
    let aborted = |reason: String| {
        context.fail_fast.note_failure();
        let (place, whole) = (run.job.place, PathBuf::from(WHOLE));
        context.abort_case(&run.suite_run, place, whole, &reason);
    };
    let Some(site) = &run.site else {
        return aborted("dbmatrix did not make the server".to_owned());
    };
    // The suite works on copies, but this already shows problems with the server.
    if let Err(reason) = run.servers.lease().await {
        return aborted(reason);
    }
    let known = context.known.get(&run.suite_run.suite.name).cloned();
    let suite = Suite {
        run,
        site,
        spec,
        excuses: KnownFailures::new(known.unwrap_or_default(), run.facts.facts.clone()),
    };
    if let Err(error) = suite.run().await {
        suite.finished(PathBuf::from(WHOLE), CaseResult::aborted(error.to_string()));
    }
}

/// A suite on a flavour.
struct Suite<'a> {
    run: &'a JobRun,
    site: &'a Site,
    spec: &'a MysqltestSpec,
    excuses: KnownFailures,
}

impl Suite<'_> {
    async fn run(&self) -> Result<(), BenchError> {
        let JobRun {
            suite_run, context, ..
        } = self.run;
        let tool = self.test_driver().await?;
        let Selection { tests, left_out } =
            choose(&tool, &self.spec.tests, &self.spec.skip).await?;
        for (test, why) in left_out {
            self.finished(file(&test), CaseResult::skipped(why));
        }
        let workers = self.spec.jobs.clamp(1, tests.len().max(1));
        let queue = Mutex::new(VecDeque::from(tests));
        let work = (0..workers).map(|number| self.work(number, &tool, &queue));
        let ended = futures_util::future::join_all(work).await;
        if ended.iter().all(Result::is_ok) {
            self.report_left_out(queue.lock().map_or(0, |queue| queue.len()));
        }
        self.excuses.report_stale(suite_run, &context.events);
        if context.fail_fast.update {
            self.excuses.propose(suite_run, &context.events);
        }
        ended.into_iter().collect()
    }

    /// The container that drives the tests; the first flavour that needs it creates it.
    async fn test_driver(&self) -> Result<TestDriverContainer, BenchError> {
        let environment = &self.site.environment;
        let (program, image) = (self.spec.program, &self.spec.image);
        environment
            .test_drivers
            .ensure(&environment.context.children, program, image)
            .await
    }

    /// Runs tests until none are left. Discards a server that a test has changed.
    async fn work(
        &self,
        number: usize,
        tool: &TestDriverContainer,
        queue: &Mutex<VecDeque<String>>,
    ) -> Result<(), BenchError> {
        let environment = &self.site.environment;
        let JobRun {
            suite_run, context, ..
        } = self.run;
        // The tests know no other user.
        let usual = LoginSpec::default();
        let user = environment.context.user_of(&suite_run.flavour, &usual);
        let source = Source {
            children: &environment.context.children,
            child: &environment
                .context
                .children
                .current(&self.site.flavour.container()),
            spec: &self.site.managed.spec,
            user: &user,
            nest: &environment.context.nest,
        };
        let next = || {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.pop_front()
        };
        let mut bench = None;
        while !self.is_late()
            && let Some(test) = next()
        {
            if context.fail_fast.is_over() {
                context.note_cut();
                continue;
            }
            context.start_case(suite_run, &file(&test));
            let tried = async {
                let ready = match bench.take() {
                    Some(bench) => bench,
                    None => TestServer::make(source, tool, number).await?,
                };
                self.run_with_retries(&test, ready, source, tool, number)
                    .await
            };
            let (result, ready) = match tried.await {
                Ok(tried) => tried,
                Err(error) => {
                    // A started test is always finished, even if the worker fails.
                    self.finished(file(&test), CaseResult::aborted(error.to_string()));
                    return Err(error);
                }
            };
            if !result.is_good() {
                context.fail_fast.note_failure();
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
        self.run
            .deadline
            .is_some_and(|(over, _)| tokio::time::Instant::now() > over)
    }

    /// Reports the tests that the suite's time limit leaves out.
    fn report_left_out(&self, left: usize) {
        if let (Some((_, limit)), 1..) = (self.run.deadline, left) {
            let limit = humantime::format_duration(limit);
            let reason =
                format!("the suite's time limit of {limit} is over; {left} test(s) were not run");
            self.finished(PathBuf::from(WHOLE), CaseResult::aborted(reason));
        }
    }

    /// Runs a test and repeats it if it fails and the suite allows retries, each time on
    /// an unchanged server.
    async fn run_with_retries<'a>(
        &self,
        test: &str,
        bench: TestServer<'a>,
        source: Source<'a>,
        tool: &'a TestDriverContainer,
        number: usize,
    ) -> Result<(CaseResult, Option<TestServer<'a>>), BenchError> {
        let limit = self.spec.test_timeout.unwrap_or(TEST_TIMEOUT);
        let mut bench = bench;
        let mut retries = Retries::new(self.run.suite_run.suite.retries);
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
                // This worker's server cannot be repaired; the next one is new.
                Err(error) => CaseResult::aborted(error.to_string()),
            };
            result.took = took;
            self.excuses.apply(&format!("main/{test}"), &mut result);
            if retries.accept(&mut result) {
                return Ok((result, left));
            }
            bench = match left {
                Some(bench) => bench,
                None => TestServer::make(source, tool, number).await?,
            };
        }
    }

    fn finished(&self, file: PathBuf, mut result: CaseResult) {
        result.place = self.run.job.place;
        self.run
            .context
            .finish_case(&self.run.suite_run, file, result);
    }
}

fn file(test: &str) -> PathBuf {
    PathBuf::from(format!("main/{test}.test"))
}

fn judged(test: &str, ended: TestEnd, limit: Duration) -> CaseResult {
    let failed = |line: usize, kind: Difference, why: String, found: String| CaseResult {
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
        TestEnd::Skipped(why) => CaseResult::skipped(why),
        TestEnd::Differs(text) => failed(
            0,
            Difference::Rows,
            "other than its result".to_owned(),
            text,
        ),
        TestEnd::Stopped { line, text } => {
            let why = "stopped before its end".to_owned();
            failed(line, Difference::Success, why, text)
        }
        TestEnd::TookTooLong => failed(
            0,
            Difference::Success,
            "it took too long".to_owned(),
            format!("it was ended after {}", humantime::format_duration(limit)),
        ),
    }
}
