//! One file whose times are measured: it runs again on all flavours.
//!
//! A server may be slow for a while by what it does in the background. So statements that
//! differ are measured a second time at the end, and all rounds count.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dbmatrix_flavours::matrix::{FilesSpec, MeasureSpec};
use dbmatrix_flavours::server::Server;
use dbmatrix_report::event::{Event, MeasuredTimes};
use dbmatrix_sql::compare::Times;
use dbmatrix_sql::suite::{Facts, FileKind, Step};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::Ran;
use super::rounds::{MeasureCounts, Rounds};
use super::turns::pair;
use crate::case::{Case, Content, run_case};
use crate::comparison::{Candidate, Comparison};
use crate::context::RunContext;
use crate::deployment::{Lease, Supply};
use crate::flavour_facts::FlavourFacts;

/// The second time of measuring a statement is at least so long after the first.
const BETWEEN: Duration = Duration::from_secs(10);

/// A file whose times are measured.
pub(super) struct MeasuredFile {
    pub(super) context: RunContext,
    pub(super) files: Arc<FilesSpec>,
    pub(super) suite: String,
    pub(super) file: PathBuf,
    pub(super) comparison: Comparison,
    pub(super) spec: MeasureSpec,
    pub(super) deadline: Instant,
}

/// A flavour that takes part.
struct Site {
    /// The flavour's index in the comparison.
    flavour: usize,
    facts: Arc<FlavourFacts>,
    lease: Arc<Lease<Server>>,
}

/// The times of statements by the indexes of statement and flavour.
type TimesByStep = BTreeMap<usize, BTreeMap<usize, Times>>;

impl MeasuredFile {
    /// Measures the candidates on the flavours where the suite ran.
    pub(super) async fn run(self, all: Vec<Ran>, candidates: Vec<Candidate>) {
        let begun = Instant::now();
        let sites = self.sites(&all, &candidates).await;
        let total = candidates.len();
        let (mut counts, mut measured) = self.measure(&sites, &candidates, 0, total).await;
        let differing = self.differing(&candidates, &measured);
        if !differing.is_empty() {
            // What slowed one server for a while has ended then.
            let earliest = begun + BETWEEN;
            tokio::time::sleep_until(earliest.min(self.deadline)).await;
            let all = total + differing.len();
            let (second, mut again) = self.measure(&sites, &differing, total, all).await;
            counts.confirm(second);
            for candidate in &differing {
                let first = measured.remove(&candidate.ordinal).unwrap_or_default();
                let second = again.remove(&candidate.ordinal).unwrap_or_default();
                measured.insert(candidate.ordinal, joined(first, &second));
            }
        }
        for (ordinal, by_flavour) in measured {
            for (flavour, times) in by_flavour {
                self.comparison.add_times(ordinal, flavour, times);
            }
        }
        self.report(counts, begun.elapsed());
    }

    /// Measures statements on all flavours once. `done` of a `total` are done before.
    async fn measure(
        &self,
        sites: &[Site],
        candidates: &[Candidate],
        done: usize,
        total: usize,
    ) -> (MeasureCounts, TimesByStep) {
        let mut measured = TimesByStep::new();
        let Some((content, due)) = self.content(candidates) else {
            return (MeasureCounts::default(), measured);
        };
        let shared: Arc<[usize]> = due.clone().into();
        let cases: Vec<Case> = sites
            .iter()
            .map(|site| self.case(&site.facts, &content))
            .collect();
        let (mut players, mut running) = (Vec::new(), Vec::new());
        for (site, case) in sites.iter().zip(&cases) {
            let (meter, player) = pair(site.flavour, &shared);
            players.push(player);
            let (server, lease) = (&site.lease.server, &site.lease);
            running.push(run_case(server, case, None, Some(meter), || {
                lease.is_alone()
            }));
        }
        let conducting = async {
            let rounds = Rounds {
                spec: self.spec,
                deadline: self.deadline,
                players: &mut players,
            };
            let keep = |ordinal, flavour, times| {
                let by_flavour = measured.entry(ordinal).or_default();
                by_flavour.insert(flavour, times);
            };
            let progress = |now| self.report_progress(done + now, total);
            let counts = rounds.run(candidates, &due, keep, progress).await;
            // That ends the cases.
            drop(players);
            counts
        };
        let (counts, ends) = tokio::join!(conducting, join_all(running));
        for (site, mut end) in sites.iter().zip(ends) {
            if let Some(reason) = &end.result.aborted {
                let (file, flavour) = (self.file.display(), &site.facts.facts.flavour);
                let text = format!("{file}: times on `{flavour}` are incomplete: {reason}");
                self.context.events.warn(text);
            }
            if end.dirty {
                site.lease.give_up(&mut end.result.left);
            }
        }
        (counts, measured)
    }

    /// The statements whose times differ so far.
    fn differing(&self, candidates: &[Candidate], measured: &TimesByStep) -> Vec<Candidate> {
        let factor = self.files.rules.time_factor;
        let differs = |candidate: &&Candidate| {
            let times: Vec<&Times> = measured
                .get(&candidate.ordinal)
                .into_iter()
                .flat_map(BTreeMap::values)
                .collect();
            let differs_from = |one: &&Times| times.iter().any(|other| one.differ(other, factor));
            times.iter().any(differs_from)
        };
        candidates.iter().filter(differs).cloned().collect()
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
    async fn sites(&self, all: &[Ran], candidates: &[Candidate]) -> Vec<Site> {
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
                    facts: Arc::clone(&ran.facts),
                    lease,
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
            replicas: None,
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

    fn report(&self, counts: MeasureCounts, took: Duration) {
        self.context.events.send(Event::Measured(MeasuredTimes {
            suite: self.suite.clone(),
            file: self.file.clone(),
            repeat: self.spec.repeat,
            statements: counts.measured,
            slow: counts.slow,
            failed: counts.failed,
            left: counts.left,
            limit: self.spec.limit,
            took,
        }));
    }
}

/// The rounds of both times that a statement was measured, of flavours that have both.
fn joined(
    first: BTreeMap<usize, Times>,
    second: &BTreeMap<usize, Times>,
) -> BTreeMap<usize, Times> {
    let both = first.into_iter().filter_map(|(flavour, times)| {
        let times = times.and(second.get(&flavour)?)?;
        Some((flavour, times))
    });
    both.collect()
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
    use dbmatrix_sql::suite::Action;

    use super::*;

    #[test]
    fn of_a_log_only_what_is_measured_runs_again_each_in_its_database() {
        let step = |action| Step::new(1, action);
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
