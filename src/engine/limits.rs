//! How long an engine may be silent.
//!
//! An engine that works may take its time to answer a request: while one waits,
//! the engine is asked on another connection what it is. As long as it answers
//! that, it is alive and the request goes on, up to a limit of its own that
//! counts from the last byte that moved.

use std::collections::BTreeSet;
use std::fs;
use std::future::Future;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::sockopt::socket_peercred;
use tokio::time::timeout;

use super::EngineError;
use super::way::Way;
use crate::privilege;

/// How long an engine may be silent before it counts as dead or a request as
/// stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a request waits before the engine is asked whether it is alive.
    pub patience: Duration,
    /// How long the engine may take to say so; more, and it counts as dead.
    pub alive: Duration,
    /// The same of a daemon that systemd has just been asked to start.
    pub starting: Duration,
    /// How long a request may stand still although the engine is alive.
    pub progress: Duration,
}

impl Default for Limits {
    /// A daemon that was stopped by a signal counts as dead within 3 s, another one
    /// that says nothing within 13 s; one that takes 10 s for each answer does not.
    fn default() -> Self {
        Limits {
            patience: Duration::from_millis(1500),
            alive: Duration::from_millis(11_500),
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
    way: Arc<Way>,
    limits: Limits,
}

impl Watch {
    pub(super) fn new(way: Arc<Way>, limits: Limits) -> Self {
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
        let patience = self.patience();
        let (mut moved, mut count) = (Instant::now(), progress.count());
        let mut alive = Instant::now();
        loop {
            if let Ok(done) = timeout(patience, &mut work).await {
                return Ok(done);
            }
            // A clock that a test has stopped jumps ahead, this one does not.
            if alive.elapsed() >= patience {
                let is_alive = tokio::select! {
                    biased;
                    done = &mut work => return Ok(done),
                    is_alive = self.is_alive() => is_alive,
                };
                self.note(is_alive);
                if !is_alive {
                    return Err(self.silent(what, alive.elapsed()));
                }
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
    async fn is_alive(&self) -> bool {
        const AGAIN: Duration = Duration::from_millis(200);
        let (begun, allowed) = (Instant::now(), self.allowed());
        loop {
            let left = allowed.saturating_sub(begun.elapsed());
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

    fn note(&self, is_alive: bool) {
        if let Way::Socket { path, .. } = &*self.way {
            match is_alive {
                true => silent_sockets().remove(path),
                false => silent_sockets().insert(path.clone()),
            };
        }
    }

    fn was_silent(&self) -> bool {
        matches!(&*self.way, Way::Socket { path, .. } if silent_sockets().contains(path))
    }

    fn patience(&self) -> Duration {
        match self.was_silent() {
            true => self.limits.patience / 10,
            false => self.limits.patience,
        }
    }

    fn allowed(&self) -> Duration {
        let Limits {
            patience,
            alive,
            starting,
            ..
        } = self.limits;
        if self.was_silent() {
            return patience;
        }
        match self.way.listener() {
            Some(Listener { pid: 1, .. }) => match stopped_daemon(self.way.daemons()) {
                Some(_) => patience,
                None => starting,
            },
            Some(Listener { pid, .. }) if is_stopped(pid) => patience,
            _ => alive,
        }
    }

    fn silent(&self, what: &str, since: Duration) -> EngineError {
        EngineError::Silent {
            what: what.to_owned(),
            at: self.way.to_string(),
            seconds: since.as_secs(),
            remedy: self.remedy(),
        }
    }

    fn remedy(&self) -> String {
        const RESTART: &str = "restart it: `sudo systemctl restart incus` (or `lxd`)";
        let stopped = |which: &str, pid: u32| {
            format!("{which}, process {pid}, is stopped: `sudo kill -CONT {pid}` lets it go on")
        };
        match self.way.listener() {
            Some(Listener { pid, .. }) if is_stopped(pid) => stopped("its daemon", pid),
            Some(Listener { name, .. }) if name.contains("forkproxy") => {
                match stopped_daemon(&DAEMONS) {
                    Some(pid) => stopped("the engine in the nest", pid),
                    None => "the engine in the nest is stuck: `dbmatrix doctor` looks at it, \
                         `dbmatrix down` and another run make the nest anew"
                        .to_owned(),
                }
            }
            Some(Listener { pid, name }) if pid != 1 => format!(
                "look at its daemon by `ps -o pid,stat,etime,args -p {pid}` (`{name}`) and at its \
                 log, and {RESTART}; where no systemd runs, end it by `sudo kill {pid}`: the next \
                 command starts it"
            ),
            _ => match stopped_daemon(self.way.daemons()) {
                Some(pid) => stopped("its daemon", pid),
                None => format!(
                    "look at its daemon by `ps -C incusd,lxd -o pid,stat,etime,args` and at its \
                     log, and {RESTART}"
                ),
            },
        }
    }
}

/// Sockets of engines that were found to be silent, so that a command that asks
/// several times waits once.
static SILENT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn silent_sockets() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    SILENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The process that listens on a socket.
struct Listener {
    pid: u32,
    /// Its arguments.
    name: String,
}

impl Way {
    /// What the engine's daemon is called: a machine may have both.
    fn daemons(&self) -> &'static [&'static str] {
        let has = |kind: &str| match self {
            Way::Socket { path, .. } => path.to_string_lossy().contains(kind),
            Way::Network { .. } => false,
        };
        match (has("incus"), has("lxd")) {
            (true, false) => &DAEMONS[..1],
            (false, true) => &DAEMONS[1..],
            _ => &DAEMONS,
        }
    }

    /// The process that listens; systemd (1) where it does so for a daemon.
    fn listener(&self) -> Option<Listener> {
        let Way::Socket { path, .. } = self else {
            return None;
        };
        let stream = privilege::connect(path).ok()?;
        let pid = socket_peercred(stream.as_fd()).ok()?.pid.as_raw_nonzero();
        let pid = u32::try_from(pid.get()).ok()?;
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let name = String::from_utf8_lossy(&arguments).replace('\0', " ");
        Some(Listener {
            pid,
            name: name.trim().to_owned(),
        })
    }
}

/// Of Incus and of LXD.
const DAEMONS: [&str; 2] = ["incusd", "lxd"];

/// A daemon of one of these names, of this machine or of a nest, that was stopped by a
/// signal.
fn stopped_daemon(names: &[&str]) -> Option<u32> {
    let entries = fs::read_dir("/proc").ok()?;
    let mut pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.find(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        names.contains(&name.trim_end()) && is_stopped(*pid)
    })
}

/// Whether a process was stopped by a signal (field 3 of `/proc/PID/stat`).
fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.trim_start().starts_with(['T', 't'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, Signal, kill_process};

    #[test]
    fn a_stopped_daemon_speaks_for_its_own_engine_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("lxd");
        fs::copy("/bin/sleep", &program).expect("a program");
        let mut daemon = std::process::Command::new(program)
            .arg("60")
            .spawn()
            .expect("it starts");
        kill_process(Pid::from_child(&daemon), Signal::STOP).expect("it is there");
        while !is_stopped(daemon.id()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let daemons = |path: &str| Way::socket(PathBuf::from(path)).daemons();
        let incus = stopped_daemon(daemons("/var/lib/incus/unix.socket"));
        let lxd = stopped_daemon(daemons("/var/lib/lxd/unix.socket"));
        daemon.kill().expect("it is there");
        daemon.wait().expect("it has ended");
        assert_ne!(incus, Some(daemon.id()));
        assert!(lxd.is_some());
        assert_eq!(daemons("/run/dbmatrix/p.n.socket"), DAEMONS);
    }
}
