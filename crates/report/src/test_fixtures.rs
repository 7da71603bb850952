//! A run with everything that reports show, for their tests.

use std::path::PathBuf;
use std::time::Duration;

use dbmatrix_sql::compare::Kind;

use super::record::RunRecord;
use crate::event::{
    CaseResult, DifferenceStatus, Divergence, Event, Failure, Group, Machine, PackageVersion,
    Reason, SCHEMA, ServerFacts, Stale, Verdict,
};

pub(super) fn record() -> RunRecord {
    let mut record = RunRecord::default();
    for event in events() {
        record.on_event(event);
    }
    record
}

fn events() -> Vec<Event> {
    let mut events = vec![
        Event::RunStarted {
            schema: SCHEMA,
            program: "dbmatrix 0.1.0".to_owned(),
            began: "2026-11-23T17:45:39Z".to_owned(),
            matrix: PathBuf::from("matrices/mysql.toml"),
            flavours: ["mysql-9.7", "mariadb-10.5", "percona-8.4"]
                .map(str::to_owned)
                .to_vec(),
            shard: None,
            strict: false,
        },
        Event::SetupFinished {
            machine: Machine {
                engine: "LXD 5.0.2".to_owned(),
                ..Machine::default()
            },
            took: Duration::from_secs(1),
        },
        ready("mysql-9.7", "9.7.4-2"),
        ready("mariadb-10.5", "10.5.29-MariaDB-0+deb11u1"),
        Event::FlavourUnavailable {
            flavour: "percona-8.4".to_owned(),
            required: false,
            reason: "the repository is not reached:\nno route to host".to_owned(),
        },
    ];
    let failure = |why: &str, known: Option<Reason>| Failure {
        line: 12,
        statement: "SELECT '<b>' | 1".to_owned(),
        expected: "0".to_owned(),
        found: "\u{1b}[31m1 & 2".to_owned(),
        why: why.to_owned(),
        kind: Some(Kind::Rows),
        known,
    };
    let passed = CaseResult {
        passed: 20,
        took: Duration::from_millis(250),
        ..CaseResult::default()
    };
    let flaky = CaseResult {
        retries: 1,
        flaky: vec![failure("at first", None)],
        ..passed.clone()
    };
    let failed = CaseResult {
        failed: 1,
        failures: vec![failure("other rows", None)],
        known: 1,
        ..passed.clone()
    };
    let aborted = CaseResult {
        aborted: Some("connection lost".to_owned()),
        ..passed.clone()
    };
    let skipped = CaseResult {
        skipped: 3,
        ..CaseResult::default()
    };
    events.extend([
        ended("mysql-9.7", "sql/a.sql", passed.clone()),
        ended("mariadb-10.5", "sql/a.sql", passed),
        ended("mysql-9.7", "sql/b.slt", failed),
        ended("mariadb-10.5", "sql/b.slt", flaky),
        ended("mysql-9.7", "sql/c.slt", aborted),
        ended("mariadb-10.5", "sql/c.slt", skipped),
        differs(7, DifferenceStatus::New),
        differs(
            9,
            DifferenceStatus::Known(vec![Reason {
                text: "MySQL has no RETURNING".to_owned(),
                link: Some("https://bugs.example/1".to_owned()),
            }]),
        ),
        differs(11, DifferenceStatus::Shown),
        Event::Stale(Stale {
            suite: "types".to_owned(),
            file: PathBuf::from("sql/a.sql.divergences.toml"),
            line: 3,
            statement: "SELECT 1".to_owned(),
            flavours: vec!["mysql-9.7".to_owned()],
            why: "it differs no more".to_owned(),
        }),
        Event::RunFinished {
            verdict: Verdict::Failed,
            took: Duration::from_millis(1500),
        },
    ]);
    events
}

fn ready(flavour: &str, version: &str) -> Event {
    Event::FlavourReady {
        flavour: flavour.to_owned(),
        server: ServerFacts {
            version: version.to_owned(),
            packages: vec![PackageVersion {
                name: "server".to_owned(),
                version: version.to_owned(),
            }],
            ..ServerFacts::default()
        },
        address: "10.66.7.11:3306".to_owned(),
        took: Duration::from_secs(2),
    }
}

fn ended(flavour: &str, file: &str, result: CaseResult) -> Event {
    Event::CaseFinished {
        flavour: flavour.to_owned(),
        suite: "types".to_owned(),
        file: PathBuf::from(file),
        result,
    }
}

fn differs(line: usize, standing: DifferenceStatus) -> Event {
    let group = |flavour: &str, outcome: &str, kinds: &[Kind]| Group {
        flavours: vec![flavour.to_owned()],
        outcome: outcome.to_owned(),
        kinds: kinds.to_vec(),
        times: None,
    };
    Event::Diverged(Divergence {
        suite: "types".to_owned(),
        file: PathBuf::from("sql/a.sql"),
        line,
        statement: "INSERT INTO t\nVALUES (1) RETURNING a".to_owned(),
        database: None,
        kinds: vec![Kind::Success],
        standing,
        groups: vec![
            group("mariadb-10.5", "a\n1", &[]),
            group(
                "mysql-9.7",
                "ERROR 1064 (42000): near 'RETURNING'",
                &[Kind::Success],
            ),
        ],
    })
}
