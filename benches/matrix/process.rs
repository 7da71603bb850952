//! Runs programs and notes when they say what, and how much memory they take.
//!
//! Each is in a process group of its own: a signal that ends the benchmark is
//! passed on once, and what the program did not finish is gone when it has ended.

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::Result;

/// How often a program's memory is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The benchmark was asked to end.
#[derive(Debug, Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// From just before its start until it was gone.
    pub(crate) took: Duration,
    /// Bytes that were resident at most, as seen every [`LOOK`] (`VmHWM`).
    pub(crate) peak: u64,
    /// What it wrote on standard error.
    pub(crate) said: String,
}

impl Ended {
    /// The end of what was said on standard error.
    pub(crate) fn last_words(&self) -> String {
        let lines: Vec<&str> = self.said.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

/// Runs a program to its end; `heard` gets each line of its standard output
/// with the time since its start.
///
/// # Errors
/// [`Interrupted`] where `stop` came first; it has ended by then.
pub(crate) async fn follow(
    command: &mut Command,
    stop: &CancellationToken,
    mut heard: impl FnMut(Duration, String),
) -> Result<Ended> {
    if stop.is_cancelled() {
        return Err(Interrupted.into());
    }
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("could not run {:?}: {error}", command.as_std()))?;
    let said = gather(&mut child);
    let stdout = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines();
    let mut peak = 0;
    let mut look = tokio::time::interval(LOOK);
    let mut interrupted = false;
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => heard(begun.elapsed(), line),
                None => break,
            },
            _ = look.tick() => peak = resident_peak(&child).unwrap_or(peak),
            () = stop.cancelled(), if !interrupted => {
                interrupted = true;
                interrupt(&child);
            }
        }
    }
    let status = child.wait().await?;
    if interrupted {
        return Err(Interrupted.into());
    }
    Ok(Ended {
        status,
        took: begun.elapsed(),
        peak,
        said: said.await?,
    })
}

/// Reads standard error beside, so that it never fills.
fn gather(child: &mut Child) -> tokio::task::JoinHandle<String> {
    let stderr = child.stderr.take();
    tokio::spawn(async move {
        let mut bytes = Vec::new();
        if let Some(mut stderr) = stderr {
            // What cannot be read is only missing in a message.
            let _ = stderr.read_to_end(&mut bytes).await;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn interrupt(child: &Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    if let Some(pid) = pid {
        // One that is gone already needs no signal.
        let _ = kill_process_group(pid, Signal::INT);
    }
}

/// `VmHWM` of proc_pid_status(5), in bytes.
fn resident_peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()?)).ok()?;
    kilobytes(&status, "VmHWM:")
}

/// A field of proc_pid_status(5), in bytes.
pub(crate) fn kilobytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

/// Ctrl-C and its like end what runs, and then the benchmark.
pub(crate) async fn cancel_when_asked(stop: CancellationToken) {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let streams = kinds.into_iter().filter_map(|kind| signal(kind).ok());
    let mut streams: Vec<_> = streams.collect();
    let waits = streams.iter_mut().map(|stream| Box::pin(stream.recv()));
    futures_util::future::select_all(waits).await;
    stop.cancel();
}
