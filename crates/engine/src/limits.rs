//! Limits how long an engine may be silent.
//!
//! A working engine may take time to answer a request. While the request waits, dbmatrix
//! asks the engine for its identity on another connection. As long as that is answered,
//! the engine is alive and the request continues, up to a separate limit that counts from
//! the last byte transferred.
//!
//! A silent engine gets this time only once: for a while afterwards, all other requests
//! to it fail at once. A command therefore ends soon after its first request has failed,
//! however many follow; callers ask several engines concurrently.

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

/// How long an engine may be silent before it counts as dead, or a request as stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a request waits before dbmatrix checks whether the engine is alive.
    pub patience: Duration,
    /// How long that check may take; after that the engine counts as dead.
    pub alive: Duration,
    /// The same for a daemon that is starting while another process, such as systemd,
    /// accepts its connections; counted from its start.
    pub starting: Duration,
    /// How long a request may make no progress although the engine is alive.
    pub progress: Duration,
}

impl Default for Limits {
    /// A daemon that a signal stopped counts as dead after 3 s, another silent one after
    /// 12.5 s; one that takes 10 s for each answer does not. A command must end within 15
    /// s.
    fn default() -> Self {
        Limits {
            patience: Duration::from_millis(1500),
            alive: Duration::from_secs(11),
            starting: Duration::from_secs(90),
            progress: Duration::from_secs(600),
        }
    }
}

/// Counts transferred data.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub(super) fn note_data(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Watches over a wait for an engine.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    transport: Arc<Transport>,
    limits: Limits,
}

impl Watch {
    pub(super) fn new(transport: Arc<Transport>, limits: Limits) -> Self {
        Watch { transport, limits }
    }

    /// Waits for `work` as long as the engine is alive and there is progress.
    ///
    /// # Errors
    /// [`EngineError::Silent`] if the engine is not alive;
    /// [`EngineError::Stuck`].
    pub(super) async fn watch_over<T>(
        &self,
        what: &str,
        progress: &Progress,
        work: impl Future<Output = T>,
    ) -> Result<T, EngineError> {
        let mut work = pin!(work);
        let limits = &self.limits;
        let (mut moved, mut count) = (Instant::now(), progress.count());
        let mut alive = Instant::now();
        // A request that began before the silence was found keeps its time: the engine
        // may be about to process its queue.
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
            // A clock that a test has stopped jumps ahead; this one does not.
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

    /// Checks whether the engine is alive. Retries if it hangs up or refuses, because it
    /// may be starting.
    async fn is_alive(&self, known: Option<&Silence>) -> bool {
        const AGAIN: Duration = Duration::from_millis(200);
        let begun = Instant::now();
        let at_once = match known {
            Some(_) => self.limits.patience / SHORTER,
            None => self.limits.patience.min(self.limits.alive),
        };
        // Listing all processes takes time, and a healthy engine does not need it.
        if let Ok(true) = timeout(at_once, self.transport.answers()).await {
            return true;
        }
        loop {
            // Evaluated again each time: the daemon may have been stopped or restarted.
            let left = self.allowed(known).saturating_sub(begun.elapsed());
            if left.is_zero() {
                return false;
            }
            match timeout(left, self.transport.answers()).await {
                Ok(true) => return true,
                Ok(false) => tokio::time::sleep(left.min(AGAIN)).await,
                // A clock that a test has stopped jumps ahead; this one does not.
                Err(_) => {}
            }
        }
    }

    /// How long the check may take: less if the engine is known to be silent, unless
    /// another daemon has started since.
    fn allowed(&self, known: Option<&Silence>) -> Duration {
        let limits = &self.limits;
        let daemon = Daemon::find(&self.transport);
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

    /// Notes the silence, and returns it as an error.
    fn silent(&self, what: &str, since: Instant) -> EngineError {
        let at = self.transport.to_string();
        let silence = self.known_silence().unwrap_or_else(|| Silence {
            since,
            found: Instant::now(),
            remedy: Daemon::find(&self.transport).to_string(),
        });
        silences().insert(at.clone(), silence.clone());
        EngineError::Silent {
            what: what.to_owned(),
            at,
            seconds: silence.since.elapsed().as_secs(),
            remedy: silence.remedy,
        }
    }

    /// The silence of the engine, if it was found recently.
    fn known_silence(&self) -> Option<Silence> {
        let mut all = silences();
        all.retain(|_, silence| silence.found.elapsed() < REMEMBERED);
        all.get(&self.transport.to_string()).cloned()
    }

    fn forget_silence(&self) {
        silences().remove(&self.transport.to_string());
    }
}

/// An engine that is known to be silent gets its time divided by this.
const SHORTER: u32 = 10;
/// How long it counts as silent. After that it gets its full time again, since it may
/// only have become slow.
const REMEMBERED: Duration = Duration::from_secs(30);

/// An engine that was silent.
#[derive(Debug, Clone)]
struct Silence {
    since: Instant,
    found: Instant,
    remedy: String,
}

/// The silent engines of this process, by their socket or address.
static SILENCES: Mutex<BTreeMap<String, Silence>> = Mutex::new(BTreeMap::new());

fn silences() -> MutexGuard<'static, BTreeMap<String, Silence>> {
    SILENCES.lock().unwrap_or_else(PoisonError::into_inner)
}
