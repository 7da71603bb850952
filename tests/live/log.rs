//! What changes for an application, by the logs of the servers that it used.

use std::fs;

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
