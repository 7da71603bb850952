//! Starts an installed engine, and stops one that dbmatrix started.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dbmatrix_engine::privilege::{PrivilegeError, Request, ask_helper, has_helper, is_root};
use dbmatrix_engine::{Engine, EngineError};
use dbmatrix_platform::process;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::find::EngineKind;
use super::outlive::{CLOSE_FILES, shell};
use super::{capacity, has_systemd, make_run_folder, run_folder};

/// A daemon on a machine with many containers starts slowly.
const READY: Duration = Duration::from_secs(90);
const GONE: Duration = Duration::from_secs(60);

/// Why an engine's daemon did not start or end.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// Only root can start a daemon.
    #[error(
        "{engine} is installed and its daemon does not run; only root can start it: run the same command with sudo"
    )]
    NotRoot {
        /// The engine.
        engine: EngineKind,
    },
    /// A program or a file required for the start failed.
    #[error("could not start {engine}: {subject}: {source}")]
    Start {
        /// The engine.
        engine: EngineKind,
        /// The attempted operation.
        subject: String,
        /// The system's error.
        source: io::Error,
    },
    /// The daemon did not start in time, or has ended.
    #[error("{engine} was started and does not answer; its log ends so:\n{log}")]
    NotReady {
        /// The engine.
        engine: EngineKind,
        /// The end of its log.
        log: String,
    },
    /// The daemon that dbmatrix started does not end.
    #[error(
        "the {engine} daemon with process id {pid} still runs {seconds} s after it was asked to end; look at its log"
    )]
    Stays {
        /// The engine.
        engine: String,
        /// Its process id.
        pid: i32,
        /// How long dbmatrix waited.
        seconds: u64,
    },
    /// The root helper failed.
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
    /// The daemon answers with an error.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A daemon that dbmatrix started; its start time distinguishes it from a later process
/// with the same id. Its file does not survive a boot.
#[derive(Debug, Serialize, Deserialize)]
struct OwnDaemon {
    engine: String,
    pid: i32,
    /// Clock ticks since boot (field 22 of `/proc/PID/stat`).
    started: u64,
}

impl OwnDaemon {
    fn file() -> PathBuf {
        run_folder().join("daemon.json")
    }

    fn read() -> Option<Self> {
        let text = fs::read_to_string(Self::file()).ok()?;
        let own: OwnDaemon = serde_json::from_str(&text).ok()?;
        (start_time(own.pid)? == own.started).then_some(own)
    }
}

/// The record of a daemon that dbmatrix started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaemonRecord {
    /// There is no record.
    Absent,
    /// It runs.
    Alive {
        /// The engine's title.
        engine: String,
        /// Its process id.
        pid: i32,
    },
    /// It has ended, and its files remain.
    Dead,
}

/// Reads the record of a daemon that dbmatrix started.
pub fn daemon_record() -> DaemonRecord {
    match OwnDaemon::read() {
        Some(own) => DaemonRecord::Alive {
            engine: own.engine,
            pid: own.pid,
        },
        None if OwnDaemon::file().exists() => DaemonRecord::Dead,
        None => DaemonRecord::Absent,
    }
}

/// Removes the record of a daemon that has ended.
pub fn forget_dead_daemon() {
    if daemon_record() == DaemonRecord::Dead {
        remove_files();
    }
}

fn remove_files() {
    for name in ["daemon.json", "daemon.pid", "daemon.log"] {
        let _ = fs::remove_file(run_folder().join(name));
    }
}

/// Starts the installed engine and waits until it answers. On a machine without systemd
/// the daemon gets its own mount namespace. If the machine's cgroups are not a single
/// cgroup2 tree, `/sys/fs/cgroup` is one in that namespace only.
pub(super) async fn start(engine: EngineKind) -> Result<Engine, DaemonError> {
    match (is_root(), has_helper()) {
        (true, _) => {}
        (false, true) => {
            ask_helper(Request::StartEngine).await?;
            return wait_until_ready(engine, None).await;
        }
        (false, false) => return Err(DaemonError::NotRoot { engine }),
    }
    let log = run_folder().join("daemon.log");
    let failed = |subject: &str, source: io::Error| DaemonError::Start {
        engine,
        subject: subject.to_owned(),
        source,
    };
    make_run_folder().map_err(|error| failed("make the run folder", error))?;
    let pid = if has_systemd() {
        start_unit(engine).map_err(|error| failed("systemctl start", error))?;
        None
    } else {
        Some(start_detached(engine, &log).map_err(|error| failed("start the daemon", error))?)
    };
    wait_until_ready(engine, pid).await
}

