//! One path by one method, from the older server to what differs on the newer one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dbmatrix_containers::nest::Golden;
use dbmatrix_flavours::matrix::{SuiteSpec, UpgradeMethod, UpgradePath};
use dbmatrix_flavours::provision::NestContext;
use dbmatrix_report::event::{Phase, Sender};
use dbmatrix_report::{UpgradeFailure, UpgradeOutcome, UpgradeServer, UpgradeWalk, UpgradedFile};
use dbmatrix_sql::content::Content;
use dbmatrix_sql::suite::Facts;
use dbmatrix_sql::version::Identity;
use futures_util::future::try_join_all;

use super::comparison::compare;
use super::dump::move_by_dump;
use super::error::WalkError;
use super::in_place::move_to_next;
use super::known::Known;
use super::mydumper::move_by_mydumper;
use super::replica::move_by_replica;
use super::stop::{Running, Stop};
use super::suites::run_suites;

/// One path by one method.
pub(super) struct Walk<'a> {
    pub(super) context: &'a NestContext,
    pub(super) path: &'a UpgradePath,
    pub(super) method: UpgradeMethod,
    pub(super) known: Option<&'a Known>,
    pub(super) suites: &'a [Arc<SuiteSpec>],
    pub(super) keeps_failed: bool,
    pub(super) events: &'a Sender,
}

/// What is known of a walk so far.
#[derive(Default)]
struct Seen {
    /// The time since all servers are there.
    begun: Option<Instant>,
    from: Option<Identity>,
    to: Option<Identity>,
    before: Content,
    after: Content,
    notes: Vec<String>,
    files: Vec<UpgradedFile>,
    /// The server of the path that is worked on.
    at: usize,
}

impl Seen {
    /// Reads the content of the older server. A table that it cannot read is not compared,
    /// which a note says.
    async fn read_before(&mut self, from: &Running<'_>) -> Result<(), WalkError> {
        self.before = from.content().await?;
        for (name, rows) in &self.before.rows {
            if let Err(error) = rows {
                let note = format!("the rows of {name} are not compared: {error}");
                self.notes.push(note);
            }
        }
        Ok(())
    }
}

