//! Replays logs under load: its statements at its own concurrency and pace, on one flavour
//! at a time, in several rounds.
//!
//! Rounds take turns among the flavours, so that what changes on the machine in the
//! meantime concerns all alike. Servers that wait for their turn are paused.

mod digests;
mod feed;
mod histogram;
mod inspect;
mod lane;
mod measured;
mod player;
mod results;
mod schedule;
mod select;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dbmatrix_flavours::matrix::Writes;
use dbmatrix_flavours::plan::Plan;
use dbmatrix_flavours::provision::StartFrom;
use dbmatrix_report::ReplayReport;
use dbmatrix_report::event::{CaseResult, Event, Sender};
use dbmatrix_sql::session::{Connect, SessionError};
use dbmatrix_workload::SampleOptions;
use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval};

pub use inspect::{Inspected, inspect_logs};

use super::deployment::{Deployment, Providers, Site, Supply};
use super::environment::Environment;
use digests::Digests;
use feed::{Fed, Source};
use lane::lock;
use measured::Measured;
use player::play;
use results::{Asked, OfFlavour, Results, names_of};

/// What the events of a replay call its suite.
const SUITE: &str = "replay";
/// How often progress is reported.
const TICK: Duration = Duration::from_millis(500);
/// Connections of a server that are left to others.
const SPARE: u64 = 5;
/// Connections at once, unless the user wants more: each takes a file of this process.
const MOST_CONNECTIONS: usize = 500;

/// What is replayed, and how.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// The logs, and what they have.
    pub inspected: Inspected,
    /// Which of its statements are sent.
    pub selection: SampleOptions,
    /// What becomes of those that write.
    pub writes: Writes,
    /// How many times as fast as in the log; `None` is as fast as possible.
    pub speed: Option<f64>,
    /// How often, on each flavour.
    pub rounds: usize,
    /// Whether a round that does not count precedes.
    pub warms_up: bool,
    /// The part of the log, in its own time.
    pub limit: Option<Duration>,
    /// The most statements.
    pub statements: Option<u64>,
    /// The most connections at once.
    pub connections: Option<usize>,
    /// The flavour that the others are compared with; by default the first one.
    pub baseline: Option<String>,
}

/// A replay, with what it has measured so far.
#[derive(Debug)]
pub struct Replay {
    options: ReplayOptions,
    source: Arc<Source>,
    digests: Arc<Mutex<Digests>>,
    results: Mutex<Results>,
}

impl Replay {
    /// A replay that has not begun.
    pub fn new(options: ReplayOptions) -> Self {
        let source = Source {
            logs: options.inspected.logs.clone(),
            selection: options.selection.clone(),
            writes: options.writes,
            limit: options.limit,
            statements: options.statements,
        };
        Replay {
            source: Arc::new(source),
            options,
            digests: Arc::default(),
            results: Mutex::default(),
        }
    }

    /// What was measured so far.
    pub fn report(&self) -> ReplayReport {
        let options = &self.options;
        let asked = Asked {
            logs: &options.inspected.logs,
            speed: options.speed,
            rounds: options.rounds,
            writes: options.writes,
            baseline: options.baseline.as_deref(),
            has_times: options.inspected.has_times,
        };
        let digests = self.digests.lock();
        let digests = digests.unwrap_or_else(PoisonError::into_inner);
        self.results().report(&asked, &digests)
    }

