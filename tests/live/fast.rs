//! Golden children: nobody sees what another run did, and the next run begins
//! soon.

use std::path::PathBuf;

use dbmatrix_engine::Exec;

use super::Outcome;
use super::chain::{block_on, find};
use super::sandbox::{Ran, Sandbox, check, text, unique};

/// Fails where an earlier run's user or setting is there.
const TRACES: &str = "\
query I
SELECT COUNT(*) FROM mysql.user WHERE user = 'trace'
----
0

statement ok
CREATE USER trace@localhost

statement ok
SET GLOBAL max_connections = 44
";

fn matrix(sandbox: &Sandbox, name: &str, more: &str) -> PathBuf {
    sandbox.file("traces.slt", TRACES);
    let flavours =
        "[[flavour]]\nserver = \"mysql:9.7\"\n\n[[flavour]]\nserver = \"mariadb:11.8\"\n";
    let suite = "[[suite]]\nname = \"s\"\nfiles = [\"traces.slt\"]\n";
    sandbox.matrix(name, &format!("{flavours}\n{suite}\n{more}"))
}

/// The lines of `list` that have `state` in them.
fn listed(sandbox: &Sandbox, flavour: &str) -> Result<String, libtest_mimic::Failed> {
    let ran = sandbox.run(&["list"]).expect(0)?;
    let name = format!(" {flavour} ");
    let mut lines = ran.stdout.lines();
    let line = lines.find(|line| line.contains(&name) && line.contains(" flavour "));
    Ok(line.unwrap_or_default().to_owned())
}

fn is(sandbox: &Sandbox, state: &str) -> Outcome {
    for flavour in ["mysql-9.7", "mariadb-11.8"] {
        let line = listed(sandbox, flavour)?;
        check(
            line.contains(state),
            format!("expected {flavour} to be {state}: {line}"),
        )?;
    }
    Ok(())
}

fn started(ran: Ran) -> Result<Ran, libtest_mimic::Failed> {
    let made = ran.stderr.contains("installing");
    check(!made, format!("something was made anew:\n{}", ran.stderr))?;
    ran.says("mysql-9.7: starting")
}

pub(crate) fn hermetic(sandbox: &Sandbox) -> Outcome {
    let matrix = matrix(sandbox, "traces.toml", "");
    for _ in 0..2 {
        started(sandbox.run(&["run", text(&matrix)]).expect(0)?)?;
    }
    // What the last run did can still be looked at.
    is(sandbox, "Stopped")?;
    sandbox
        .run(&["connect", "mysql-9.7", "-e", "SELECT user FROM mysql.user"])
        .expect(0)?
        .says("trace")?;
    // And `up` leaves it as it is.
    sandbox.run(&["up", text(&matrix)]).expect(0)?;
    sandbox
        .run(&["connect", "mysql-9.7", "-e", "SELECT user FROM mysql.user"])
        .expect(0)?
        .says("trace")?;
    Ok(())
}

pub(crate) fn after(sandbox: &Sandbox) -> Outcome {
    let matrix = matrix(sandbox, "after.toml", "[run]\nafter = \"pause\"\n");
    started(sandbox.run(&["run", text(&matrix)]).expect(0)?)?;
    is(sandbox, "Paused")?;
    // Thawed, as new, and held again.
    for _ in 0..2 {
        let ran = sandbox.run(&["run", text(&matrix)]).expect(0)?;
        let anew = ran.stderr.contains("mysql-9.7: starting");
        check(!anew, format!("it was started anew:\n{}", ran.stderr))?;
    }
    is(sandbox, "Paused")?;
    // Who connects to a held one uses it: the next run has another.
    sandbox
        .run(&["connect", "mysql-9.7", "-e", "CREATE USER trace@localhost"])
        .expect(0)?;
    let ran = sandbox
        .run(&["run", text(&matrix), "--after", "keep", "--timings"])
        .expect(0)?
        .says("mysql-9.7: starting")?
        .says("critical path")?;
    check(
        !ran.stderr.contains("mariadb-11.8: starting"),
        "the other one was still held",
    )?;
    is(sandbox, "Running")?;
    sandbox
        .run(&["run", text(&matrix), "--after", "delete"])
        .expect(0)?;
    for flavour in ["mysql-9.7", "mariadb-11.8"] {
        let line = listed(sandbox, flavour)?;
        check(line.is_empty(), format!("a deleted child is left: {line}"))?;
    }
    sandbox
        .run(&["run", text(&matrix), "--after", "sometimes"])
        .expect(2)?
        .says("`pause`")?;
    Ok(())
}

