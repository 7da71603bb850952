//! Runs on servers from which is only read.

use std::time::Duration;

use crate::Outcome;
use crate::sandbox::{Ran, Sandbox, check};

const READS: &str = "SELECT COUNT(*) FROM orders;\nSHOW TABLES;\nSELECT 'a;b', \"it's\";\n";
const WRITES: &str = "SELECT 1;\n\nINSERT INTO orders VALUES (9);\n";

const ONE: &str = "\
[[flavour]]
name = 'replica'
url = 'env:REPLICA_URL'

[[suite]]
name = 's'
files = ['*.s*']
expect = 'agreement'
";

/// Neither an engine, nor sudo, nor any program in the `PATH`.
pub(crate) fn no_engine(sandbox: &Sandbox) -> Outcome {
    let url = sandbox.mariadb()?.url("app", "shop");
    let slt = "query I\nSELECT COUNT(*) FROM orders\n----\n3\n\nonlyif mysql\nstatement ok\nDROP TABLE orders\n";
    let files = [("m.toml", ONE), ("a.sql", READS), ("b.slt", slt)];
    let project = sandbox.project(&files).with("REPLICA_URL", &url);
    project
        .run(&["run", "m.toml", "-vv"])?
        .expect(0)?
        .says("passed: 4 passed, 0 failed, 1 skipped steps on 1 flavour")?
        .within(Duration::from_secs(20))?;
    Ok(())
}

/// The server's own log is the witness.
pub(crate) fn nothing_is_written(sandbox: &Sandbox) -> Outcome {
    let server = sandbox.mariadb()?;
    let many: [(&str, &str); 7] = [
        ("insert.sql", WRITES),
        ("later.sql", "SELECT 1;\n/*!50000 DELETE FROM orders */;\n"),
        ("lock.sql", "SELECT * FROM orders FOR UPDATE;\n"),
        ("call.sql", "SELECT GET_LOCK('a', 1);\n"),
        (
            "file.sql",
            "SELECT 1 INTO OUTFILE '/tmp/dbmatrix-external';\n",
        ),
        ("two.slt", "statement ok\nSELECT 1; DELETE FROM orders\n"),
        (
            "slow.slt",
            "control steptimeout 1\n\nquery I\nSELECT 1\n----\n1\n",
        ),
    ];
    let mut files = vec![("m.toml", ONE), ("a.sql", READS)];
    files.extend(many.iter().filter(|(name, _)| *name != "slow.slt"));
    let project = sandbox
        .project(&files)
        .with("REPLICA_URL", &server.url("app", "shop"));
    let (ran, log) = server.logged(|| project.run(&["run", "m.toml"]))?;
    ran.expect(0)?
        .says("insert.sql: read-only: line 3 writes (INSERT)")?
        .says("later.sql: read-only: line 2 writes (DELETE)")?
        .says("lock.sql: read-only: line 1 locks what others may write (FOR UPDATE or FOR SHARE)")?
        .says("call.sql: read-only: line 1 calls `GET_LOCK`, which is not known to read only")?
        .says("file.sql: read-only: line 1 writes (INTO)")?
        .says("two.slt: read-only: line 1 writes (DELETE)")?
        .says("passed: 3 passed, 0 failed, 6 skipped steps")?;
    check(
        log.contains("SET SESSION TRANSACTION READ ONLY"),
        log.clone(),
    )?;
    check(log.contains("SELECT COUNT(*) FROM orders"), log.clone())?;
    let upper = log.to_uppercase();
    for word in [
        "INSERT",
        "DELETE",
        "CREATE",
        "DROP",
        "KILL",
        "XA ",
        "OUTFILE",
        "GET_LOCK",
        "FOR UPDATE",
        "SET GLOBAL",
    ] {
        check(!upper.contains(word), format!("`{word}` was sent:\n{log}"))?;
    }
    let left = server.sql("SELECT COUNT(*) FROM shop.orders")?;
    check(left.trim() == "3", left)?;
    // And were a statement taken for one that reads, the server would refuse it.
    let shown = project.run(&[
        "connect",
        "--matrix",
        "m.toml",
        "replica",
        "-e",
        "SELECT @@tx_read_only",
    ])?;
    shown.expect(0)?.says("1\n")?;
    Ok(())
}

