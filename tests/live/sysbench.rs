//! Logs of sysbench's load, as servers of all versions write them.

use std::fs;

use serde_json::Value;

use super::Outcome;
use super::sandbox::{Sandbox, check, text};

const FLAVOURS: [&str; 4] = ["mysql-9.7", "mariadb-10.5", "mariadb-10.11", "mariadb-11.8"];
/// Each is a transaction with ten reads by the primary key, in one of two tables.
const EVENTS: u64 = 60;
const MATRIX: &str = "\
[[flavour]]
server = \"mysql:9.7\"

[[flavour]]
server = \"mariadb:10.5\"

[[flavour]]
server = \"mariadb:10.11\"

[[flavour]]
server = \"mariadb:11.8\"

[defaults]
settings = { slow-query-log = 1, long-query-time = 0, general-log = 1, \
slow-query-log-file = \"/var/lib/mysql/slow.log\", general-log-file = \"/var/lib/mysql/general.log\" }
";
const USER: &str = "\
CREATE DATABASE sbtest;
CREATE USER 'bench'@'%' IDENTIFIED BY 'bench';
GRANT ALL ON sbtest.* TO 'bench'@'%';
";
/// Loads the server at `$1`, by three connections: prepared statements, then plain text.
const LOAD: &str = r#"
set -eu
command -v sysbench > /dev/null || {
    apt-get -qq update
    apt-get -qq install --no-install-recommends sysbench
} > /dev/null 2>&1
bench() {
    sysbench --mysql-host="${1%:*}" --mysql-port="${1#*:}" --mysql-user=bench \
        --mysql-password=bench --mysql-ssl=off --tables=2 --table-size=100 "$2" \
        --threads="$3" --events="$4" --time=0 --db-ps-mode="$5" "$6"
}
bench "$1" oltp_read_only 1 0 auto prepare
bench "$1" oltp_read_only 3 "$2" auto run
bench "$1" oltp_write_only 1 "$2" disable run
"#;

/// In slow logs and general logs of all versions are all statements that sysbench sent, and
/// examples of them have the same answers everywhere.
pub(crate) fn logs(sandbox: &Sandbox) -> Outcome {
    let matrix = sandbox.matrix("sysbench.toml", MATRIX);
    let matrix = text(&matrix);
    sandbox.run(&["up", matrix]).expect(0)?;
    let dump = [
        "shell",
        "mariadb-10.11",
        "--",
        "mariadb-dump",
        "--databases",
        "sbtest",
    ];
    let mut schema = String::new();
    let mut logs = Vec::new();
    let events = EVENTS.to_string();
    for flavour in FLAVOURS {
        sandbox.run(&["connect", flavour, "-e", USER]).expect(0)?;
        let url = sandbox.run(&["url", flavour]).expect(0)?.stdout;
        let place = url.trim().rsplit('@').next().unwrap_or_default();
        let place = place.trim_end_matches('/');
        let load = ["shell", "mariadb-10.11", "--", "sh", "-c", LOAD, "sh"];
        let load = [&load[..], &[place, &events]].concat();
        sandbox.run(&load).expect(0)?.says("transactions:")?;
        for kind in ["slow", "general"] {
            let log = sandbox.folder.join(format!("{flavour}.{kind}"));
            let from = format!("{flavour}:/var/lib/mysql/{kind}.log");
            sandbox.run(&["cp", &from, text(&log)]).expect(0)?;
            logs.push(log);
        }
        if flavour == "mariadb-10.11" {
            schema = sandbox.run(&dump).expect(0)?.stdout;
        }
    }
    sandbox.file("sbtest.sql", &schema);
    let matrix = MATRIX.replace("[defaults]\n", "[defaults]\nsetup = [\"sbtest.sql\"]\n");
    let matrix = sandbox.matrix("sysbench.toml", &matrix);
    for log in &logs {
        let report = sandbox.folder.join("sampled.jsonl");
        let json = format!("json={}", text(&report));
        let diff = ["diff", text(&matrix), text(log), "--database", "sbtest"];
        let options = ["--only", "SELECT *", "--skip", "*@@*", "--report", &json];
        sandbox.run(&[&diff[..], &options].concat()).expect(0)?;
        let report = fs::read_to_string(&report)?;
        let reads = statements(&report, "SELECT c FROM sbtest1 WHERE id = ?")
            + statements(&report, "SELECT c FROM sbtest2 WHERE id = ?");
        check(
            reads == 10 * EVENTS,
            format!("{reads} reads by the key in {}", log.display()),
        )?;
    }
    Ok(())
}

/// How many statements of a form are in the logs.
fn statements(report: &str, form: &str) -> u64 {
    let events = report
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut sampled = events.filter(|event| event["event"] == "sampled");
    let digests = sampled.next().unwrap_or_default();
    let digests = digests["digests"].as_array().into_iter().flatten();
    let of_form = digests.filter(|digest| digest["form"] == form);
    of_form
        .filter_map(|digest| digest["statements"].as_u64())
        .sum()
}
