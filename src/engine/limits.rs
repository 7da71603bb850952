//! How long an engine may be silent.
//!
//! An engine that works may take its time to answer a request: while one waits,
//! the engine is asked on another connection what it is. As long as it answers
//! that, it is alive and the request goes on, up to a limit of its own that
//! counts from the last byte that moved.
//!
//! The time that a silent engine is given is given once: for a while, all other
//! requests to it end at once. So a command ends soon after its first request has,
//! however many follow; whoever asks several engines asks them side by side.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::EngineError;
use super::connection::Transport;
use super::daemon::Daemon;

/// How long an engine may be silent before it counts as dead or a request as
/// stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a request waits before the engine is asked whether it is alive.
    pub patience: Duration,
    /// How long the engine may take to say so; more, and it counts as dead.
    pub alive: Duration,
    /// The same of a daemon that is being started while somebody else, such as
    /// systemd, takes its connections; counted from its start.
    pub starting: Duration,
    /// How long a request may stand still although the engine is alive.
    pub progress: Duration,
}

impl Default for Limits {
    /// A daemon that was stopped by a signal counts as dead after 3 s, another one
    /// that says nothing after 12.5 s; one that takes 10 s for each answer does not.
    /// A command has 15 s for its end.
    fn default() -> Self {
        Limits {
            patience: Duration::from_millis(1500),
            alive: Duration::from_secs(11),
            starting: Duration::from_secs(90),
            progress: Duration::from_secs(600),
        }
    }
}

/// Counts what moves.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub(super) fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Watches over what waits for an engine.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    way: Arc<Transport>,
    limits: Limits,
}

impl Watch {
    pub(super) fn new(way: Arc<Transport>, limits: Limits) -> Self {
        Watch { way, limits }
    }

    /// Waits for `work` as long as the engine is alive and something moves.
    ///
    /// # Errors
    /// [`EngineError::Silent`] where the engine is not; [`EngineError::Stuck`].
    pub(super) async fn over<T>(
        &self,
        what: &str,
        progress: &Progress,
        work: impl Future<Output = T>,
    ) -> Result<T, EngineError> {
        let mut work = pin!(work);
        let limits = &self.limits;
        let (mut moved, mut count) = (Instant::now(), progress.count());
        let mut alive = Instant::now();
        // One that began before the silence was found keeps its time: the engine may
        // be about to work off what waits.
        let known = self.known_silence();
        let patience = match known {
            Some(_) => Duration::ZERO,
            None => limits.patience,
        };
        loop {
            if let Ok(done) = timeout(patience, &mut work).await {
                self.forget_silence();
                return Ok(done);
            }
            // A clock that a test has stopped jumps ahead, this one does not.
            if alive.elapsed() >= patience {
                let is_alive = tokio::select! {
                    biased;
                    done = &mut work => {
                        self.forget_silence();
                        return Ok(done);
                    }
                    is_alive = self.is_alive(known.as_ref()) => is_alive,
                };
                if !is_alive {
                    return Err(self.silent(what, alive));
                }
                self.forget_silence();
                alive = Instant::now();
            }
            if progress.count() != count {
                (moved, count) = (Instant::now(), progress.count());
            }
            if moved.elapsed() >= limits.progress {
                return Err(EngineError::Stuck {
                    what: what.to_owned(),
                    seconds: limits.progress.as_secs(),
                });
            }
        }
    }

    /// Asks whether the engine is alive. One that hangs up or refuses is asked
    /// again: it may be starting.
    async fn is_alive(&self, known: Option<&Silence>) -> bool {
        const AGAIN: Duration = Duration::from_millis(200);
        let begun = Instant::now();
        let at_once = match known {
            Some(_) => self.limits.patience / SHORTER,
            None => self.limits.patience.min(self.limits.alive),
        };
        // Looking at all processes takes its time: a healthy engine is only asked.
        if let Ok(true) = timeout(at_once, self.way.answers()).await {
            return true;
        }
        loop {
            // Each time anew: it may be stopped, or started again, meanwhile.
            let left = self.allowed(known).saturating_sub(begun.elapsed());
            if left.is_zero() {
                return false;
            }
            match timeout(left, self.way.answers()).await {
                Ok(true) => return true,
                Ok(false) => tokio::time::sleep(left.min(AGAIN)).await,
                // A clock that a test has stopped jumps ahead, this one does not.
                Err(_) => {}
            }
        }
    }

    /// How long the engine may take to say that it is alive: less where it is known
    /// to be silent, unless another daemon has been started since.
    fn allowed(&self, known: Option<&Silence>) -> Duration {
        let limits = &self.limits;
        let daemon = Daemon::look(&self.way);
        if let Some(silence) = known
            && !daemon.is_younger_than(silence.since.elapsed())
        {
            return limits.patience / SHORTER;
        }
        if daemon.stopped().is_some() {
            return limits.patience;
        }
        match daemon.started_ago() {
            Some(ago) => limits.alive.max(limits.starting.saturating_sub(ago)),
            None => limits.alive,
        }
    }

    /// Notes the silence, and tells of it.
    fn silent(&self, what: &str, since: Instant) -> EngineError {
        let at = self.way.to_string();
        let silence = self.known_silence().unwrap_or_else(|| Silence {
            since,
            found: Instant::now(),
            remedy: Daemon::look(&self.way).to_string(),
        });
        silences().insert(at.clone(), silence.clone());
        EngineError::Silent {
            what: what.to_owned(),
            at,
            seconds: silence.since.elapsed().as_secs(),
            remedy: silence.remedy,
        }
    }

    /// The silence of the engine, where it was found a while ago at most.
    fn known_silence(&self) -> Option<Silence> {
        let mut all = silences();
        all.retain(|_, silence| silence.found.elapsed() < REMEMBERED);
        all.get(&self.way.to_string()).cloned()
    }

    fn forget_silence(&self) {
        silences().remove(&self.way.to_string());
    }
}

/// By how much shorter than the patience an engine is waited for in all that was found
/// to be silent.
const SHORTER: u32 = 10;
/// How long it counts as such. Then it has its full time again: it may have become
/// slow.
const REMEMBERED: Duration = Duration::from_secs(30);

/// An engine that was found to be silent.
#[derive(Debug, Clone)]
struct Silence {
    since: Instant,
    found: Instant,
    remedy: String,
}

/// Those of this process, by their socket or address.
static SILENCES: Mutex<BTreeMap<String, Silence>> = Mutex::new(BTreeMap::new());

fn silences() -> MutexGuard<'static, BTreeMap<String, Silence>> {
    SILENCES.lock().unwrap_or_else(PoisonError::into_inner)
}
