//! One flavour's part of a plan: divides its suites into jobs and runs them.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

use dbmatrix_flavours::matrix::{Isolation, SuiteKind};
use dbmatrix_flavours::plan::{Plan, SuiteRun};
use dbmatrix_report::event::Sender;
use dbmatrix_sql::session::Connect;
use dbmatrix_sql::version::Identity;
use futures_util::FutureExt;
use tokio::time::Instant;

use super::context::RunContext;
use super::current_replicas::CurrentReplicas;
use super::deployment::{Deployment, Only, Servers, Site, Supply};
use super::expectations::{Answers, write_expectations};
use super::flavour_facts::FlavourFacts;
use super::kind::{JobRun, kind_of, refusal, run_files};
use super::pool::work_through;
use super::scheduler::{Job, Scheduler};
use super::side_by_side::our_own_fault;
use super::validated::ValidatedPlan;

/// A flavour whose servers are up, with the work for it.
pub(super) struct Work<P = Servers> {
    context: RunContext,
    facts: Arc<FlavourFacts>,
    suites: Vec<SuiteWork>,
    servers: Arc<P>,
    site: Option<Site>,
    replicas: Option<Arc<CurrentReplicas>>,
}

struct SuiteWork {
    suite_run: SuiteRun,
    /// When its first job began.
    begun: OnceLock<Instant>,
}

impl<P> Work<P> {
    /// The part of the plan for a flavour on these servers.
    fn with_servers(
        servers: Arc<P>,
        site: Option<Site>,
        facts: FlavourFacts,
        plan: &Plan,
        context: RunContext,
    ) -> Self {
        let flavour = facts.facts.flavour.as_str();
        let suite_runs = plan.suite_runs.iter();
        let suites = suite_runs
            .filter(|suite_run| suite_run.flavour == flavour)
            .map(|suite_run| SuiteWork {
                suite_run: suite_run.clone(),
                begun: OnceLock::new(),
            });
        Work {
            context,
            suites: suites.collect(),
            facts: Arc::new(facts),
            servers,
            site,
            replicas: None,
        }
    }

    /// The suites as jobs, limited to this many at a time.
    fn scheduler(&self, jobs: usize) -> Scheduler {
        let suites = self.suites.iter();
        let parts = suites.map(|work| kind_of(&work.suite_run.suite).partitioning());
        Scheduler::new(&parts.collect::<Vec<_>>(), jobs)
    }

    fn suite_run(&self, job: Job) -> &SuiteRun {
        &self.suites[job.suite].suite_run
    }

    /// Starts a job. The time of its suite counts from its first job.
    fn begin(&self, job: Job, servers: &Arc<P>) -> JobRun<P> {
        let work = &self.suites[job.suite];
        let begun = *work.begun.get_or_init(Instant::now);
        let timeout = work.suite_run.suite.timeout;
        JobRun {
            job,
            suite_run: work.suite_run.clone(),
            facts: Arc::clone(&self.facts),
            context: self.context.clone(),
            deadline: timeout.map(|limit| (begun + limit, limit)),
            servers: Arc::clone(servers),
            site: self.site.clone(),
            replicas: self.replicas.clone(),
        }
    }

    /// Reports why a job cannot run.
    fn abort(&self, job: Job, reason: &str) {
        let suite_run = self.suite_run(job);
        self.context.fail_fast.note_failure();
        for file in kind_of(&suite_run.suite).cases(job) {
            self.context.abort_case(suite_run, job.place, file, reason);
        }
    }

    /// Reports a job whose task panicked as a bug in dbmatrix.
    fn report_lost_job(&self, job: Job, reason: &str) {
        self.abort(job, &our_own_fault(reason));
    }
}

impl Work {
    /// The work that the plan assigns to a flavour.
    pub(super) fn new(deployment: Deployment, plan: &Plan, context: RunContext) -> Self {
        let Deployment {
            facts,
            servers,
            site,
            replicas,
        } = deployment;
        Work {
            replicas,
            ..Work::with_servers(servers, site, facts, plan, context)
        }
    }

