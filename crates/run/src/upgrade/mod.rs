//! Walks the paths of upgrades with real servers: a copy of the older server with its data,
//! the newer server on that data, with a dump of it or as its replica, and the content of
//! both.
//!
//! Every server on a path is a copy of a golden child, so a second walk takes seconds.
//! Copies count as incomplete, so whatever interrupts a walk leaves nothing that the next
//! run does not remove.

mod client;
mod comparison;
mod dump;
mod error;
mod in_place;
mod known;
mod mydumper;
mod replica;
mod stop;
mod suites;
mod transfer;
mod walk;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use dbmatrix_flavours::matrix::{SuiteSpec, UpgradePath, UpgradeSpec};
use dbmatrix_report::event::{CaseResult, Event, Failure, Sender, Stale};
use dbmatrix_report::{
    UPGRADE_SCHEMA, UpgradeDifference, UpgradeOutcome, UpgradeReport, UpgradeWalk,
};
use dbmatrix_sql::content::KnownChanges;
use dbmatrix_sql::suite::Reason;
use futures_util::StreamExt;
use futures_util::stream::iter;

use super::environment::Environment;
use known::Known;
use walk::Walk;

/// What the events of upgrades call their suite.
const SUITE: &str = "upgrade";

/// Upgrades, with what has become of them so far.
#[derive(Debug)]
pub struct Upgrades {
    all: Vec<Upgrade>,
    known: Vec<Arc<Known>>,
    /// Whether paths of the matrix were left out.
    is_partial: bool,
    /// Whether a copy that failed stays.
    keeps_failed: bool,
    /// By the places of the path and of the method.
    walks: Mutex<Vec<((usize, usize), UpgradeWalk)>>,
}

/// One table of a matrix, with what is known of it.
#[derive(Debug)]
struct Upgrade {
    paths: Vec<UpgradePath>,
    suites: Vec<Arc<SuiteSpec>>,
    known: Option<Arc<Known>>,
}

/// What is wanted of upgrades.
#[derive(Debug, Clone, Copy, Default)]
pub struct UpgradeOptions {
    /// Whether a copy that failed stays.
    pub keeps_failed: bool,
    /// Whether paths of the matrix were left out, so that a known divergence may be theirs.
    pub is_partial: bool,
}

impl Upgrades {
    /// Upgrades that have not begun, with what is known of each.
    pub fn new(all: Vec<(UpgradeSpec, KnownChanges)>, options: UpgradeOptions) -> Self {
        let mut files: Vec<Arc<Known>> = Vec::new();
        let mut upgrades = Vec::new();
        for (spec, changes) in all {
            let known = spec.known.map(|path| {
                let found = files.iter().find(|known| known.path == path).cloned();
                found.unwrap_or_else(|| {
                    let known = Arc::new(Known::new(path, changes));
                    files.push(Arc::clone(&known));
                    known
                })
            });
            if let Some(known) = &known {
                known.expect(spec.paths.iter().map(|path| path.methods.len()).sum());
            }
            upgrades.push(Upgrade {
                paths: spec.paths,
                suites: spec.suites,
                known,
            });
        }
        Upgrades {
            all: upgrades,
            known: files,
            is_partial: options.is_partial,
            keeps_failed: options.keeps_failed,
            walks: Mutex::default(),
        }
    }

    /// What has become of them so far.
    pub fn report(&self) -> UpgradeReport {
        let walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut walks = walks.clone();
        walks.sort_by_key(|(place, _)| *place);
        let stale = self.stale();
        let told = |stale: Stale| {
            let Stale {
                line,
                statement,
                why,
                ..
            } = &stale;
            format!("{}:{line}: {statement}: {why}", stale.file.display())
        };
        UpgradeReport {
            schema: UPGRADE_SCHEMA,
            walks: walks.into_iter().map(|(_, walk)| walk).collect(),
            stale: stale.map(told).collect(),
        }
    }

    fn stale(&self) -> impl Iterator<Item = Stale> {
        let known = self.known.iter();
        known.flat_map(|known| known.stale(self.is_partial))
    }

