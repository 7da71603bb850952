//! What changes for an application, by the logs of the servers that it used.

use std::fs;

use dbmatrix_sql::suite::statement_form;

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
