//! What files and commands leave on a server, and that the next one sees none of it.

use super::Outcome;
use super::compare::PAIR;
use super::sandbox::{Sandbox, check, text};

/// A prepared XA transaction on a table of the case's, and a named lock.
const LEAVES: &str = "\
statement ok
DO GET_LOCK('mine', 0)

statement ok
CREATE TABLE t (a INT) ENGINE=InnoDB

statement ok
XA START 'kept', 'branch', 5

statement ok
INSERT INTO t VALUES (1)

statement ok
XA END 'kept', 'branch', 5

statement ok
XA PREPARE 'kept', 'branch', 5
";
/// All of that is free again.
const SEES_NOTHING: &str = "\
query T
SELECT GET_LOCK('mine', 0) = 1
----
1

query ITTT
XA RECOVER
----

statement ok
XA START 'kept', 'branch', 5

statement ok
XA END 'kept', 'branch', 5
";
/// A server that lets nobody drop a database, or that is gone.
const SPOILS: &str = "\
onlyif mysql
statement ok
SET GLOBAL super_read_only = 1

onlyif mariadb
statement ok
SHUTDOWN

skipif mariadb
query T
SELECT 1
----
1
";
/// Sessions that are closed have made room for the one that cleans up.
const FILLS: &str = "\
statement ok
SET GLOBAL max_connections = 10

connection a
statement ok
BEGIN

connection b
statement ok
BEGIN

connection c
statement ok
BEGIN

statement ok
SET GLOBAL max_connections = 100
";

pub(crate) fn files(sandbox: &Sandbox) -> Outcome {
    std::fs::create_dir_all(sandbox.folder.join("left"))?;
    for (name, text) in [
        ("left/1-leaves.slt", LEAVES),
        ("left/2-sees.slt", SEES_NOTHING),
        ("left/3-fills.slt", FILLS),
        ("left/4-spoils.slt", SPOILS),
        ("left/5-sees.slt", SEES_NOTHING),
        ("left/6-makes.slt", "statement ok\nCREATE TABLE t (a INT)\n"),
    ] {
        sandbox.file(name, text);
    }
    let suite =
        "[[suite]]\nname = \"s\"\nfiles = [\"left/*.slt\"]\njobs = 1\nstep-timeout = \"10s\"\n";
    let matrix = sandbox.matrix("left.toml", &format!("{PAIR}\n{suite}"));
    let junit = sandbox.folder.join("left.xml");
    let report = format!("junit={}", junit.display());
    let ran = sandbox
        .run(&["run", text(&matrix), "--report", &report])
        .expect(0)?
        .says("left/1-leaves.slt left on mysql-9.7, mariadb-10.11: a prepared XA transaction `kept`, which was rolled back")?
        .says("left/4-spoils.slt left on mysql-9.7: what cannot be undone (`DROP DATABASE")?
        .says("left/4-spoils.slt left on mariadb-10.11: what cannot be undone (could not connect")?;
    check(!ran.stdout.contains("3-fills.slt left"), ran.stdout.clone())?;
    let junit = std::fs::read_to_string(junit)?;
    check(junit.contains("left on the server: a prepared"), junit)?;
    let listed = sandbox.run(&["list"]).expect(0)?;
    check(!listed.stdout.contains("--suite-"), listed.stdout)
}

/// A client of the command's goes on in its database after the command has ended.
pub(crate) fn command(sandbox: &Sandbox) -> Outcome {
    sandbox.need("mariadb", "mariadb-client")?;
    let client = "mariadb -h \\\"$MYSQL_HOST\\\" -P \\\"$MYSQL_TCP_PORT\\\" -u \\\"$MYSQL_USER\\\" \\\"$MYSQL_DATABASE\\\"";
    let script = format!(
        "{client} -e 'CREATE TABLE t (a INT)' && setsid {client} -e 'SELECT a, SLEEP(600) FROM t UNION SELECT 1, SLEEP(600)' >/dev/null 2>&1 & sleep 2"
    );
    let suite = format!("[[suite]]\nname = \"c\"\ncommand = [\"sh\", \"-c\", \"{script}\"]\n");
    let flavour = "[[flavour]]\nserver = \"mariadb:10.11\"\n";
    let matrix = sandbox.matrix("left-command.toml", &format!("{flavour}\n{suite}"));
    sandbox
        .run(&["run", text(&matrix)])
        .expect(0)?
        .says("left on mariadb-10.11: a session at `SELECT a, SLEEP(600)")?;
    Ok(())
}
