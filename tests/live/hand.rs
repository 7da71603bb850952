//! What people do to a flavour between runs, on one MariaDB.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dbmatrix_engine::Exec;
use libtest_mimic::Failed;
use rustix::process::Signal;

use super::Outcome;
use super::chain::{block_on, find};
use super::sandbox::{Ran, Sandbox, check, text};
use super::terminal::Terminal;

pub(crate) const KEPT: &str = "kept";

/// The flavour is there and runs.
pub(crate) fn up(sandbox: &Sandbox) -> Result<PathBuf, Failed> {
    let flavour = "[[flavour]]\nname = \"kept\"\nserver = \"mariadb:10.11\"\n";
    let matrix = sandbox.matrix("kept.toml", flavour);
    sandbox.run(&["up", text(&matrix), "--yes"]).expect(0)?;
    Ok(matrix)
}

/// What a statement gives on the flavour, as the client prints it.
pub(crate) fn ask(sandbox: &Sandbox, sql: &str) -> Ran {
    sandbox.run(&["connect", KEPT, "-e", sql])
}

/// Fails unless `list` shows the flavour in that state.
fn is(sandbox: &Sandbox, state: &str) -> Outcome {
    let ran = sandbox.run(&["list"]).expect(0)?;
    let mut lines = ran.stdout.lines();
    let line = lines.find(|line| line.contains(" kept ") && line.contains(" flavour "));
    let line = line.unwrap_or_default();
    check(
        line.contains(state),
        format!("expected it to be {state}: {line}"),
    )
}

/// Runs a script in the flavour's container.
fn inside(script: &str) -> Result<String, Failed> {
    let found = find(KEPT)?;
    let exec = Exec::script(script);
    let ran = block_on(async { found.nest.engine.exec(&found.child.name, &exec).await })?;
    Ok(ran.stdout)
}

pub(crate) fn url_and_env(sandbox: &Sandbox) -> Outcome {
    up(sandbox)?;
    let url = sandbox.run(&["url", KEPT, "--database", "app"]).expect(0)?;
    let url = url.stdout.trim().to_owned();
    let found = find(KEPT)?;
    let password = found.child.credentials.login.password.reveal();
    let expected = format!("mysql://root:{password}@{}:3306/app", found.child.address);
    check(url == expected, "another address than that of the flavour")?;
    let env = sandbox.run(&["env", KEPT, "--database", "app"]).expect(0)?;
    let script =
        r#"eval "$1"; printf '%s %s %s' "$DATABASE_URL" "$MYSQL_DATABASE" "$DBMATRIX_FAMILY""#;
    let read = sandbox.system("env", &["-i", "sh", "-c", script, "sh", &env.stdout])?;
    check(
        read == format!("{url} app mariadb"),
        "a shell reads something else",
    )?;
    // Where nothing is named, the name of a database can follow.
    let bare = sandbox.run(&["url", KEPT]).expect(0)?;
    check(
        format!("{}app", bare.stdout.trim()) == url,
        "no `/` at the end",
    )?;
    sandbox
        .run(&["url", "kepd"])
        .expect(3)?
        .says("did you mean `kept`?")?;
    Ok(())
}

