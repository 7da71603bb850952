//! One run of the program that something happens to.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::process::Interrupted;

/// How often progress is read.
const LOOK: Duration = Duration::from_millis(5);

/// The program at work, in a process group of its own.
pub(crate) struct Attempt {
    child: Child,
    begun: Instant,
    stdout: PathBuf,
    stderr: PathBuf,
    stop: CancellationToken,
}

/// How it ended.
pub(crate) struct Outcome {
    /// `None` where it did not end in time and was killed.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) took: Duration,
    pub(crate) stdout: String,
    stderr: String,
}

impl Attempt {
    /// Starts the program with its output in files of `folder`.
    pub(crate) fn start(
        mut command: Command,
        folder: &Path,
        stop: &CancellationToken,
    ) -> Result<Self> {
        if stop.is_cancelled() {
            return Err(Interrupted.into());
        }
        let (stdout, stderr) = (folder.join("stdout"), folder.join("stderr"));
        let child = command
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&stdout)?)
            .stderr(std::fs::File::create(&stderr)?)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("could not run {:?}: {error}", command.as_std()))?;
        Ok(Attempt {
            child,
            begun: Instant::now(),
            stdout,
            stderr,
            stop: stop.clone(),
        })
    }

    /// Waits until its progress contains `text`; `false` where it ended before,
    /// or `limit` is over.
    pub(crate) async fn reaches(&mut self, text: &str, limit: Duration) -> Result<bool> {
        loop {
            if read(&self.stderr).contains(text) {
                return Ok(true);
            }
            if self.child.try_wait()?.is_some() || self.begun.elapsed() > limit {
                return Ok(false);
            }
            self.sleep(LOOK).await?;
        }
    }

    /// Lets it work for a while.
    pub(crate) async fn sleep(&mut self, time: Duration) -> Result<()> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            () = self.stop.cancelled() => Err(self.interrupt().await),
        }
    }

    /// Kills it, and only it: what it started goes on. `false` where it had
    /// ended before.
    pub(crate) async fn kill(mut self) -> Result<bool> {
        let runs = self.child.try_wait()?.is_none();
        if let Some(pid) = self.pid() {
            // It may end between the two.
            let _ = kill_process(pid, Signal::KILL);
        }
        self.child.wait().await?;
        Ok(runs)
    }

    /// Waits for its end, at most for `limit`.
    pub(crate) async fn end(mut self, limit: Duration) -> Result<Outcome> {
        let stop = self.stop.clone();
        let ended = tokio::select! {
            ended = tokio::time::timeout(limit, self.child.wait()) => ended,
            () = stop.cancelled() => return Err(self.interrupt().await),
        };
        let took = self.begun.elapsed();
        let status = match ended {
            Ok(status) => Some(status?),
            Err(_) => {
                self.child.kill().await?;
                None
            }
        };
        Ok(Outcome {
            status,
            took,
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
        })
    }

    /// Passes an interrupt on and waits until everything is cleaned up.
    async fn interrupt(&mut self) -> Box<dyn std::error::Error> {
        if let Some(pid) = self.pid() {
            let _ = kill_process_group(pid, Signal::INT);
        }
        let _ = self.child.wait().await;
        Interrupted.into()
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id()?.try_into().ok()?)
    }
}

impl Outcome {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// How it ended and the last lines that it wrote.
    pub(crate) fn describe(&self) -> String {
        let ended = match self.status {
            Some(status) => format!("{status} after {:.1} s", self.took.as_secs_f64()),
            None => format!("no end within {:.0} s", self.took.as_secs_f64()),
        };
        let last = |text: &str| {
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(8)..].join("\n")
        };
        format!("{ended}\n{}\n{}", last(&self.stderr), last(&self.stdout))
    }
}

fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
