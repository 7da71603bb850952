//! Measures times after the comparison, while nothing else runs: the files run again on all
//! flavours, statement by statement, and one flavour at a time has its turn.

mod rounds;
mod turns;

pub(crate) use turns::{Meter, Turn};

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dbmatrix_flavours::matrix::{FilesSpec, MeasureSpec, SuiteKind};
use dbmatrix_flavours::plan::SuiteRun;
use dbmatrix_flavours::server::Server;
use dbmatrix_report::event::{Event, MeasuredTimes};
use dbmatrix_sql::suite::{Facts, FileKind, Step};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::case::{Case, Content, run_case};
use super::comparison::{Candidate, Comparison};
use super::context::RunContext;
use super::deployment::{Lease, Servers, Supply};
use super::flavour_facts::FlavourFacts;
use super::thread::on_own_thread;
use rounds::{Rounds, Tally};
use turns::pair;

/// The servers on which suites ran whose times are measured. They stay until then.
#[derive(Default)]
pub(super) struct MeasuredServers(Mutex<Vec<Ran>>);

/// A suite that ran on a flavour.
#[derive(Clone)]
struct Ran {
    suite_run: SuiteRun,
    facts: Arc<FlavourFacts>,
    servers: Arc<Servers>,
}

impl fmt::Debug for MeasuredServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredServers").finish_non_exhaustive()
    }
}

impl MeasuredServers {
    /// Keeps the servers of a suite if its times are measured; whether it does.
    pub(super) fn keep(
        &self,
        suite_run: &SuiteRun,
        facts: &Arc<FlavourFacts>,
        servers: &Arc<Servers>,
    ) -> bool {
        if spec_of(suite_run).is_none() {
            return false;
        }
        let mut all = self.lock();
        let name = &suite_run.suite.name;
        let is_same = |ran: &Ran| {
            ran.suite_run.suite.name == *name && ran.suite_run.flavour == suite_run.flavour
        };
        if !all.iter().any(is_same) {
            all.push(Ran {
                suite_run: suite_run.clone(),
                facts: Arc::clone(facts),
                servers: Arc::clone(servers),
            });
        }
        true
    }

    fn take(&self) -> Vec<Ran> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Ran>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures the times of all suites that ask for it, compares their steps, and closes their
/// servers.
pub(super) async fn measure_times(context: &RunContext) {
    let all = context.measured.take();
    let mut suites: Vec<&str> = Vec::new();
    for ran in &all {
        let name = ran.suite_run.suite.name.as_str();
        if !suites.contains(&name) {
            suites.push(name);
        }
    }
    for suite in suites {
        let of_suite = all.iter().filter(|ran| ran.suite_run.suite.name == suite);
        measure_suite(context, of_suite.cloned().collect()).await;
    }
    for comparison in context.comparisons.values() {
        comparison.conclude();
    }
    for ran in all {
        ran.servers.close().await;
    }
}

/// Measures the files of one suite, which ran on these flavours.
async fn measure_suite(context: &RunContext, all: Vec<Ran>) {
    let Some((files, spec)) = all.first().and_then(|ran| spec_of(&ran.suite_run)) else {
        return;
    };
    let suite = all[0].suite_run.suite.name.clone();
    let deadline = Instant::now() + spec.limit;
    for file in &files.files {
        let Some(comparison) = context.comparisons.get(&(suite.clone(), file.clone())) else {
            continue;
        };
        let candidates = comparison.candidates();
        if !candidates.is_empty() && !context.fail_fast.is_over() {
            let measuring = MeasuredFile {
                context: context.clone(),
                files: Arc::clone(&files),
                suite: suite.clone(),
                file: file.clone(),
                comparison: comparison.clone(),
                spec,
                deadline,
            };
            on_own_thread(measuring.run(all.clone(), candidates)).await;
        }
        comparison.conclude();
    }
}

/// A file whose times are measured.
struct MeasuredFile {
    context: RunContext,
    files: Arc<FilesSpec>,
    suite: String,
    file: PathBuf,
    comparison: Comparison,
    spec: MeasureSpec,
    deadline: Instant,
}

/// The file on one flavour.
struct Site {
    /// The flavour's index in the comparison.
    flavour: usize,
    lease: Arc<Lease<Server>>,
    case: Case,
}

impl MeasuredFile {
    async fn run(self, all: Vec<Ran>, candidates: Vec<Candidate>) {
        let begun = Instant::now();
        let Some((content, due)) = self.content(&candidates) else {
            return;
        };
        let sites = self.sites(&all, &candidates, &content).await;
        let shared: Arc<[usize]> = due.clone().into();
        let (mut players, mut cases) = (Vec::new(), Vec::new());
        for site in &sites {
            let (meter, player) = pair(site.flavour, &shared);
            players.push(player);
            let is_alone = move || site.lease.is_alone();
            cases.push(run_case(
                &site.lease.server,
                &site.case,
                None,
                Some(meter),
                is_alone,
            ));
        }
        let conducting = async {
            let rounds = Rounds {
                spec: self.spec,
                deadline: self.deadline,
                players: &mut players,
            };
            let keep = |ordinal, flavour, times| {
                self.comparison.add_times(ordinal, flavour, times);
            };
            let progress = |done| self.report_progress(done, candidates.len());
            let tally = rounds.run(&candidates, &due, keep, progress).await;
            // That ends the cases.
            drop(players);
            tally
        };
        let (tally, ends) = tokio::join!(conducting, join_all(cases));
        for (site, mut end) in sites.iter().zip(ends) {
            if let Some(reason) = &end.result.aborted {
                let (file, flavour) = (self.file.display(), &site.case.facts.flavour);
                let text = format!("{file}: times on `{flavour}` are incomplete: {reason}");
                self.context.events.warn(text);
            }
            if end.dirty {
                site.lease.give_up(&mut end.result.left);
            }
        }
        self.report(tally, begun.elapsed());
    }

