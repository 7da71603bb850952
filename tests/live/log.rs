//! What changes for an application, by the logs of the servers that it used.

use std::fs;
use std::path::Path;

use dbmatrix_sql::suite::statement_form;
use serde_json::{Value, json};

use crate::Outcome;
use crate::compare::PAIR;
use crate::sandbox::{Sandbox, check, text};

const SCHEMA: &str = "\
CREATE DATABASE shop;
USE shop;
CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL);
INSERT INTO item VALUES (1, 'anvil'), (2, 'bell');
";

/// A trailing blank counts for MySQL's default collation and not for MariaDB's.
const APPLICATION: &str = "\
USE shop;
SELECT name FROM item WHERE id = 1;
SELECT id FROM item WHERE name = 'anvil ';
INSERT INTO item
  VALUES (3, 'candle');
SELECT x FROM gone WHERE y = 'it''s
# Time: no header';
";

/// Statements of which some have a digest in common.
const ALIKE: [&str; 40] = [
    "SELECT a FROM t WHERE b = 1",
    "select  a\nfrom t where b = 'x'",
    "SELECT a FROM t WHERE b = 0x1F /* a comment */",
    "SELECT a FROM t WHERE b = -1.5e3",
    "SELECT a FROM t WHERE b = NULL",
    "SELECT a FROM t WHERE b IS NULL",
    "SELECT A FROM t WHERE b = 1",
    "SELECT `a` FROM `t` WHERE `b` = 1",
    "SELECT a FROM t WHERE b IN (1)",
    "SELECT a FROM t WHERE b IN (1, 2)",
    "SELECT a FROM t WHERE b IN (1, 'x', NULL)",
    "SELECT a FROM t WHERE b IN (1, c)",
    "SELECT a FROM t WHERE b IN (SELECT 1)",
    "SELECT a FROM t WHERE (b, c) IN ((1, 2), (3, 4))",
    "SELECT a FROM t WHERE (b, c) IN ((1, 2))",
    "SELECT a FROM t WHERE b BETWEEN 1 AND 2",
    "SELECT a FROM t WHERE b BETWEEN 3 AND 4 -- to the end",
    "SELECT a FROM t LIMIT 1",
    "SELECT a FROM t LIMIT 1, 2",
    "SELECT a FROM t LIMIT 2 OFFSET 1",
    "SELECT 1",
    "SELECT 1, 2",
    "SELECT 1, 2, 3",
    "SELECT 1 + 1",
    "SELECT a - 1 FROM t",
    "SELECT a - 2 FROM t",
    "SELECT CONCAT(1, 2)",
    "SELECT CONCAT(1)",
    "SELECT PI()",
    "INSERT INTO t VALUES (1)",
    "INSERT INTO t VALUES (1), (2)",
    "INSERT INTO t VALUES (1), (2), (3)",
    "INSERT INTO t VALUES (1, 'x')",
    "INSERT INTO t VALUES (1, 'x'), (2, NULL)",
    "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = 2",
    "UPDATE t SET a = 'it''s' WHERE b = \"x\"",
    "UPDATE t SET a = 1 WHERE b = 2",
    "DELETE FROM t WHERE a = DATE '2026-11-27'",
    "DELETE FROM t WHERE a = DATE '2026-11-28'",
    "DELETE FROM t WHERE a > NOW() - INTERVAL 7 DAY",
];