    fn results(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Provides all flavours of the plan side by side, and replays a log on one at a time.
/// Progress and failures are reported as events, what is measured in the replay.
pub async fn replay(
    environment: Option<&Environment>,
    plan: &Plan,
    replay: &Replay,
    events: &Sender,
) {
    let providers = Providers::new(environment, StartFrom::Template, events);
    let provided = plan
        .flavours
        .iter()
        .map(|flavour| providers.provide(flavour));
    let deployments: Vec<Deployment> = join_all(provided).await.into_iter().flatten().collect();
    let mut most = replay.options.connections.unwrap_or(MOST_CONNECTIONS);
    for deployment in &deployments {
        let facts = &deployment.facts.facts;
        let version = facts.version.to_string();
        replay
            .results()
            .flavours
            .push(OfFlavour::new(&facts.flavour, &version));
        match free_connections(deployment).await {
            Ok(free) => most = most.min(free),
            Err(reason) => events.warn(format!(
                "{}: how many connections it allows is unknown: {reason}",
                facts.flavour
            )),
        }
    }
    let rounds = AllRounds {
        replay,
        deployments: &deployments,
        most,
        events,
    };
    rounds.take_all().await;
    for deployment in &deployments {
        deployment.servers.close().await;
        events.send(Event::FlavourFinished {
            flavour: deployment.facts.facts.flavour.clone(),
        });
    }
}

/// How many connections a server allows besides those that are open.
async fn free_connections(deployment: &Deployment) -> Result<usize, String> {
    let lease = deployment.servers.lease().await?;
    let asked = async {
        let mut session = lease.server.connect(None).await?;
        let limits = "SELECT @@max_connections, @@max_user_connections";
        let limits = session.first_row(limits).await?;
        let open = "SHOW GLOBAL STATUS LIKE 'Threads_connected'";
        let open = session.first_row(open).await?;
        session.close().await;
        Ok::<_, SessionError>((limits, open))
    };
    let (limits, open) = asked.await.map_err(|error| error.to_string())?;
    let number = |row: &[Option<String>], at: usize| -> u64 {
        let text = row.get(at).and_then(Option::as_deref);
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    let (all, of_user) = (number(&limits, 0), number(&limits, 1));
    let free = all.saturating_sub(number(&open, 1) + SPARE);
    let free = match of_user {
        0 => free,
        of_user => free.min(of_user),
    };
    Ok(usize::try_from(free).unwrap_or(usize::MAX).max(1))
}

/// The rounds of all flavours.
struct AllRounds<'a> {
    replay: &'a Replay,
    deployments: &'a [Deployment],
    /// Connections at once.
    most: usize,
    events: &'a Sender,
}

impl AllRounds<'_> {
    /// Each flavour has its turn in each round.
    async fn take_all(&self) {
        let pauses = self.deployments.len() > 1;
        if pauses {
            join_all(self.sites().map(|site| self.pause(site))).await;
        }
        let options = &self.replay.options;
        for round in usize::from(!options.warms_up)..=options.rounds {
            for (at, deployment) in self.deployments.iter().enumerate() {
                let has_ended = self.replay.results().flavours[at].aborted.is_some();
                if !has_ended {
                    self.take(round, at, deployment).await;
                }
            }
        }
        if pauses {
            join_all(self.sites().map(|site| self.resume(site))).await;
        }
    }

    fn sites(&self) -> impl Iterator<Item = &Site> {
        let deployments = self.deployments.iter();
        deployments.filter_map(|deployment| deployment.site.as_ref())
    }

    /// One round on one flavour; round 0 only warms up.
    async fn take(&self, round: usize, at: usize, deployment: &Deployment) {
        let flavour = &deployment.facts.facts.flavour;
        let options = &self.replay.options;
        let what = match round {
            0 => "warming up".to_owned(),
            round => format!("round {round} of {}", options.rounds),
        };
        let logs = names_of(&options.inspected.logs);
        let file = PathBuf::from(format!("{logs} ({what})"));
        self.events.send(Event::CaseStarted {
            flavour: flavour.clone(),
            suite: SUITE.to_owned(),
            file: file.clone(),
        });
        let measured = self.replay.results().begin(at);
        let begun = std::time::Instant::now();
        let played = tokio::select! {
            played = self.play(deployment, &measured) => played,
            never = self.report_progress(flavour, &file, &measured) => match never {},
        };
        let answered = usize::try_from(lock(&measured).statements()).unwrap_or(usize::MAX);
        let mut result = match &played {
            Ok(_) => CaseResult::default(),
            Err(reason) => CaseResult::aborted(reason),
        };
        result.passed = answered;
        result.took = begun.elapsed();
        match (round, played) {
            (0, Ok(_)) => self.replay.results().forget(at),
            (_, played) => self.replay.results().end(at, played),
        }
        self.events.send(Event::CaseFinished {
            flavour: flavour.clone(),
            suite: SUITE.to_owned(),
            file,
            result,
        });
    }

    /// Plays the log on the flavour's server, or, where it is written to, on a new copy.
    async fn play(
        &self,
        deployment: &Deployment,
        measured: &Arc<Mutex<Measured>>,
    ) -> Result<Fed, String> {
        let Replay {
            options,
            source,
            digests,
            ..
        } = self.replay;
        if options.writes == Writes::Apply {
            let servers = deployment.servers.isolated(&[]);
            let lease = servers.lease().await?;
            let source = (source, digests);
            let played = play(&lease.server, source, options.speed, self.most, measured).await;
            drop(lease);
            servers.close().await;
            return played;
        }
        if let Some(site) = &deployment.site {
            self.resume(site).await;
        }
        let lease = deployment.servers.lease().await?;
        let source = (source, digests);
        let played = play(&lease.server, source, options.speed, self.most, measured).await;
        if let Some(site) = deployment
            .site
            .as_ref()
            .filter(|_| self.deployments.len() > 1)
        {
            self.pause(site).await;
        }
        played
    }

    async fn report_progress(
        &self,
        flavour: &str,
        file: &std::path::Path,
        measured: &Mutex<Measured>,
    ) -> std::convert::Infallible {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let statements = lock(measured).statements();
            self.events.send(Event::CaseProgress {
                flavour: flavour.to_owned(),
                suite: SUITE.to_owned(),
                file: file.to_owned(),
                steps: usize::try_from(statements).unwrap_or(usize::MAX),
            });
        }
    }

    async fn pause(&self, site: &Site) {
        let children = &site.environment.context.children;
        let child = children.current(&site.flavour.container());
        if let Err(error) = children.pause(&child).await {
            self.events.warn(format!(
                "{}: could not be paused while others are measured: {error}",
                site.flavour.name
            ));
        }
    }

    async fn resume(&self, site: &Site) {
        let children = &site.environment.context.children;
        let child = children.current(&site.flavour.container());
        if let Err(error) = children.resume(&child).await {
            self.events.warn(format!(
                "{}: could not be resumed; `dbmatrix resume {}` does that: {error}",
                site.flavour.name, site.flavour.name
            ));
        }
    }
}