    fn note(&self, place: (usize, usize), walk: UpgradeWalk) {
        let walks = self.walks.lock();
        let mut walks = walks.unwrap_or_else(PoisonError::into_inner);
        walks.push((place, walk));
    }
}

/// Walks all paths, some at a time. Progress and failures are reported as events, what
/// differs in the upgrades.
pub async fn upgrade(environment: &Environment, upgrades: &Upgrades, events: &Sender) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let paths = upgrades.all.iter().flat_map(|upgrade| {
        let paths = upgrade.paths.iter();
        paths.map(move |path| (upgrade, path))
    });
    let walked = paths
        .enumerate()
        .map(|(place, (upgrade, path))| async move {
            walk_path(environment, upgrades, upgrade, (place, path), events).await;
        });
    let walked: Vec<_> = walked.collect();
    iter(walked)
        .buffer_unordered(processors)
        .collect::<Vec<()>>()
        .await;
    upgrades
        .stale()
        .for_each(|stale| events.send(Event::Stale(stale)));
}

/// Walks one path by each of its methods.
async fn walk_path(
    environment: &Environment,
    upgrades: &Upgrades,
    upgrade: &Upgrade,
    (place, path): (usize, &UpgradePath),
    events: &Sender,
) {
    let mut unavailable = Vec::new();
    for (at, method) in path.methods.iter().enumerate() {
        let file = PathBuf::from(method.as_str());
        events.send(Event::CaseStarted {
            flavour: path.name.clone(),
            suite: SUITE.to_owned(),
            file: file.clone(),
        });
        let walk = Walk {
            context: &environment.context,
            path,
            method: *method,
            known: upgrade.known.as_deref(),
            suites: &upgrade.suites,
            keeps_failed: upgrades.keeps_failed,
            events,
        };
        let walked = walk.run().await;
        if walked.outcome == UpgradeOutcome::Unavailable
            && let Some(failure) = &walked.failure
        {
            let reason = format!("could not {}: {}", failure.step, failure.error);
            if !unavailable.contains(&reason) {
                unavailable.push(reason);
            }
        }
        events.send(Event::CaseFinished {
            flavour: path.name.clone(),
            suite: SUITE.to_owned(),
            file,
            result: case_of(&walked),
        });
        for note in &walked.notes {
            events.warn(format!("{} by {}: {note}", walked.path, walked.by));
        }
        upgrades.note((place, at), walked);
    }
    if !unavailable.is_empty() {
        events.send(Event::FlavourUnavailable {
            flavour: path.name.clone(),
            required: path.from.required && path.to.required,
            reason: unavailable.join("\n"),
        });
    }
    events.send(Event::FlavourFinished {
        flavour: path.name.clone(),
    });
}

/// A walk as reports of runs show it: a step is an object or a difference.
fn case_of(walk: &UpgradeWalk) -> CaseResult {
    let told = |failure: &dbmatrix_report::UpgradeFailure| {
        format!("could not {}: {}", failure.step, failure.error)
    };
    let failure = walk.failure.as_ref().map(told).unwrap_or_default();
    let mut result = match walk.outcome {
        UpgradeOutcome::Unavailable => CaseResult::skipped(failure),
        UpgradeOutcome::Failed => CaseResult::aborted(failure),
        UpgradeOutcome::Same | UpgradeOutcome::Differs => CaseResult::default(),
    };
    let new = walk.new_differences().count();
    result.took = walk.took;
    result.failed = new;
    result.known = walk.differences.len() - new;
    if result.aborted.is_none() && result.skipped == 0 {
        result.passed = walk.objects.saturating_sub(walk.differences.len());
    }
    result.failures = walk.differences.iter().map(failure_of).collect();
    result
}

fn failure_of(difference: &UpgradeDifference) -> Failure {
    let known = difference.known.as_ref().map(|text| Reason {
        text: text.clone(),
        link: None,
    });
    Failure {
        statement: difference.subject.clone(),
        expected: difference.before.clone(),
        found: difference.after.clone(),
        why: format!("{}: {}", difference.kind, difference.text),
        known,
        ..Failure::default()
    }
}