/// Two statements have the same form where the server gives them the same digest.
pub(crate) fn digests(sandbox: &Sandbox) -> Outcome {
    let hex = |text: &str| {
        let digits = text.bytes().map(|byte| format!("{byte:02x}"));
        digits.collect::<String>()
    };
    let asked = ALIKE.iter().enumerate().map(|(number, statement)| {
        let statement = format!("CONVERT(x'{}' USING utf8mb4)", hex(statement));
        format!("SELECT {number} AS n, STATEMENT_DIGEST({statement}) AS d")
    });
    // The server parses names of tables in the current database.
    let asked = asked.collect::<Vec<_>>().join(" UNION ALL ");
    let asked = format!("USE mysql; {asked} ORDER BY n");
    let ran = sandbox
        .run(&["connect", "mysql-9.7", "-e", &asked])
        .expect(0)?;
    let digests: Vec<&str> = ran
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .filter(|digest| digest.len() == 64)
        .collect();
    check(digests.len() == ALIKE.len(), &ran.stdout)?;
    let forms = ALIKE.map(statement_form);
    for one in 0..ALIKE.len() {
        for other in 0..one {
            check(
                (digests[one] == digests[other]) == (forms[one] == forms[other]),
                format!("`{}` and `{}`", forms[one], forms[other]),
            )?;
        }
    }
    Ok(())
}

/// Examples of both servers' logs run on both. Writes run only where that is asked for, and
/// are rolled back. Missing tables come first.
pub(crate) fn compared(sandbox: &Sandbox) -> Outcome {
    sandbox.file("shop.sql", SCHEMA);
    let defaults = "[defaults]\nsetup = [\"shop.sql\"]\n";
    let logging = "settings = { slow-query-log = 1, long-query-time = 0, general-log = 1, \
                   slow-query-log-file = \"/var/lib/mysql/slow.log\", \
                   general-log-file = \"/var/lib/mysql/general.log\" }\n";
    let matrix = sandbox.matrix("log.toml", &format!("{defaults}{logging}{PAIR}"));
    sandbox.run(&["up", text(&matrix)]).expect(0)?;
    let mut logs = Vec::new();
    for flavour in ["mysql-9.7", "mariadb-10.11"] {
        sandbox.run(&["connect", flavour, "-e", APPLICATION]);
        for kind in ["slow", "general"] {
            let log = sandbox.folder.join(format!("{flavour}.{kind}"));
            let from = format!("{flavour}:/var/lib/mysql/{kind}.log");
            sandbox.run(&["cp", &from, text(&log)]).expect(0)?;
            logs.push(log);
        }
    }
    let matrix = sandbox.matrix("log.toml", &format!("{defaults}{PAIR}"));
    for log in &logs {
        let ran = sandbox.run(&["diff", text(&matrix), text(log), "--database", "shop"]);
        ran.expect(1)?
            .says("missing on all flavours: shop.gone (1 statement)")?
            .says("DIFF rows: 1 of 1 example; 1 of ")?
            .says("SELECT id FROM item WHERE name = ?")?
            .says("not known to read (CREATE, INSERT)")?;
    }
    let arguments = [
        "diff",
        text(&matrix),
        text(&logs[0]),
        "--database",
        "shop",
        "--writes",
        "rollback",
        "--after",
        "keep",
    ];
    let ran = sandbox.run(&arguments).expect(1)?;
    check(!ran.stdout.contains("INSERT)"), ran.stdout)?;
    let count = [
        "connect",
        "mysql-9.7",
        "-e",
        "SELECT MAX(id) FROM shop.item",
    ];
    let ran = sandbox.run(&count).expect(0)?;
    check(ran.stdout.contains('2'), ran.stdout)?;
    sandbox
        .run(&["diff", text(&matrix), text(&matrix)])
        .expect(2)?
        .says("log.toml:1: expected a slow log")?;
    known(sandbox, text(&logs[0]))
}

/// A suite of a log, whose difference is known by its digest.
fn known(sandbox: &Sandbox, log: &str) -> Outcome {
    let suite = format!(
        "[[suite]]\nname = \"application\"\nlog = \"{log}\"\ndatabase = \"shop\"\nskip = [\"*gone*\"]\n"
    );
    let defaults = "[defaults]\nsetup = [\"shop.sql\"]\n";
    let matrix = sandbox.matrix("log.toml", &format!("{defaults}{PAIR}{suite}"));
    let divergence = "[[divergence]]\ndigest = \"SELECT id FROM item WHERE name = ?\"\n\
                      flavours = [\"mysql>=8.0\"]\nkinds = [\"rows\"]\nreason = \"NO PAD\"\n";
    fs::write(format!("{log}.divergences.toml"), divergence)?;
    sandbox
        .run(&["run", text(&matrix)])
        .expect(0)?
        .says("1 step differs as is known")?;
    Ok(())
}

