//! A log, and flavours that answer its statements.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use dbmatrix_flavours::matrix::LogSpec;
use dbmatrix_report::event::{CaseResult, Event, Receiver, Sender, ServerFacts};
use dbmatrix_sql::compare::{Kinds, NormalizedResult};
use dbmatrix_sql::outcome::{Column, Outcome, RowSet, Rows, SqlError};
use dbmatrix_sql::suite::Facts;
use dbmatrix_sql::version::Family;
use dbmatrix_workload::sample;

use crate::comparison::{About, Comparison, StepFacts, StepOutcome};
use crate::reference::{Recording, Reference, Source};
use crate::spill::SpillBuffer;
use crate::workload::Workload;

pub(super) const LOG: &str = "\
# Time: 2026-11-27T20:00:00.000000Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.500000  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: 1
use shop;
SET timestamp=1795809600;
SELECT a FROM t WHERE b = '\u{e9}';
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.250000  Lock_time: 0.000001 Rows_sent: 0  Rows_examined: 1
SET timestamp=1795809601;
SELECT c FROM t;
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.250000  Lock_time: 0.000001 Rows_sent: 0  Rows_examined: 1
SET timestamp=1795809601;
UPDATE t SET a = 2;
";

pub(super) const SUITE: &str = "diff";

/// A folder with a log, and what runs of it.
pub(super) struct Fixture {
    pub(super) folder: tempfile::TempDir,
    pub(super) log: PathBuf,
    pub(super) path: PathBuf,
    pub(super) spec: LogSpec,
}

impl Fixture {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("slow.log");
        fs::write(&log, LOG).expect("a file");
        Fixture {
            path: folder.path().join("reference.zst"),
            log,
            folder,
            spec: LogSpec::default(),
        }
    }

    pub(super) fn workload(&self) -> Workload {
        let sample = sample([&self.log], &self.spec.sample, |_| {}).expect("a log");
        Workload::new(SUITE, sample, self.spec.writes)
    }

    pub(super) fn begin(&self, flavours: &[&str]) -> Recording {
        let source = Source {
            program: "dbmatrix 0.1.0",
            title: "slow.log",
            files: std::slice::from_ref(&self.log),
            is_stream: false,
            log: Some(&self.spec),
        };
        let workload = self.workload();
        let flavours = flavours.iter().map(|name| (*name).to_owned());
        Recording::begin(&self.path, source, Some(&workload), flavours).expect("it is written")
    }

    /// Records these answers to the log's statements, by flavour.
    pub(super) fn record(&self, flavours: &[(&str, [i64; 2])]) {
        let names: Vec<&str> = flavours.iter().map(|(name, _)| *name).collect();
        let recording = self.begin(&names);
        self.compare(&names, None, Some(&recording), flavours);
        let servers = servers(&names);
        let recorded = recording.finish(&servers).expect("it is whole");
        assert_eq!(recorded.flavours.len(), names.len());
        let found = fs::metadata(&self.path).expect("a file").len();
        assert_eq!(recorded.bytes, found);
    }

    /// Lets flavours answer; returns the groups of each difference.
    pub(super) fn compare(
        &self,
        names: &[&str],
        reference: Option<Arc<Reference>>,
        recording: Option<&Recording>,
        flavours: &[(&str, [i64; 2])],
    ) -> Vec<String> {
        let about = About {
            recording: recording.cloned(),
            reference,
            ..About::usual(SUITE, self.log.clone())
        };
        let (events, mut heard) = Sender::channel();
        let all: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let comparison = Comparison::new(about, &all, &SpillBuffer::with_room(0), &events);
        for (name, answers) in flavours {
            let mut sink = comparison.sink(&facts(name)).expect("it is compared");
            let steps = self.workload().steps(&self.log);
            let asked = steps.iter().filter(|step| step.action.sql().is_some());
            for (step, answer) in asked.zip(answers) {
                let facts = StepFacts {
                    statement: step.action.shown().into_owned(),
                    ..self::step(step.line)
                };
                sink.deliver_step(facts, outcome(*answer));
            }
            drop(sink);
            let result = CaseResult {
                passed: 2,
                ..CaseResult::default()
            };
            comparison.note_result(name, &result);
        }
        for name in names {
            comparison.without(name);
        }
        told(&mut heard)
    }

    pub(super) fn open(&self) -> Reference {
        Reference::open(&self.path).expect("a reference")
    }

    /// The lines of the reference.
    pub(super) fn lines(&self) -> Vec<String> {
        lines_of(&fs::read(&self.path).expect("a file"))
    }

    /// Writes other lines in place of the reference; returns what is said of them.
    pub(super) fn refusal(&self, lines: &[String]) -> String {
        let text = lines.iter().map(|line| format!("{line}\n"));
        let text = text.collect::<String>();
        fs::write(
            &self.path,
            zstd::encode_all(text.as_bytes(), 1).expect("zstd"),
        )
        .expect("a file");
        self.refusal_of_file()
    }

    pub(super) fn refusal_of_file(&self) -> String {
        let error = Reference::open(&self.path).expect_err("it is refused");
        let folder = format!("{}/", self.folder.path().display());
        error.to_string().replace(&folder, "")
    }
}

