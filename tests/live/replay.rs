//! A log with several connections under load, on two servers.

use std::collections::BTreeMap;
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

/// How many statements each of the connections sends.
const EACH: usize = 20;
const CONNECTIONS: usize = 3;

/// A slow log of connections that take turns; each numbers its statements. One reads a
/// table that does not exist, one writes, and all leave.
fn slow_log() -> String {
    let mut log = String::new();
    let mut entry = |tenths: usize, connection: usize, statement: &str| {
        let (second, tenths) = (tenths / 10, tenths % 10);
        log.push_str(&format!(
            "# Time: 2026-11-27T20:00:{second:02}.{tenths}00001Z\n\
             # User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: {}\n\
             # Query_time: 0.000100  Lock_time: 0.000000 Rows_sent: 1  Rows_examined: 1\n\
             use shop;\nSET timestamp={};\n{statement};\n",
            40 + connection,
            1_795_809_600 + second
        ));
    };
    for number in 0..EACH {
        for connection in 0..CONNECTIONS {
            let statement =
                format!("SELECT name, 'c{connection}', {number} FROM item WHERE id = 1");
            entry(number, connection, &statement);
        }
    }
    entry(EACH, 0, "SELECT x FROM gone");
    entry(EACH, 1, "INSERT INTO item VALUES (3, 'candle')");
    for connection in 0..CONNECTIONS {
        entry(EACH + 1, connection, "# administrator command: Quit");
    }
    log
}

/// The numbers of the statements in a general log, in their order, by the log's connection
/// and by that which sent them.
fn sent(log: &str) -> BTreeMap<(String, String), Vec<usize>> {
    let mut sent: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for line in log.lines() {
        let Some((head, statement)) = line.split_once("Query\tSELECT name, 'c") else {
            continue;
        };
        let thread = head.split_whitespace().last().unwrap_or_default();
        let (connection, rest) = statement.split_once("', ").unwrap_or_default();
        let number = rest.split(' ').next();
        let number = number.and_then(|word| word.parse::<usize>().ok());
        sent.entry((connection.to_owned(), thread.to_owned()))
            .or_default()
            .extend(number);
    }
    sent
}

/// Each connection of the log sends all its statements in their order, in each round, at any
/// speed; errors and missing tables are reported; what writes is not sent.
pub(crate) fn under_load(sandbox: &Sandbox) -> Outcome {
    sandbox.file("replayed.sql", SCHEMA);
    let defaults = "[defaults]\nsetup = [\"replayed.sql\"]\n\
                    settings = { general-log = 1, general-log-file = \"/var/lib/mysql/all.log\" }\n";
    let matrix = sandbox.matrix("replay.toml", &format!("{defaults}{PAIR}"));
    let log = sandbox.folder.join("replayed.log");
    fs::write(&log, slow_log())?;
    for speed in ["20", "max"] {
        let ran = sandbox.run(&[
            "replay",
            text(&matrix),
            text(&log),
            "--speed",
            speed,
            "--rounds",
            "2",
            "--format",
            "json",
            "--after",
            "keep",
        ]);
        let ran = ran.expect(0)?;
        let report: serde_json::Value = serde_json::from_str(&ran.stdout)?;
        let wanted = EACH * CONNECTIONS + 1;
        check(report["complete"] == true, ran.stdout.clone())?;
        check(report["statements"] == wanted, ran.stdout.clone())?;
        check(report["connections"] == CONNECTIONS, ran.stdout.clone())?;
        check(report["left_out"][0][0] == 1, ran.stdout.clone())?;
        for flavour in report["flavours"].as_array().ok_or("flavours")? {
            for round in flavour["rounds"].as_array().ok_or("rounds")? {
                check(round["statements"] == wanted, ran.stdout.clone())?;
                check(round["errors"] == 1, ran.stdout.clone())?;
                check(round["rows"] == EACH * CONNECTIONS, ran.stdout.clone())?;
            }
            check(
                flavour["errors"][0]["title"] == "ERROR 1146 (42S02)",
                ran.stdout.clone(),
            )?;
            check(
                flavour["missing"][0]["name"] == "shop.gone",
                ran.stdout.clone(),
            )?;
        }
        for flavour in ["mysql-9.7", "mariadb-10.11"] {
            let general = sandbox.folder.join(format!("{flavour}.{speed}"));
            let from = format!("{flavour}:/var/lib/mysql/all.log");
            sandbox.run(&["cp", &from, text(&general)]).expect(0)?;
            let general = String::from_utf8_lossy(&fs::read(&general)?).into_owned();
            let sent = sent(&general);
            check(sent.len() == 2 * CONNECTIONS, format!("{sent:?}"))?;
            let in_order: Vec<usize> = (0..EACH).collect();
            check(
                sent.values().all(|numbers| *numbers == in_order),
                format!("{sent:?}"),
            )?;
            check(!general.contains("candle"), general)?;
        }
    }
    written(sandbox, text(&matrix), text(&log))
}

/// What writes is applied on a copy for each round: the same key can be inserted in each.
fn written(sandbox: &Sandbox, matrix: &str, log: &str) -> Outcome {
    let ran = sandbox.run(&[
        "replay",
        matrix,
        log,
        "--flavour",
        "mariadb-10.11",
        "--speed",
        "max",
        "--rounds",
        "2",
        "--writes",
        "apply",
    ]);
    let ran = ran
        .expect(0)?
        .says("missing on all flavours: shop.gone (1 statement)")?
        .says("ERROR 1146 (42S02): 2 statements in 2 rounds")?;
    check(!ran.stdout.contains("1062"), ran.stdout)
}