pub(crate) fn power(sandbox: &Sandbox) -> Outcome {
    up(sandbox)?;
    sandbox
        .run(&["pause", KEPT])
        .expect(0)?
        .says("kept: paused")?;
    is(sandbox, "Paused")?;
    sandbox
        .run(&["resume", "kep*"])
        .expect(0)?
        .says("kept: resumed, 10.11.")?;
    sandbox
        .run(&["start", KEPT])
        .expect(0)?
        .says("runs already, 10.11.")?;
    // The container goes on without its server.
    ask(sandbox, "SHUTDOWN").expect(0)?;
    sandbox
        .run(&["start", KEPT])
        .expect(0)?
        .says("kept: started, 10.11.")?;
    ask(sandbox, "SET GLOBAL max_connections = 44").expect(0)?;
    sandbox
        .run(&["restart", KEPT])
        .expect(0)?
        .says("kept: restarted, 10.11.")?;
    let ran = ask(sandbox, "SELECT @@max_connections").expect(0)?;
    check(!ran.stdout.contains("44"), "it was not restarted")?;
    // What is not there is told, and the others are done all the same.
    sandbox.run(&["pause", KEPT]).expect(0)?;
    sandbox
        .run(&["stop", "no-such", KEPT])
        .expect(3)?
        .says("no flavour `no-such` is up")?
        .says("kept: stopped")?;
    is(sandbox, "Stopped")?;
    let log = inside("journalctl --unit mariadb --no-pager --output cat --lines 30")?;
    check(
        log.contains("Shutdown complete"),
        format!("it was not shut down:\n{log}"),
    )?;
    // Looking into it has started it.
    sandbox
        .run(&["stop", KEPT, "--kill"])
        .expect(0)?
        .says("killed")?;
    sandbox.run(&["stop", KEPT]).expect(0)?.says("already")?;
    sandbox
        .run(&["resume", KEPT])
        .expect(1)?
        .says("dbmatrix start kept")?;
    sandbox
        .run(&["pause", KEPT])
        .expect(1)?
        .says("nothing to pause")?;
    sandbox
        .run(&["start", KEPT])
        .expect(0)?
        .says("kept: started, 10.11.")?;
    sandbox.run(&["stop"]).expect(2)?;
    Ok(())
}

pub(crate) fn snapshots(sandbox: &Sandbox) -> Outcome {
    up(sandbox)?;
    let address = find(KEPT)?.child.address;
    let count = "SELECT CONCAT('rows ', COUNT(*)) FROM app.t";
    ask(
        sandbox,
        "CREATE DATABASE app; CREATE TABLE app.t (a INT) ENGINE = MyISAM; INSERT INTO app.t VALUES (1)",
    )
    .expect(0)?;
    let take = ["snapshot", KEPT, "--name", "before"];
    sandbox
        .run(&take)
        .expect(0)?
        .says("kept: snapshot `before` taken")?;
    is(sandbox, "Running")?;
    sandbox
        .run(&take)
        .expect(1)?
        .says("has a snapshot `before`")?;
    ask(sandbox, "INSERT INTO app.t VALUES (2), (3)").expect(0)?;
    sandbox.run(&["snapshot", KEPT, "--live"]).expect(0)?;
    ask(sandbox, "DROP DATABASE app").expect(0)?;
    sandbox
        .run(&["snapshot", KEPT, "--list"])
        .expect(0)?
        .says("kept: `before` of ")?;
    // Without a name the latest one.
    sandbox
        .run(&["restore", KEPT])
        .expect(0)?
        .says("kept: back at `20")?;
    ask(sandbox, count).expect(0)?.says("rows 3")?;
    let restore = ["restore", KEPT, "--name", "before"];
    sandbox
        .run(&restore)
        .expect(0)?
        .says("kept: back at `before` of ")?;
    ask(sandbox, count).expect(0)?.says("rows 1")?;
    // A stopped one stays stopped.
    sandbox.run(&["stop", KEPT]).expect(0)?;
    sandbox.run(&restore).expect(0)?.says(", stopped")?;
    is(sandbox, "Stopped")?;
    sandbox
        .run(&["restore", KEPT, "--name", "after"])
        .expect(1)?
        .says("no snapshot `after`; there is `before`")?;
    sandbox
        .run(&["reset", KEPT])
        .expect(1)?
        .says("--drop-snapshots")?;
    sandbox
        .run(&["snapshot", KEPT, "--delete", "before"])
        .expect(0)?
        .says("removed")?;
    sandbox.run(&["start", KEPT]).expect(0)?;
    sandbox
        .run(&["reset", KEPT, "--drop-snapshots"])
        .expect(0)?
        .says("kept: as new, 10.11.")?;
    check(
        find(KEPT)?.child.address == address,
        "it has another address",
    )?;
    let left = "SELECT CONCAT('left ', COUNT(*)) AS n FROM information_schema.schemata WHERE schema_name = 'app'";
    ask(sandbox, left).expect(0)?.says("left 0")?;
    sandbox
        .run(&["restore", KEPT])
        .expect(1)?
        .says("has no snapshot")?;
    Ok(())
}