async fn wait_until_ready(engine: EngineKind, pid: Option<i32>) -> Result<Engine, DaemonError> {
    let deadline = Instant::now() + READY;
    loop {
        let sockets = engine
            .sockets()
            .iter()
            .filter(|socket| PathBuf::from(socket).exists());
        for client in sockets.map(|socket| Engine::new(*socket)) {
            if client.is_ready().await {
                return Ok(client);
            }
        }
        let ended = pid.is_some_and(|pid| start_time(pid).is_none());
        if ended || Instant::now() > deadline {
            return Err(DaemonError::NotReady {
                engine,
                log: last_lines(&run_folder().join("daemon.log")),
            });
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn start_unit(engine: EngineKind) -> io::Result<()> {
    let units = engine.units(Path::new("/"));
    let status = Command::new("systemctl")
        .arg("start")
        .args(units)
        .stdin(Stdio::null())
        .status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "`systemctl start {}` ended with {status}",
        units.join(" ")
    )))
}

/// Whether the daemon keeps a variable of its caller: it outlives the caller, passes its
/// environment on to its children, and other users can read it there.
fn is_for_daemon(name: &OsStr) -> bool {
    const NAMES: [&str; 4] = ["PATH", "HOME", "LANG", "LC_ALL"];
    let Some(name) = name.to_str() else {
        return false;
    };
    NAMES.contains(&name)
        || name.starts_with("INCUS_")
        || name.starts_with("LXD_")
        || name.to_ascii_lowercase().ends_with("_proxy")
}

/// Starts the daemon in its own session and mount namespace, so that neither Ctrl-C nor a
/// closed terminal reaches it, and records its id. It keeps neither the caller's working
/// directory nor its open files.
fn start_detached(engine: EngineKind, log: &PathBuf) -> io::Result<i32> {
    const SCRIPT: &str = r#"
        if [ "$CGROUP_VIEW" = private ]; then mount -t cgroup2 cgroup2 /sys/fs/cgroup; fi
        echo "$$" > "$PID_FILE"
        cd /
    "#;
    let script = format!("{SCRIPT}{CLOSE_FILES}exec \"$DAEMON\" --group \"$GROUP\"");
    let daemon = engine
        .daemon()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the daemon's program"))?;
    let pid_file = run_folder().join("daemon.pid");
    let _ = fs::remove_file(&pid_file);
    let output = fs::File::create(log)?;
    let view = if capacity::is_unified() {
        "shared"
    } else {
        "private"
    };
    let mut starter = Command::new("setsid")
        .args(["--fork", "unshare", "--mount", "--propagation", "private"])
        .args([shell(), "-eu", "-c", &script])
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_for_daemon(name)))
        .env("CGROUP_VIEW", view)
        .env("PID_FILE", &pid_file)
        .env("DAEMON", daemon)
        .env("GROUP", engine.group())
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()?;
    starter.wait()?;
    let pid = wait_for_pid(&pid_file)?;
    let own = OwnDaemon {
        engine: engine.title().to_owned(),
        pid,
        started: start_time(pid).ok_or_else(|| io::Error::other("the daemon ended at once"))?,
    };
    fs::write(OwnDaemon::file(), serde_json::to_string(&own)?)?;
    Ok(pid)
}

fn wait_for_pid(file: &PathBuf) -> io::Result<i32> {
    for _ in 0..200 {
        let text = fs::read_to_string(file).unwrap_or_default();
        if let Some(pid) = text.strip_suffix('\n').and_then(|text| text.parse().ok()) {
            return Ok(pid);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(io::Error::other("the daemon did not note its process id"))
}

/// Stops the daemon that dbmatrix started, if there is one; returns `false` if the
/// running one is not dbmatrix's to stop.
///
/// # Errors
/// [`DaemonError::Stays`] if it does not end in time.
pub async fn stop_own_daemon() -> Result<bool, DaemonError> {
    let Some(own) = OwnDaemon::read() else {
        return Ok(false);
    };
    if !is_root() {
        return Ok(ask_helper(Request::StopEngine).await?);
    }
    let deadline = Instant::now() + GONE;
    process::terminate_by_id(own.pid);
    while start_time(own.pid) == Some(own.started) {
        if Instant::now() > deadline {
            return Err(DaemonError::Stays {
                engine: own.engine,
                pid: own.pid,
                seconds: GONE.as_secs(),
            });
        }
        sleep(Duration::from_millis(50)).await;
    }
    remove_files();
    Ok(true)
}

/// When a process was started, or `None` if it has ended (as a zombie has).
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn last_lines(log: &PathBuf) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_gets_no_secrets_of_its_caller() {
        for name in ["PATH", "https_proxy", "NO_PROXY", "LXD_DIR"] {
            assert!(is_for_daemon(OsStr::new(name)), "{name}");
        }
        for name in ["MYSQL_PWD", "TMPDIR", "DBMATRIX_PROJECT", "SSH_AUTH_SOCK"] {
            assert!(!is_for_daemon(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn a_process_has_one_start_time_and_an_absent_one_none() {
        let own = std::process::id() as i32;
        assert!(start_time(own).is_some());
        assert_eq!(start_time(own), start_time(own));
        assert_eq!(start_time(i32::MAX), None);
    }
}