    /// What runs again, and the positions of the measured statements in it. Of a log these
    /// run alone: each stands by itself. In a file they may need those before them.
    fn content(&self, candidates: &[Candidate]) -> Option<(Content, Vec<usize>)> {
        let ordinals = candidates.iter().map(|candidate| candidate.ordinal);
        if let Some(workload) = self.context.workloads.get(&self.suite) {
            let steps = only(&workload.steps(&self.file), candidates);
            return Some((Content::Log(steps), (0..candidates.len()).collect()));
        }
        let content = match FileKind::of(&self.file)? {
            FileKind::Slt => Content::Slt,
            FileKind::Sql => Content::Sql,
        };
        Some((content, ordinals.collect()))
    }

    /// The flavours that take part.
    async fn sites(&self, all: &[Ran], candidates: &[Candidate], content: &Content) -> Vec<Site> {
        let names = self.comparison.flavours();
        let mut sites = Vec::new();
        for (flavour, name) in names.iter().enumerate() {
            let takes_part = |candidate: &Candidate| candidate.flavours.contains(&flavour);
            let Some(ran) = all.iter().find(|ran| ran.suite_run.flavour == *name) else {
                continue;
            };
            if !candidates.iter().any(takes_part) {
                continue;
            }
            match ran.servers.lease().await {
                Ok(lease) => sites.push(Site {
                    flavour,
                    lease,
                    case: self.case(&ran.facts, content),
                }),
                Err(reason) => self
                    .context
                    .events
                    .warn(format!("times on `{name}` are not measured: {reason}")),
            }
        }
        sites
    }

    fn case(&self, facts: &FlavourFacts, content: &Content) -> Case {
        Case {
            path: self.file.clone(),
            content: content.clone(),
            facts: Facts {
                labels: self.files.labels.clone(),
                ..facts.facts.clone()
            },
            suite: Arc::clone(&self.files),
            known: self.comparison.known(),
            update: false,
            deadline: None,
            fail_fast: self.context.fail_fast.detached(),
            events: self.context.events.clone(),
            steps_done: Arc::default(),
        }
    }

    fn report_progress(&self, done: usize, total: usize) {
        self.context.events.send(Event::Measuring {
            suite: self.suite.clone(),
            file: self.file.clone(),
            done,
            total,
        });
    }

    fn report(&self, tally: Tally, took: Duration) {
        self.context.events.send(Event::Measured(MeasuredTimes {
            suite: self.suite.clone(),
            file: self.file.clone(),
            repeat: self.spec.repeat,
            statements: tally.measured,
            slow: tally.slow,
            failed: tally.failed,
            left: tally.left,
            limit: self.spec.limit,
            took,
        }));
    }
}

/// How a suite's times are measured; `None` if they are not.
fn spec_of(suite_run: &SuiteRun) -> Option<(Arc<FilesSpec>, MeasureSpec)> {
    match &suite_run.suite.kind {
        SuiteKind::Files(files) => Some((Arc::clone(files), files.measure?)),
        SuiteKind::Command(_) | SuiteKind::Mysqltest(_) => None,
    }
}

/// A log's steps without the statements that are no candidates.
fn only(steps: &[Step], candidates: &[Candidate]) -> Arc<[Step]> {
    let mut ordinals = candidates.iter().map(|candidate| candidate.ordinal);
    let mut next = ordinals.next();
    let mut ordinal = 0;
    let mut kept = Vec::new();
    // The last choice of a database, until a statement needs it.
    let mut choice = None;
    for step in steps {
        if step.action.sql().is_none() {
            choice = Some(step);
            continue;
        }
        if next == Some(ordinal) {
            kept.extend(choice.take().cloned());
            kept.push(step.clone());
            next = ordinals.next();
        }
        ordinal += 1;
    }
    kept.into()
}

#[cfg(test)]
mod tests {
    use dbmatrix_sql::suite::{Action, Conditions};

    use super::*;

    #[test]
    fn of_a_log_only_what_is_measured_runs_again_each_in_its_database() {
        let step = |action| Step {
            line: 1,
            within: None,
            conditions: Conditions::default(),
            connection: None,
            action,
            substitutes: false,
            retry: None,
        };
        let choose = |name: &str| {
            step(Action::Use {
                database: Some(name.to_owned()),
            })
        };
        let ask = |sql: &str| step(Action::Record { sql: sql.into() });
        let steps = [
            choose("a"),
            ask("SELECT 0"),
            choose("b"),
            ask("SELECT 1"),
            choose("c"),
            ask("SELECT 2"),
            ask("SELECT 3"),
        ];
        let candidates = [0, 2, 3].map(|ordinal| Candidate {
            ordinal,
            flavours: vec![0, 1],
        });
        let kept = only(&steps, &candidates);
        let shown = kept.iter().map(|step| match &step.action {
            Action::Use { database } => database.clone().unwrap_or_default(),
            action => action.shown().into_owned(),
        });
        let shown: Vec<String> = shown.collect();
        assert_eq!(shown, ["a", "SELECT 0", "c", "SELECT 2", "SELECT 3"]);
    }
}