pub(crate) fn copies(sandbox: &Sandbox) -> Outcome {
    up(sandbox)?;
    let here = sandbox.folder.join("some bytes");
    let bytes: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    fs::write(&here, &bytes)?;
    let copy = |from: &str, to: &str| sandbox.run(&["cp", from, to]);
    copy(text(&here), "kept:/tmp").expect(0)?;
    let back = sandbox.folder.join("back");
    copy("kept:/tmp/some bytes", text(&back)).expect(0)?;
    check(fs::read(&back)? == bytes, "other bytes came back")?;
    copy("kept:/var/lib/mysql", text(&back))
        .expect(1)?
        .says("is a folder")?;
    copy(text(&sandbox.folder), "kept:/tmp")
        .expect(1)?
        .says("is a folder")?;
    copy("kept:/no/such", text(&back))
        .expect(1)?
        .says("is not there")?;
    copy("a", "b").expect(2)?.says("mysql-9.7:/tmp/dump.sql")?;
    // A link is followed, in a container that does not run too.
    sandbox.run(&["stop", KEPT]).expect(0)?;
    let ran = copy("kept:/etc/mysql/my.cnf", "/dev/stdout").expect(0)?;
    ran.says("[client-server]")?;
    copy(text(&here), "kept:/tmp/again").expect(0)?;
    is(sandbox, "Stopped")?;
    let sizes = inside("stat --format %s /tmp/again '/tmp/some bytes'")?;
    check(sizes == "3000000\n3000000\n", sizes)
}

pub(crate) fn logs(sandbox: &Sandbox) -> Outcome {
    up(sandbox)?;
    let ran = sandbox.run(&["logs", KEPT]).expect(0)?;
    ran.says("ready for connections")?
        .says("==> journal of mariadb <==")?;
    let ran = sandbox.run(&["logs", KEPT, "-n", "1"]).expect(0)?;
    check(ran.stdout.lines().count() <= 4, ran.stdout)?;
    followed(sandbox)?;
    // A server that does not come up.
    let bad = sandbox.file("bad.cnf", "[mysqld]\nno_such_setting = 1\n");
    let target = "kept:/etc/mysql/mariadb.conf.d/zzz-bad.cnf";
    sandbox.run(&["cp", text(&bad), target]).expect(0)?;
    sandbox
        .run(&["restart", KEPT])
        .expect(3)?
        .says("no_such_setting")?
        .says("dbmatrix logs kept")?;
    sandbox
        .run(&["logs", KEPT])
        .expect(0)?
        .says("no_such_setting")?;
    sandbox.run(&["stop", KEPT]).expect(0)?;
    sandbox
        .run(&["logs", KEPT])
        .expect(0)?
        .says("no_such_setting")?;
    // Of the installation the golden child's is shown; nothing is started.
    sandbox.run(&["stop", KEPT]).expect(0)?;
    sandbox
        .run(&["logs", KEPT, "--install"])
        .expect(0)?
        .says("UTC: install mariadb-server\n")?
        .says("Setting up mariadb-server")?;
    is(sandbox, "Stopped")?;
    sandbox.run(&["reset", KEPT]).expect(0)?;
    ask(sandbox, "SELECT 1").expect(0)?;
    // One that logs to a file.
    let named = "[mysqld]\nlog_error = /var/lib/mysql/named.err\n";
    let named = sandbox.file("named.cnf", named);
    sandbox.run(&["cp", text(&named), target]).expect(0)?;
    sandbox.run(&["restart", KEPT]).expect(0)?;
    let ran = sandbox.run(&["logs", KEPT, "-n", "20"]).expect(0)?;
    ran.says("==> /var/lib/mysql/named.err <==")?;
    followed(sandbox)?;
    sandbox.run(&["reset", KEPT]).expect(0)?;
    Ok(())
}

