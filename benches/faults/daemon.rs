//! Daemons and containers are killed while dbmatrix is at work with them.

use std::time::Duration;

use dbmatrix_containers::host::{DaemonRecord, daemon_record};
use rustix::process::{Pid, Signal, kill_process};

use crate::Result;
use crate::attempt::Attempt;
use crate::bench::Bench;
use crate::section::{Hit, failure_of};

/// How long a run may take to see that something is gone.
const PATIENCE: Duration = Duration::from_secs(180);

const KILL_INNER: &str = "systemctl kill --signal=KILL incus.service";

/// Kills the first process of every running child (`NSpid` of
/// proc_pid_status(5): its last number is 1, and it has one in the nest).
const KILL_CHILD: &str = r#"
for status in /proc/[0-9]*/status; do
    set -- $(sed -n 's/^NSpid://p' "$status" 2>/dev/null)
    if [ "$#" = 2 ] && [ "$2" = 1 ]; then
        kill -9 "$1"
        echo "$1"
    fi
done
"#;

/// The host's engine, where dbmatrix started it.
pub(crate) fn own_daemon() -> Option<Pid> {
    match daemon_record() {
        DaemonRecord::Alive { pid, .. } => Pid::from_raw(pid),
        DaemonRecord::Absent | DaemonRecord::Dead => None,
    }
}

pub(crate) async fn kill_host(
    bench: &Bench,
    mut attempt: Attempt,
    moment: Duration,
) -> Result<Hit> {
    attempt.sleep(moment).await?;
    let pid = own_daemon().ok_or("the host's engine is gone before it was killed")?;
    kill_process(pid, Signal::KILL)?;
    end(bench, attempt, moment, true).await
}

pub(crate) async fn kill_inner(
    bench: &Bench,
    mut attempt: Attempt,
    moment: Duration,
) -> Result<Hit> {
    attempt.sleep(moment).await?;
    bench.place.in_nest(KILL_INNER).await?;
    end(bench, attempt, moment, true).await
}

/// A container that dies while its suite runs cannot have passed it.
pub(crate) async fn kill_child(
    bench: &Bench,
    mut attempt: Attempt,
    moment: Duration,
) -> Result<Hit> {
    if !attempt.reaches(": running", bench.limit).await? {
        let outcome = attempt.end(bench.limit).await?;
        return Err(format!("the suite did not begin: {}", outcome.describe()).into());
    }
    attempt.sleep(moment).await?;
    let killed = bench.place.in_nest(KILL_CHILD).await?;
    let hit = !killed.trim().is_empty();
    end(bench, attempt, moment, !hit).await
}

async fn end(bench: &Bench, attempt: Attempt, moment: Duration, may_pass: bool) -> Result<Hit> {
    let outcome = attempt.end(PATIENCE.min(bench.limit)).await?;
    Ok(Hit {
        moment,
        hit: true,
        failure: failure_of(&outcome, may_pass),
    })
}