/// A suite with a server of its own, several files at a time, and what a
/// flavour is set to.
pub(crate) fn isolation(sandbox: &Sandbox) -> Outcome {
    sandbox.file("set.slt", "statement ok\nSET GLOBAL max_connections = 33\n");
    let seen = |count: u32| format!("query I\nSELECT @@GLOBAL.max_connections\n----\n{count}\n");
    sandbox.file("seen.slt", &seen(33));
    for at in 0..4 {
        sandbox.file(&format!("other{at}.slt"), &seen(77));
    }
    let text_of = "\
[run]
jobs = 3

[defaults]
settings = { max_connections = 77 }

[[flavour]]
server = \"mariadb:10.11\"

[[flavour]]
name = \"hasty\"
server = \"mariadb:10.11\"
durability = \"relaxed\"

[[suite]]
name = \"own\"
isolation = \"clone\"
files = [\"set.slt\", \"seen.slt\"]

[[suite]]
name = \"shared\"
files = [\"other*.slt\"]
";
    let matrix = sandbox.matrix("isolation.toml", text_of);
    let ran = sandbox
        .run(&["run", text(&matrix), "--after", "keep"])
        .expect(0)?;
    ran.says("12 passed, 0 failed")?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    check(
        !listed.stdout.contains("-suite-"),
        format!("a suite's own server is left:\n{}", listed.stdout),
    )?;
    for (flavour, preloaded) in [("hasty", true), ("mariadb-10.11", false)] {
        let found = find(flavour)?;
        let script = Exec::script(
            r#"cat "/proc/$(systemctl show --property MainPID --value mariadb)/maps""#,
        );
        let maps = block_on(async { found.nest.engine.exec(&found.child.name, &script).await })?;
        check(
            maps.stdout.contains("libeatmydata") == preloaded,
            format!("{flavour}: expected preloaded = {preloaded}"),
        )?;
    }
    Ok(())
}

/// Other settings make another golden child; the first goes with `prune`.
pub(crate) fn prune(sandbox: &Sandbox) -> Outcome {
    let flavour = |count: u32| {
        format!(
            "[[flavour]]\nname = \"pruned\"\nserver = \"mariadb:10.11\"\nsettings = {{ max_connections = {count} }}\n"
        )
    };
    let (first, second) = (unique(), unique() + 1);
    for count in [first, second] {
        let matrix = sandbox.matrix("pruned.toml", &flavour(count));
        sandbox
            .run(&["up", text(&matrix)])
            .expect(0)?
            .says("installing its server")?;
    }
    let older = sandbox.matrix("older.toml", &flavour(first));
    let goldens = |ran: Ran| ran.stdout.matches("golden child of mariadb:10.11").count();
    let keep = ["prune", "--dry-run", "--keep", text(&older)];
    let kept = goldens(sandbox.run(&keep).expect(0)?);
    let told = goldens(sandbox.run(&["prune", "--dry-run"]).expect(0)?);
    check(
        told == kept + 1,
        format!("{told} are told, {kept} where one is kept"),
    )?;
    let removed = goldens(sandbox.run(&["prune"]).expect(0)?);
    check(removed == told, format!("{told} told, {removed} removed"))?;
    check(
        goldens(sandbox.run(&["prune"]).expect(0)?) == 0,
        "nothing is left to remove",
    )?;
    // What is used is still there.
    let matrix = sandbox.matrix("pruned.toml", &flavour(second));
    let ran = sandbox.run(&["up", text(&matrix)]).expect(0)?;
    check(!ran.stderr.contains("installing"), ran.stderr)
}
