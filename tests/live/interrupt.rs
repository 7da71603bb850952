//! Ctrl-C, kill -9 and a dead daemon in the middle; then a good run.

use std::process::Command;
use std::time::Duration;

use dbmatrix_containers::host::{DaemonRecord, daemon_record};
use rustix::process::{Pid, Signal};

use super::Outcome;
use super::chain::{block_on, running};
use super::sandbox::{MATRIX, NEST, PROJECT, Sandbox, check, text, unique};

/// A flavour that no other trial has a golden child of.
fn matrix(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    sandbox.file("right.slt", "statement ok\nSELECT 1\n");
    let flavour = format!(
        "[[flavour]]\nname = \"{name}\"\nserver = \"mariadb:10.11\"\nsettings = {{ max_connections = {} }}\n",
        unique() + u32::try_from(name.len()).unwrap_or_default()
    );
    let suite = "[[suite]]\nname = \"s\"\nfiles = [\"right.slt\"]\n";
    sandbox.matrix(&format!("{name}.toml"), &format!("{flavour}\n{suite}"))
}

pub(crate) fn nest(sandbox: &Sandbox) -> Outcome {
    sandbox.remove_nest()?;
    let running_program = sandbox.start_until(&["run", MATRIX, "--yes"], "inner engine")?;
    let status = running_program.end_by(Signal::INT)?;
    check(
        status == Some(130),
        format!("expected 130, found {status:?}"),
    )?;
    let left = block_on(async {
        let engine = running().await?.in_project(PROJECT);
        Ok::<_, libtest_mimic::Failed>(engine.instance(NEST).await?)
    })?;
    check(left.is_none(), "an incomplete nest is left")
}

pub(crate) fn child(sandbox: &Sandbox) -> Outcome {
    let matrix = matrix(sandbox, "cut");
    let running_program =
        sandbox.start_until(&["run", text(&matrix)], "cut: installing its server")?;
    let status = running_program.end_by(Signal::INT)?;
    check(
        status == Some(130),
        format!("expected 130, found {status:?}"),
    )?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    check(
        !listed.stdout.contains(" cut ") && !listed.stdout.contains("Incomplete"),
        format!("an incomplete child is left:\n{}", listed.stdout),
    )?;
    sandbox.run(&["run", text(&matrix)]).expect(0)?;
    Ok(())
}

pub(crate) fn killed(sandbox: &Sandbox) -> Outcome {
    let matrix = matrix(sandbox, "killed");
    let running_program =
        sandbox.start_until(&["run", text(&matrix)], "killed: installing its server")?;
    running_program.end_by(Signal::KILL)?;
    sandbox.run(&["run", text(&matrix)]).expect(0)?;
    Ok(())
}

/// A run that is killed while its suites run leaves one server of a flavour, and
/// the next run has another.
pub(crate) fn killed_at_work(sandbox: &Sandbox) -> Outcome {
    sandbox.file(
        "long.slt",
        "statement ok\nCREATE USER trace@localhost\n\nstatement ok\nDO SLEEP(300)\n",
    );
    let suite = |file: &str| {
        format!(
            "[[flavour]]\nserver = \"mysql:9.7\"\n\n[[suite]]\nname = \"s\"\nfiles = [\"{file}\"]\n"
        )
    };
    let cut = |signal| {
        let matrix = sandbox.matrix("long.toml", &suite("long.slt"));
        let running_program = sandbox.start_until(&["run", text(&matrix)], "mysql-9.7: running")?;
        // Until it waits for its long statement.
        std::thread::sleep(Duration::from_secs(2));
        running_program.end_by(signal)
    };
    cut(Signal::KILL)?;
    let users = ["connect", "mysql-9.7", "-e", "SELECT user FROM mysql.user"];
    sandbox.run(&users).expect(0)?.says("trace")?;
    let status = cut(Signal::INT)?;
    check(
        status == Some(130),
        format!("expected 130, found {status:?}"),
    )?;
    sandbox.file(
        "none.slt",
        "query I\nSELECT COUNT(*) FROM mysql.user WHERE user = 'trace'\n----\n0\n",
    );
    let next = sandbox.matrix("next.toml", &suite("none.slt"));
    sandbox.run(&["run", text(&next)]).expect(0)?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    // The copy for the next run has the name of its flavour.
    let lines = listed.stdout.lines();
    let is_flavour = |line: &&str| line.contains(" mysql-9.7 ") && line.contains(" flavour ");
    let rows = lines.filter(is_flavour).count();
    check(
        rows == 1,
        format!("{rows} rows of one flavour:\n{}", listed.stdout),
    )
}

/// The engine's daemon is killed in mid-installation: the next run starts it
/// again and finds all that was there.
pub(crate) fn daemon(sandbox: &Sandbox) -> Outcome {
    let matrix = matrix(sandbox, "dead");
    let running_program =
        sandbox.start_until(&["run", text(&matrix)], "dead: installing its server")?;
    let killed = daemon_process()?;
    rustix::process::kill_process(killed, Signal::KILL)?;
    let status = running_program.end_by(Signal::INT)?;
    check(
        status != Some(0),
        "a run whose engine was killed and that was interrupted is green",
    )?;
    sandbox.run(&["run", text(&matrix)]).expect(0)?;
    let now = daemon_process()?;
    check(now != killed, format!("{now:?} was killed and is there"))?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    check(
        listed.stdout.contains(" dead "),
        format!("its child is not there:\n{}", listed.stdout),
    )
}

/// The daemon that dbmatrix has started, or systemd; another one is not ours to
/// kill.
fn daemon_process() -> Result<Pid, libtest_mimic::Failed> {
    if let DaemonRecord::Alive { pid, .. } = daemon_record() {
        return Pid::from_raw(pid).ok_or_else(|| "a process id is not 0".into());
    }
    for unit in ["incus.service", "lxd.service", "snap.lxd.daemon.service"] {
        let show = ["show", "--property", "MainPID", "--value", unit];
        let output = Command::new("systemctl").args(show).output();
        let told = output.map(|output| output.stdout).unwrap_or_default();
        let pid = String::from_utf8_lossy(&told).trim().parse().ok();
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            return Ok(pid);
        }
    }
    Err("expected an engine's daemon that dbmatrix or systemd has started, found another one; end it, so that this test starts it".into())
}