pub(super) fn facts(flavour: &str) -> Facts {
    Facts {
        flavour: flavour.to_owned(),
        family: Family::Mariadb,
        version: "10.11.18".parse().expect("a version"),
        labels: Vec::new(),
    }
}

pub(super) fn servers(names: &[&str]) -> BTreeMap<String, ServerFacts> {
    let server = ServerFacts {
        version: "10.11.18-MariaDB".to_owned(),
        origin: Some("https://me:secret@mirror.example".to_owned()),
        ..ServerFacts::default()
    };
    let names = names.iter().map(|name| (*name).to_owned());
    names.map(|name| (name, server.clone())).collect()
}

/// A step of this line.
pub(super) fn step(line: usize) -> StepFacts {
    StepFacts {
        line,
        statement: "SELECT 1".to_owned(),
        nth: 0,
        ordered: false,
        settled: Kinds::NONE,
        database: None,
        is_repeatable: false,
    }
}

/// One row with a number; an error for a negative one; nothing for zero.
pub(super) fn outcome(number: i64) -> Option<StepOutcome> {
    let outcome = match number {
        0 => return None,
        1.. => {
            let mut rows = Rows::new(1);
            // More than is kept of a result.
            for _ in 0..5_000 {
                rows.push(Some(number.to_string().as_bytes()));
            }
            Outcome::Rows(RowSet {
                columns: vec![Column {
                    name: "a".to_owned(),
                    kind: "LONG".to_owned(),
                }],
                rows,
                warnings: 0,
            })
        }
        _ => Outcome::Refused(SqlError {
            code: 1146,
            state: "42S02".to_owned(),
            message: "no table".to_owned(),
        }),
    };
    Some(StepOutcome {
        answer: NormalizedResult::of(&outcome, &[]),
        failed: None,
        excused: vec![7],
    })
}

pub(super) fn told(heard: &mut Receiver) -> Vec<String> {
    let mut told = Vec::new();
    while let Ok(event) = heard.try_recv() {
        match event {
            Event::Diverged(found) => {
                let groups = found.groups.iter().map(|group| group.flavours.join("+"));
                told.push(format!(
                    "{}: {}",
                    found.line,
                    groups.collect::<Vec<_>>().join(" | ")
                ));
            }
            Event::Aborted { reason, .. } => told.push(reason),
            _ => {}
        }
    }
    told
}

/// The lines of a reference of these bytes.
pub(super) fn lines_of(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(zstd::decode_all(bytes).expect("zstd")).expect("text");
    text.lines().map(str::to_owned).collect()
}