impl Walk<'_> {
    /// Walks it, and leaves nothing but what is to be kept.
    pub(super) async fn run(&self) -> UpgradeWalk {
        let stops = Stop::all_of(self.context, self.path, self.method, self.events);
        let mut seen = Seen::default();
        let walked = self.walk(&stops, &mut seen).await;
        let took = seen.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        let mut kept = None;
        let keeps = self.keeps_failed && matches!(&walked, Err(error) if !error.is_unavailable);
        let failed = walked.as_ref().err();
        let failed = failed.and_then(|error| error.container.clone());
        let failed = failed.or_else(|| Some(stops.get(seen.at)?.container()));
        for stop in &stops {
            match keeps && Some(stop.container()) == failed {
                true => kept = stop.keep().await,
                false => stop.remove().await,
            }
        }
        self.report(seen, walked, took, kept)
    }

    async fn walk(&self, stops: &[Stop<'_>], seen: &mut Seen) -> Result<(), WalkError> {
        let golden = try_join_all(stops.iter().map(Stop::golden)).await?;
        seen.begun = Some(Instant::now());
        let [first, rest @ ..] = stops else {
            unreachable!("a path has two ends");
        };
        match self.method {
            UpgradeMethod::InPlace => self.walk_in_place(first, rest, &golden, seen).await,
            UpgradeMethod::Dump | UpgradeMethod::Mydumper => {
                self.walk_by_dump(first, rest, &golden, seen).await
            }
            UpgradeMethod::Replica => self.walk_by_replica(first, rest, &golden, seen).await,
        }
    }

    async fn walk_in_place(
        &self,
        first: &Stop<'_>,
        rest: &[Stop<'_>],
        golden: &[Golden],
        seen: &mut Seen,
    ) -> Result<(), WalkError> {
        let mut running = first.start(&golden[0]).await?;
        seen.from = Some(running.server.identity.clone());
        seen.read_before(&running).await?;
        for (at, next) in rest.iter().enumerate() {
            seen.at = at + 1;
            let moved = move_to_next(&running, next, &golden[at + 1]).await?;
            running = moved;
        }
        self.arrive(&running, seen).await
    }

    /// Each server of the path follows the one before, and is promoted.
    async fn walk_by_replica(
        &self,
        first: &Stop<'_>,
        rest: &[Stop<'_>],
        golden: &[Golden],
        seen: &mut Seen,
    ) -> Result<(), WalkError> {
        let mut running = first.start(&golden[0]).await?;
        seen.from = Some(running.server.identity.clone());
        seen.read_before(&running).await?;
        for (at, next) in rest.iter().enumerate() {
            seen.at = at + 1;
            let started = next.start(&golden[at + 1]).await?;
            next.phase(Phase::Moving);
            seen.notes
                .extend(move_by_replica(&running, &started).await?);
            running.stop.remove().await;
            running = started;
        }
        self.arrive(&running, seen).await
    }

    /// What all ways end with: the content of the newer server, and the suites.
    async fn arrive(&self, running: &Running<'_>, seen: &mut Seen) -> Result<(), WalkError> {
        seen.to = Some(running.server.identity.clone());
        seen.after = running.content().await?;
        running.restore_scheduler().await?;
        seen.files = run_suites(running, self.suites, self.events).await?;
        Ok(())
    }

    async fn walk_by_dump(
        &self,
        first: &Stop<'_>,
        rest: &[Stop<'_>],
        golden: &[Golden],
        seen: &mut Seen,
    ) -> Result<(), WalkError> {
        let [last] = rest else {
            unreachable!("a dump passes through no server");
        };
        let (from, to) = tokio::join!(first.start(&golden[0]), last.start(&golden[1]));
        let from = from?;
        seen.from = Some(from.server.identity.clone());
        seen.read_before(&from).await?;
        seen.at = 1;
        let to = to?;
        last.phase(Phase::Moving);
        let notes = match self.method {
            UpgradeMethod::Mydumper => move_by_mydumper(&from, &to, &seen.before).await?,
            _ => move_by_dump(&from, &to, &seen.before).await?,
        };
        seen.notes.extend(notes);
        self.arrive(&to, seen).await
    }

    fn report(
        &self,
        seen: Seen,
        walked: Result<(), WalkError>,
        took: Duration,
        kept: Option<String>,
    ) -> UpgradeWalk {
        let Walk { path, method, .. } = self;
        let (outcome, failure) = match &walked {
            Ok(()) => (UpgradeOutcome::Same, None),
            Err(WalkError {
                step,
                error,
                is_unavailable,
                ..
            }) => {
                let failure = UpgradeFailure {
                    step: step.clone(),
                    error: error.to_string(),
                };
                match is_unavailable {
                    true => (UpgradeOutcome::Unavailable, Some(failure)),
                    false => (UpgradeOutcome::Failed, Some(failure)),
                }
            }
        };
        let differences = match (&walked, &seen.to) {
            (Ok(()), Some(identity)) => {
                let facts = facts_of(&path.to.name, identity);
                compare(&seen.before, &seen.after, self.known, &facts)
            }
            _ => Default::default(),
        };
        let through = match method.takes_steps() {
            true => path.through.iter().map(|step| step.name.clone()).collect(),
            false => Vec::new(),
        };
        let server = |name: &str, identity: Option<Identity>| UpgradeServer {
            name: name.to_owned(),
            version: identity.map_or(String::new(), |identity| identity.full),
        };
        let mut walk = UpgradeWalk {
            path: path.name.clone(),
            from: server(&path.from.name, seen.from),
            through,
            to: server(&path.to.name, seen.to),
            by: method.as_str().to_owned(),
            outcome,
            failure,
            took,
            objects: seen.before.objects.len(),
            rows: seen.before.row_count(),
            differences: differences.significant,
            insignificant: differences.others,
            notes: seen.notes,
            suites: seen.files,
            kept,
        };
        let differs = walk.new_differences().next().is_some() || walk.failed_files().count() > 0;
        if outcome == UpgradeOutcome::Same && differs {
            walk.outcome = UpgradeOutcome::Differs;
        }
        walk
    }
}

fn facts_of(flavour: &str, identity: &Identity) -> Facts {
    Facts {
        flavour: flavour.to_owned(),
        family: identity.family,
        version: identity.version,
        labels: Vec::new(),
    }
}