pub(crate) fn reports(sandbox: &Sandbox) -> Outcome {
    let url = sandbox.mariadb()?.url("app", "shop");
    let matrix = format!(
        "{ONE}[[suite]]\nname = 'cmd'\ncommand = ['true']\n\
         [[suite]]\nname = 'copy'\nfiles = ['a.sql']\nisolation = 'clone'\nexpect = 'agreement'\n"
    );
    let files = [
        ("m.toml", matrix.as_str()),
        ("a.sql", READS),
        ("b.sql", WRITES),
    ];
    let project = sandbox.project(&files).with("REPLICA_URL", &url);
    let reports = [
        "junit=junit.xml",
        "json=run.jsonl",
        "html=run.html",
        "markdown=run.md",
    ];
    let mut arguments = vec!["run", "m.toml"];
    arguments.extend(reports.iter().flat_map(|report| ["--report", report]));
    project
        .run(&arguments)?
        .expect(0)?
        .says("copy")?
        .says("a.sql: external: `isolation = \"clone\"` needs a copy of the server")?
        .says("true: read-only: a command may write;")?;
    let read = |name: &str| std::fs::read_to_string(project.path(name));
    let junit = read("junit.xml")?;
    check(
        junit.contains("<skipped message=\"read-only: line 3 writes (INSERT)\"/>"),
        junit.clone(),
    )?;
    check(!junit.contains("name=\"image\""), junit)?;
    let json = read("run.jsonl")?;
    check(
        json.contains("\"note\":\"read-only: line 3 writes (INSERT)\",\"forbidden\":true"),
        json.clone(),
    )?;
    for name in ["junit.xml", "run.jsonl", "run.html", "run.md"] {
        check(
            !read(name)?.contains("s3cret"),
            format!("{name} shows the password"),
        )?;
    }
    project
        .run(&[
            "report",
            "merge",
            "run.jsonl",
            "--report",
            "junit=again.xml",
        ])?
        .expect(0)?;
    check(read("again.xml")?.contains("writes (INSERT)"), "read again")?;
    // Where nothing ran at all, that is said.
    let project = sandbox
        .project(&[("m.toml", ONE), ("b.sql", WRITES)])
        .with("REPLICA_URL", &url);
    project
        .run(&["run", "m.toml"])?
        .expect(2)?
        .says("nothing ran\n  `b.sql`: read-only: line 3 writes (INSERT)")?;
    project
        .run(&["run", "m.toml", "--no-tests=pass"])?
        .expect(0)?;
    Ok(())
}

const PAIR: &str = "\
[[flavour]]
name = 'maria'
url = 'env:MARIA_URL'

[[flavour]]
name = 'oldmysql'
url = 'env:MYSQL_URL'
tls = 'disabled'
";

/// A MariaDB and a MySQL side by side.
pub(crate) fn diff(sandbox: &Sandbox) -> Outcome {
    let (maria, mysql) = (
        sandbox.mariadb()?.url("app", "shop"),
        sandbox.mysql()?.url("shop"),
    );
    let project = sandbox.project(&[("m.toml", PAIR)]);
    let project = project.with("MARIA_URL", &maria).with("MYSQL_URL", &mysql);
    project
        .run(&["diff", "m.toml", "-e", "SELECT COUNT(*) FROM orders"])?
        .expect(0)?
        .says("alike: 0 of 1 statement differ")?;
    project
        .run(&["diff", "m.toml", "-e", "SELECT JSON_VALID('1')"])?
        .expect(1)?
        .says("DIFF -e:1")?
        .says("maria")?;
    project
        .run(&["diff", "m.toml", "-e", "INSERT INTO orders VALUES (9)"])?
        .expect(2)?
        .says("nothing ran\n  `-e`: read-only: line 1 writes (INSERT)")?;
    let recording = [
        "record",
        "m.toml",
        "--flavour",
        "oldmysql",
        "-o",
        "r.zst",
        "-e",
    ];
    project
        .run(&[&recording[..], &["INSERT INTO orders VALUES (9)"]].concat())?
        .expect(2)?;
    check(!project.path("r.zst").exists(), "nothing was answered")?;
    project
        .run(&[&recording[..], &["SELECT JSON_VALID('1')"]].concat())?
        .expect(0)?
        .says("r.zst: answers of oldmysql (5.6")?;
    let later = ["diff", "m.toml", "--flavour", "maria", "--against", "r.zst"];
    project
        .run(&later)?
        .expect(1)?
        .says("DIFF -e:1")?
        .says("oldmysql (recorded 20")?;
    project
        .run(&[&later[..], &["-e", "SELECT 2"]].concat())?
        .expect(2)?
        .says("answers to another input than `-e`")?;
    Ok(())
}

