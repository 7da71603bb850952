//! Runs with databases of their own on servers of others.

use std::process::Stdio;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::Outcome;
use crate::sandbox::{Project, Ran, Sandbox, check};
use crate::server::Mariadb;

const MATRIX: &str = "\
[[flavour]]
name = 'staging'
url = 'env:STAGING_URL'
permissions = 'own-databases'

[[suite]]
name = 's'
files = ['*.s*']
expect = 'agreement'
step-limit = '2s'
";
const MADE: &str = "CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);\nSELECT * FROM t;\n";

fn project(sandbox: &Sandbox, server: &Mariadb, files: &[(&str, &str)]) -> Project {
    let mut all = vec![("m.toml", MATRIX)];
    all.extend(files);
    let url = server.url("guest", "");
    sandbox.project(&all).with("STAGING_URL", &url)
}

fn databases(server: &Mariadb) -> Result<String, Failed> {
    server.sql("SHOW DATABASES LIKE 'dbmatrix\\_%'")
}

/// The user may do nothing but make databases of such names.
pub(crate) fn own_databases(sandbox: &Sandbox) -> Outcome {
    let server = sandbox.mariadb()?;
    let project = project(sandbox, &server, &[("a.sql", MADE), ("b.sql", MADE)]);
    let (ran, log) = server.logged(|| project.run(&["run", "m.toml"]))?;
    ran.expect(0)?
        .says("passed: 6 passed")?
        .says_not("left on the server")?;
    check(databases(&server)?.is_empty(), databases(&server)?)?;
    let upper = log.to_uppercase();
    for word in ["SET GLOBAL", "XA ", "KILL", "FLUSH", "GRANT"] {
        check(!upper.contains(word), format!("`{word}` was sent:\n{log}"))?;
    }
    Ok(())
}

/// A database of another run, somebody's session and a prepared transaction stay.
pub(crate) fn others(sandbox: &Sandbox) -> Outcome {
    let server = sandbox.mariadb()?;
    server.sql(
        "CREATE DATABASE dbmatrix_0123456789abcdef_0; \
         XA START 'other'; INSERT INTO shop.orders VALUES (100); XA END 'other'; XA PREPARE 'other'",
    )?;
    let mut session = server
        .client()
        .args(["-Ddbmatrix_0123456789abcdef_0", "-e", "SELECT SLEEP(60)"])
        .stdout(Stdio::null())
        .spawn()?;
    // It names the other's transaction, and ends nothing of its own.
    let files = [
        ("a.sql", MADE),
        ("b.sql", "SELECT 'other';\nSELECT 1 FROM nothing;\n"),
    ];
    let ran = project(sandbox, &server, &files).run(&["run", "m.toml"]);
    let stays = databases(&server)?;
    let prepared = server.sql("XA RECOVER")?;
    let lives = session.try_wait()?.is_none();
    session.kill()?;
    session.wait()?;
    server.sql("XA ROLLBACK 'other'; DROP DATABASE dbmatrix_0123456789abcdef_0")?;
    ran?.expect(0)?;
    check(stays.trim() == "dbmatrix_0123456789abcdef_0", stays)?;
    check(prepared.contains("other"), prepared)?;
    check(lives, "the other's session was ended")
}

pub(crate) fn interrupted(sandbox: &Sandbox) -> Outcome {
    let server = sandbox.mariadb()?;
    let slow =
        "CREATE TABLE t (a INT);\nSELECT SLEEP(1.5);\nSELECT SLEEP(1.5);\nSELECT SLEEP(1.5);\n";
    let project = project(sandbox, &server, &[("a.sql", slow)]);
    let begun = Instant::now();
    let child = project
        .command(&["run", "m.toml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    while databases(&server)?.is_empty() {
        check(
            begun.elapsed() < Duration::from_secs(20),
            "no database was made",
        )?;
        std::thread::sleep(Duration::from_millis(50));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
    let ran = Ran::of(child.wait_with_output()?, begun.elapsed())?;
    ran.expect(130)?.within(Duration::from_secs(15))?;
    check(databases(&server)?.is_empty(), databases(&server)?)
}

pub(crate) fn two_runs(sandbox: &Sandbox) -> Outcome {
    let server = sandbox.mariadb()?;
    let slow = format!(
        "{MADE}SELECT SLEEP(0.5);\n{}",
        "SELECT * FROM t;\n".repeat(50)
    );
    let both = [0, 1].map(|_| project(sandbox, &server, &[("a.sql", &slow), ("b.sql", &slow)]));
    let begun = Instant::now();
    let running = both.iter().map(|one| {
        let mut command = one.command(&["run", "m.toml"]);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    });
    let running: Vec<_> = running.collect::<Result<_, _>>()?;
    for child in running {
        let ran = Ran::of(child.wait_with_output()?, begun.elapsed())?;
        ran.expect(0)?;
    }
    check(databases(&server)?.is_empty(), databases(&server)?)
}

/// The session is closed by its number and its database, and all others go on.
pub(crate) fn too_long(sandbox: &Sandbox) -> Outcome {
    let server = sandbox.mariadb()?;
    let slow = "statement ok\nCREATE TABLE t (a INT)\n\nstatement ok\nSELECT SLEEP(30), a FROM t\n\nquery I\nSELECT 1\n----\n1\n";
    let project = project(sandbox, &server, &[("a.slt", slow), ("b.sql", MADE)]);
    let filled = slow.replace("CREATE TABLE t (a INT)", "CREATE TABLE t SELECT 1 AS a");
    std::fs::write(project.path("a.slt"), filled)?;
    let (ran, log) = server.logged(|| project.run(&["run", "m.toml"]))?;
    ran.expect(1)?
        .says("it took too long")?
        .says("its connection was closed")?
        .says("5 passed, 1 failed")?
        .within(Duration::from_secs(20))?;
    check(databases(&server)?.is_empty(), databases(&server)?)?;
    // At most the one session was killed, by the user whose it is.
    let kills = log.to_uppercase().matches("KILL ").count();
    check(kills <= 1, log)
}