/// What a server says while its log is followed is seen, though its container
/// is stopped meanwhile.
fn followed(sandbox: &Sandbox) -> Outcome {
    let shown = sandbox.folder.join("followed");
    let mut following = sandbox.start(&["logs", KEPT, "-f", "-n", "0"], &shown)?;
    std::thread::sleep(Duration::from_secs(1));
    sandbox.run(&["restart", KEPT]).expect(0)?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while !fs::read_to_string(&shown)?.contains("ready for connections") {
        check(Instant::now() < deadline, fs::read_to_string(&shown)?)?;
        check(following.child.try_wait()?.is_none(), following.progress())?;
        std::thread::sleep(Duration::from_millis(100));
    }
    let status = following.end_by(Signal::INT)?;
    check(status == Some(130), format!("ended with {status:?}"))
}

pub(crate) fn shell(sandbox: &Sandbox) -> Outcome {
    up(sandbox)?;
    // It is started, and has the command's own status.
    sandbox.run(&["stop", KEPT]).expect(0)?;
    let script = "echo out; echo err >&2; exit 7";
    let ran = sandbox.run(&["shell", KEPT, "--", "sh", "-c", script]);
    let ran = ran.expect(7)?;
    check(
        (&*ran.stdout, &*ran.stderr) == ("out\n", "err\n"),
        ran.stderr,
    )?;
    let ran = sandbox.run(&["shell", KEPT, "--", "no-such-program"]);
    ran.expect(127)?.says("no-such-program: not found")?;
    // Bytes go in and come out, to the last.
    let here = sandbox.folder.join("bytes");
    let bytes: Vec<u8> = (0..=255).cycle().take(3_000_001).collect();
    fs::write(&here, &bytes)?;
    let ran = sandbox.feed(&["shell", KEPT, "--", "cat"], &here)?;
    check(ran.stdout == bytes, "other bytes came back")?;
    let typed = sandbox.file("typed", "cd /tmp\npwd\nexit 3\n");
    let ran = sandbox.feed(&["shell", KEPT], &typed)?;
    check(
        ran.stdout == b"/tmp\n",
        String::from_utf8_lossy(&ran.stdout),
    )?;
    check(ran.status.code() == Some(3), ran.status.to_string())?;
    signals(sandbox)?;
    at_a_terminal(sandbox)
}

/// A signal is passed on; who can pass none on leaves nothing there.
fn signals(sandbox: &Sandbox) -> Outcome {
    let output = sandbox.folder.join("waited");
    let script = "trap 'exit 5' TERM; echo begun; while :; do sleep 0.1; done; : waits";
    for (signal, expected) in [(Signal::TERM, Some(5)), (Signal::KILL, None)] {
        let waiting = sandbox.start(&["shell", KEPT, "--", "sh", "-c", script], &output)?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while fs::read_to_string(&output)? != "begun\n" {
            check(Instant::now() < deadline, "it does not begin")?;
            std::thread::sleep(Duration::from_millis(50));
        }
        let status = waiting.end_by(signal)?;
        check(status == expected, format!("ended with {status:?}"))?;
        let left = "grep --files-with-matches ': wait[s]' /proc/[0-9]*/cmdline || true";
        while !inside(left)?.is_empty() {
            check(Instant::now() < deadline, "the command goes on")?;
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

fn at_a_terminal(sandbox: &Sandbox) -> Outcome {
    let mut terminal = Terminal::open("shell kept", &sandbox.folder)?;
    terminal.shows("root@kept")?;
    terminal.types("tty\r", "/dev/pts/")?;
    terminal.resize("33", "99")?;
    terminal.types("stty size\r", "33 99")?;
    terminal.types("echo be''gun; sleep 1000\r", "begun")?;
    terminal.types("\x03", "root@kept")?;
    terminal.types("echo it was $?\r", "it was 130")?;
    let status = terminal.leaves("exit 7\r")?;
    check(status == Some(7), format!("left with {status:?}"))?;
    let mut terminal = Terminal::open("shell kept", &sandbox.folder)?;
    terminal.shows("root@kept")?;
    sandbox.run(&["stop", KEPT]).expect(0)?;
    terminal.shows("`kept` was stopped or restarted meanwhile")?;
    let status = terminal.leaves("")?;
    check(status == Some(3), format!("left with {status:?}"))
}