/// Two rotated logs and one from a pipe, on servers and from a reference.
pub(crate) fn logs(sandbox: &Sandbox) -> Outcome {
    let (maria, mysql) = (
        sandbox.mariadb()?.url("app", "shop"),
        sandbox.mysql()?.url("shop"),
    );
    let entry = |day: u32, statement: &str| {
        format!(
            "# Time: 2026-11-{day}T20:00:00.000000Z\n# User@Host: app[app] @ web-1 []  Id:     8\n\
             # Query_time: 0.5  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 3\n{statement};\n"
        )
    };
    let (counted, asked) = ("SELECT COUNT(*) FROM orders", "SELECT JSON_VALID('1')");
    let new = [entry(27, counted), entry(27, asked)].concat();
    let old = [entry(26, "SELECT COUNT(*) FROM `orders`"), entry(26, asked)].concat();
    let project = sandbox.project(&[("m.toml", PAIR), ("slow.log", &new), ("slow.log.1", &old)]);
    let project = project.with("MARIA_URL", &maria).with("MYSQL_URL", &mysql);
    let what = "slow.log.1, slow.log: 4 statements of 2 digests";
    project
        .run(&["diff", "m.toml", "slow.log", "slow.log.1"])?
        .expect(1)?
        .says(what)?
        .says("of 1 example; 2 of 4 statements, 50.0 % of the log's time")?
        .says("slow.log.1:8:")?;
    let recording = ["record", "m.toml", "--flavour", "oldmysql", "-o", "r.zst"];
    project
        .run(&[&recording[..], &["slow.log", "slow.log.1"]].concat())?
        .expect(0)?
        .says("r.zst: answers of oldmysql (5.6")?;
    let later = ["diff", "m.toml", "--flavour", "maria", "--against", "r.zst"];
    project
        .run(&later)?
        .expect(1)?
        .says(what)?
        .says("slow.log.1:8:")?
        .says("oldmysql (recorded 20")?;
    project
        .run(&[&later[..], &["slow.log"]].concat())?
        .expect(2)?
        .says("answers to another input than `slow.log`")?;
    let begun = std::time::Instant::now();
    let piped = project
        .command(&["diff", "m.toml", "slow.log", "-"])
        .stdin(std::fs::File::open(project.path("slow.log.1"))?)
        .output()?;
    Ran::of(piped, begun.elapsed())?
        .expect(1)?
        .says("standard input, slow.log: 4 statements of 2 digests")?
        .says("standard input:8:")?;
    Ok(())
}

/// MySQL 5.6, as a server from which is only read and as one with own databases.
pub(crate) fn old_server(sandbox: &Sandbox) -> Outcome {
    let url = sandbox.mysql()?.url("shop");
    let matrix = format!("{ONE}[[suite]]\nname = 't'\nfiles = ['c.slt']\n");
    let slt = "onlyif mysql<5.7\nquery TI\nSELECT DATABASE(), @@tx_read_only\n----\nshop 1\n\nonlyif mariadb\nhalt\n";
    let files = [
        ("m.toml", matrix.as_str()),
        ("a.sql", READS),
        ("c.slt", slt),
    ];
    let project = sandbox.project(&files).with("REPLICA_URL", &url);
    project.run(&["run", "m.toml"])?.expect(0)?.says("5.6.24")?;
    let own = matrix.replace("url =", "permissions = 'own-databases'\nurl =");
    let made = "CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1), (2);\nSELECT * FROM t;\n";
    let project = sandbox.project(&[
        ("m.toml", &own),
        ("a.sql", made),
        (
            "c.slt",
            "query T\nSELECT DATABASE() LIKE 'dbmatrix%'\n----\n1\n",
        ),
    ]);
    project
        .with("REPLICA_URL", &url)
        .run(&["run", "m.toml"])?
        .expect(0)?;
    Ok(())
}

pub(crate) fn urls(sandbox: &Sandbox) -> Outcome {
    let url = sandbox.mariadb()?.url("app", "shop");
    let from = |source: &str| ONE.replace("env:REPLICA_URL", source);
    let project = sandbox.project(&[
        ("m.toml", &from("file:url.txt")),
        ("bad.toml", &from("file:bad.txt")),
        ("none.toml", &from("file:none.txt")),
        ("plain.toml", &from(&url)),
        ("wrong.toml", &from("mysql://app:s3cret@h:port/")),
        ("unset.toml", ONE),
        ("url.txt", &format!("  {url}\n")),
        ("bad.txt", "mysql://app:s3cret@127.0.0.1/?ssl-mode=x"),
        ("a.sql", READS),
    ]);
    project.run(&["run", "m.toml"])?.expect(0)?;
    project.run(&["run", "plain.toml"])?.expect(0)?;
    project
        .run(&["run", "bad.toml"])?
        .expect(2)?
        .says("flavour `replica`: `bad.txt`: expected a URL such as")?
        .says("parameters behind `?`")?;
    project
        .run(&["run", "none.toml"])?
        .expect(2)?
        .says("could not read its URL from `none.txt`")?;
    project
        .run(&["run", "wrong.toml"])?
        .expect(2)?
        .says("wrong.toml:3")?
        .says("found no number of a port")?;
    project
        .run(&["run", "unset.toml"])?
        .expect(2)?
        .says("flavour `replica`: the environment variable `REPLICA_URL` is not set")?;
    Ok(())
}
