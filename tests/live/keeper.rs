//! What a run leaves to its keeper.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::Outcome;
use crate::sandbox::{NEST, PROJECT, Sandbox, check};

const FLAVOUR: &str = "mariadb-10.11";

/// A run returns with its verdict; whoever looks next sees servers that are put away.
pub(crate) fn after_a_verdict(sandbox: &Sandbox) -> Outcome {
    let matrix = matrix(sandbox);
    let path = matrix.to_str().expect("a plain path");
    let run = || sandbox.run(&["run", path]).expect(0);
    run()?;
    is(sandbox, "Stopped")?;
    check(holder().is_none(), "the keeper holds the lock on")?;
    check(standby(sandbox)?, "there is no copy for the next run")?;
    sandbox.run(&["run", path, "--after", "pause"]).expect(0)?;
    is(sandbox, "Paused")?;
    sandbox.run(&["run", path, "--wait"]).expect(0)?;
    check(holder().is_none(), "`--wait` leaves a keeper behind")?;
    run()?;
    kill()?;
    run()?;
    is(sandbox, "Stopped")?;
    check(standby(sandbox)?, "nothing takes over from a killed keeper")
}

fn matrix(sandbox: &Sandbox) -> PathBuf {
    sandbox.matrix(
        "keeper.toml",
        "[[flavour]]\nserver = \"mariadb:10.11\"\n[[suite]]\nname = \"s\"\ncommand = [\"true\"]\n",
    )
}

/// Who holds the nest's lock, as its file says.
fn holder() -> Option<String> {
    std::fs::read_to_string(format!("/run/dbmatrix/nest.{PROJECT}.{NEST}.lock")).ok()
}

/// Kills the keeper as soon as it has said that it is one.
fn kill() -> Outcome {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        let Some(told) = holder() else { break };
        if let Some(id) = told.strip_suffix(" keeper") {
            let killed = std::process::Command::new("kill")
                .args(["-9", id])
                .status()?;
            return check(killed.success(), "the keeper is gone already");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    check(false, "no keeper was seen")
}

fn is(sandbox: &Sandbox, state: &str) -> Outcome {
    let listed = sandbox.run(&["list"]).expect(0)?.stdout;
    let line = listed
        .lines()
        .find(|line| line.contains(FLAVOUR) && line.contains("flavour"));
    check(
        line.is_some_and(|line| line.contains(state)),
        format!("expected {FLAVOUR} to be {state}:\n{listed}"),
    )
}

fn standby(sandbox: &Sandbox) -> Result<bool, Failed> {
    let listed = sandbox.run(&["list"]).expect(0)?.stdout;
    let mut lines = listed.lines().filter(|line| line.contains(FLAVOUR));
    Ok(lines.any(|line| line.contains("standby")))
}