    /// Runs all jobs, this many at a time. Returns what the cases record.
    pub(super) async fn run(self: Arc<Self>, jobs: usize) -> Vec<Answers> {
        let run = |job: Job| Arc::clone(&self).run_job(job);
        let lost = |job, reason: String| self.report_lost_job(job, &reason);
        // Each file is judged by the replicas, so that no other may write meanwhile.
        let jobs = match self.replicas {
            Some(_) => 1,
            None => jobs,
        };
        let answers = work_through(self.scheduler(jobs), run, lost).await;
        let measured = &self.context.measured;
        let suites = self.suites.iter().map(|work| &work.suite_run);
        let of_flavour = suites.filter(|run| run.suite.isolation == Isolation::Database);
        let kept = of_flavour.map(|run| measured.keep(run, &self.facts, &self.servers));
        if kept.filter(|kept| *kept).count() == 0 {
            self.servers.close().await;
        }
        answers.into_iter().flatten().collect()
    }

    async fn run_job(self: Arc<Self>, job: Job) -> Vec<Answers> {
        let suite_run = self.suite_run(job);
        let kind = kind_of(&suite_run.suite);
        if let Some(reason) = refusal(
            &suite_run.suite,
            self.facts.tenancy,
            self.replicas.is_some(),
        ) {
            for file in kind.cases(job) {
                self.context
                    .forbid_case(suite_run, job.place, file, &reason);
            }
            return Vec::new();
        }
        match suite_run.suite.isolation {
            Isolation::Clone => self.run_isolated(job).await,
            Isolation::Database => kind.run_job(self.begin(job, &self.servers)).await,
        }
    }

    /// Runs a whole suite on its own server.
    async fn run_isolated(&self, job: Job) -> Vec<Answers> {
        let suite_run = self.suite_run(job);
        let kind = kind_of(&suite_run.suite);
        if self.context.fail_fast.is_over() {
            for file in kind.cases(job) {
                self.context.cut_case(suite_run, &file);
            }
            return Vec::new();
        }
        let servers = Arc::new(self.servers.isolated(&suite_run.suite.setup));
        if let Err(reason) = servers.lease().await {
            self.abort(job, &reason);
            return Vec::new();
        }
        let running = kind.run_job(self.begin(job, &servers));
        let ended = AssertUnwindSafe(running).catch_unwind().await;
        if !self.context.measured.keep(suite_run, &self.facts, &servers) {
            servers.close().await;
        }
        ended.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// How many jobs run at a time on a flavour: the chosen number, or the processors divided
/// among the flavours.
pub(super) fn jobs(chosen: Option<u32>, flavours: usize) -> usize {
    match chosen {
        Some(jobs) => jobs as usize,
        None => available_parallelism().map_or(1, usize::from) / flavours.max(1),
    }
    .max(1)
}

/// Runs a plan's files on a server that is already up, whoever provides it; skips suites
/// of other kinds. Conditions of the files know the flavour as `known_as`. Progress and
/// failures are reported as events.
pub async fn run_files_on<S: Connect + 'static>(
    server: S,
    flavour: &str,
    known_as: &str,
    identity: &Identity,
    plan: &Plan,
    prepared: &ValidatedPlan,
    events: &Sender,
) {
    let context = prepared.join(plan, events);
    let mut plan = plan.clone();
    plan.suite_runs
        .retain(|suite_run| matches!(suite_run.suite.kind, SuiteKind::Files(_)));
    let facts = |name: &str| FlavourFacts::of(name, identity).with_tenancy(server.tenancy(), "");
    let (facts, known) = (facts(flavour), facts(known_as));
    let servers = Arc::new(Only::new(server));
    let mut work = Work::with_servers(servers, None, facts, &plan, context);
    work.facts = Arc::new(known);
    let run = |job: Job| run_files(work.begin(job, &work.servers));
    let lost = |job, reason: String| work.report_lost_job(job, &reason);
    let jobs = jobs(prepared.options.jobs, plan.flavours.len());
    let answers = work_through(work.scheduler(jobs), run, lost).await;
    work.context
        .activity
        .report_vacancies(&plan, &prepared.options, events);
    write_expectations(answers.into_iter().flatten().collect(), &plan, events);
}
