//! Walks the paths of upgrades with real servers: a copy of the older server with its data,
//! the newer server on that data or with a dump of it, and the content of both.
//!
//! Every server on a path is a copy of a golden child, so a second walk takes seconds.
//! Copies count as incomplete, so whatever interrupts a walk leaves nothing that the next
//! run does not remove.

mod client;
mod comparison;
mod dump;
mod error;
mod in_place;
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
use comparison::Explained;
use walk::Walk;

/// What the events of upgrades call their suite.
const SUITE: &str = "upgrade";

/// Upgrades, with what has become of them so far.
#[derive(Debug)]
pub struct Upgrades {
    all: Vec<Upgrade>,
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
    /// The file of known divergences, and what is in it.
    known: Option<(PathBuf, KnownChanges)>,
    explained: Explained,
}

impl Upgrades {
    /// Upgrades that have not begun, with what is known of each.
    pub fn new(all: Vec<(UpgradeSpec, KnownChanges)>, keeps_failed: bool) -> Self {
        let all = all.into_iter().map(|(spec, known)| Upgrade {
            explained: Explained::new(known.entries.len()),
            known: spec.known.map(|path| (path, known)),
            suites: spec.suites,
            paths: spec.paths,
        });
        Upgrades {
            all: all.collect(),
            keeps_failed,
            walks: Mutex::default(),
        }
    }

    /// What has become of them so far.
    pub fn report(&self) -> UpgradeReport {
        let walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut walks = walks.clone();
        walks.sort_by_key(|(place, _)| *place);
        let stale = self.all.iter().flat_map(Upgrade::stale);
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

    fn note(&self, place: (usize, usize), walk: UpgradeWalk) {
        let walks = self.walks.lock();
        let mut walks = walks.unwrap_or_else(PoisonError::into_inner);
        walks.push((place, walk));
    }
}

impl Upgrade {
    fn known(&self) -> Option<&KnownChanges> {
        self.known.as_ref().map(|(_, known)| known)
    }

    /// Entries that apply to a path that was walked, and explain nothing on any.
    fn stale(&self) -> impl Iterator<Item = Stale> {
        let known = self.known.iter();
        let entries = known.flat_map(|(path, known)| {
            let entries = known.entries.iter().enumerate();
            entries.map(move |(at, entry)| (path, at, entry))
        });
        let stale = entries.filter(|(_, at, _)| self.explained.is_stale(*at));
        stale.map(|(path, _, entry)| Stale {
            suite: SUITE.to_owned(),
            file: path.clone(),
            line: entry.line,
            statement: entry.object.clone(),
            flavours: Vec::new(),
            why: match &entry.expired {
                Some(day) => format!("it expired on {day}"),
                None => "it explains no difference".to_owned(),
            },
        })
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
    for upgrade in &upgrades.all {
        upgrade
            .stale()
            .for_each(|stale| events.send(Event::Stale(stale)));
    }
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
            known: upgrade.known(),
            suites: &upgrade.suites,
            explained: &upgrade.explained,
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