/// Statements to which servers have different answers, and one of a missing table.
const ASKED: &str = "\
SELECT name FROM shop.item WHERE id = 1;
SELECT id FROM shop.item WHERE name = 'anvil ';
SELECT JSON_TYPE(1.5);
SELECT id AS offset FROM shop.item;
SELECT x FROM shop.gone;
SELECT seq FROM seq_1_to_3000;
";

/// Answers that were recorded differ from those of other flavours as live ones do.
pub(crate) fn recorded(sandbox: &Sandbox) -> Outcome {
    sandbox.file("shop.sql", SCHEMA);
    let log = sandbox.file("asked.log", ASKED);
    let third = "\n[[flavour]]\nserver = \"mariadb:11.8\"\n";
    let defaults = "[defaults]\nsetup = [\"shop.sql\"]\n";
    let matrix = sandbox.matrix("recorded.toml", &format!("{defaults}{PAIR}{third}"));
    let report = |name: &str| format!("json={}", text(&sandbox.folder.join(name)));
    let live = [
        "diff",
        text(&matrix),
        text(&log),
        "--baseline",
        "mariadb-10.11",
    ];
    let (live_json, later_json) = (report("live.jsonl"), report("later.jsonl"));
    sandbox
        .run(&[&live[..], &["--report", &live_json]].concat())
        .expect(1)?;
    let reference = sandbox.folder.join("reference.zst");
    let recording = ["record", text(&matrix), text(&log), "-o", text(&reference)];
    sandbox
        .run(&[&recording[..], &["--flavour", "mariadb-10.11"]].concat())
        .expect(0)?
        .says("answered: 6 statements on 1 flavour")?
        .says("reference.zst: answers of mariadb-10.11 (10.11")?;
    fs::remove_file(&log)?;
    let later = ["diff", text(&matrix), "--against", text(&reference)];
    let chosen = ["--flavour", "mysql-9.7", "--flavour", "mariadb-11.8"];
    sandbox
        .run(&[&later[..], &chosen, &["--report", &later_json]].concat())
        .expect(1)?
        .says("mariadb-10.11 (recorded 20")?
        .says("missing on all flavours: shop.gone (1 statement)")?;
    let found = differences(&sandbox.folder.join("live.jsonl"))?;
    check(found.len() > 2, format!("{found:?}"))?;
    let recorded = differences(&sandbox.folder.join("later.jsonl"))?;
    check(found == recorded, format!("{found:#?}\n{recorded:#?}"))?;
    sandbox
        .run(&later)
        .expect(2)?
        .says("`mariadb-10.11` is a flavour of the reference and of the matrix")?;
    Ok(())
}

/// The differences in a `json` report: of each the line, the kinds, and each flavour's
/// answer.
fn differences(report: &Path) -> Result<Vec<Value>, libtest_mimic::Failed> {
    let mut found = Vec::new();
    for line in fs::read_to_string(report)?.lines() {
        let event: Value = serde_json::from_str(line)?;
        if event["event"] != "diverged" {
            continue;
        }
        let mut answers = Vec::new();
        for group in event["groups"].as_array().into_iter().flatten() {
            for flavour in group["flavours"].as_array().into_iter().flatten() {
                let name = flavour.as_str().unwrap_or_default();
                let name = name.split(" (recorded ").next().unwrap_or_default();
                answers.push((name.to_owned(), group["outcome"].to_string()));
            }
        }
        answers.sort();
        found.push(json!([event["line"], event["kinds"], answers]));
    }
    found.sort_by_key(Value::to_string);
    Ok(found)
}
