//! Times: two servers of the same version are alike, and a missing index is slow.

use std::fmt::Write;
use std::fs;

use crate::Outcome;
use crate::sandbox::{Sandbox, check, text};

const ROWS: &str = "\
CREATE DATABASE shop;
USE shop;
CREATE TABLE item (id INT PRIMARY KEY, code INT NOT NULL, name VARCHAR(20) NOT NULL, KEY (code));
INSERT INTO item SELECT seq, seq * 7 % 100003, CONCAT('item ', seq) FROM seq_1_to_100000;
";

/// Two flavours with the same server, and one that lacks an index.
const FLAVOURS: &str = "\
[[flavour]]
name = \"one\"
server = \"mariadb:10.11\"
setup = [\"rows.sql\"]
[[flavour]]
name = \"other\"
server = \"mariadb:10.11\"
setup = [\"rows.sql\"]
[[flavour]]
name = \"slow\"
server = \"mariadb:10.11\"
setup = [\"rows.sql\", \"slow.sql\"]
";

/// No difference is claimed from noise, and one that is there is found.
pub(crate) fn measured(sandbox: &Sandbox) -> Outcome {
    sandbox.file("rows.sql", ROWS);
    sandbox.file("slow.sql", "USE shop;\nALTER TABLE item DROP KEY code;\n");
    let mut log = String::new();
    for number in 1..=60 {
        writeln!(
            log,
            "SELECT name AS n{number} FROM shop.item WHERE code = {number};"
        )?;
    }
    let log_file = sandbox.file("times.log", &log);
    let matrix = sandbox.matrix("times.toml", FLAVOURS);
    let diff = |flavours: [&str; 2]| {
        sandbox.run(&[
            "diff",
            text(&matrix),
            text(&log_file),
            "--repeat",
            "7",
            "--flavour",
            flavours[0],
            "--flavour",
            flavours[1],
        ])
    };
    let alike = diff(["one", "other"])
        .expect(0)?
        .says("times: 60 statements measured, 7 runs of each")?;
    check(!alike.stdout.contains("times as"), alike.stdout)?;
    let ran = diff(["one", "slow"]).expect(0)?.says("time")?;
    check(ran.stdout.contains("times as slow"), ran.stdout)?;
    counted(sandbox, text(&log_file))
}

/// Where a suite says so, to be slower fails the run and to be faster does not.
fn counted(sandbox: &Sandbox, log: &str) -> Outcome {
    let suite = format!(
        "[[suite]]\nname = \"s\"\nlog = \"{log}\"\nkinds = [\"rows\", \"time\"]\nrepeat = 6\n\
         flavours = [\"one\", \"slow\"]\n"
    );
    let matrix = sandbox.matrix("times.toml", &format!("{FLAVOURS}{suite}"));
    let run = |baseline: &str| {
        let report = sandbox.folder.join("times.jsonl");
        let report = format!("json={}", report.display());
        sandbox.run(&[
            "run",
            text(&matrix),
            "--baseline",
            baseline,
            "--report",
            &report,
        ])
    };
    run("one").expect(1)?.says("DIFF plan; time")?;
    let events = fs::read_to_string(sandbox.folder.join("times.jsonl"))?;
    check(events.contains("\"ratio\":{\"median\":"), events)?;
    run("slow").expect(0)?;
    Ok(())
}
