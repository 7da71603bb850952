//! What the rounds of a section came to, as a table and as JSON.

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::args::Fault;

/// A section's rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Record {
    pub(crate) fault: Fault,
    /// What the same command takes when nothing happens, in seconds.
    pub(crate) usual: f64,
    pub(crate) rounds: Vec<Round>,
    /// Why the section was not tried.
    pub(crate) left_out: Option<String>,
}

/// One round.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Round {
    /// When it happened, in seconds since the start of the run or the phase.
    pub(crate) moment: f64,
    /// Whether the run was still at work then.
    pub(crate) hit: bool,
    /// From the start of the next, good run to its end, in seconds.
    pub(crate) recovery: f64,
    /// What was wrong, for people.
    pub(crate) failures: Vec<String>,
}

impl Record {
    pub(crate) fn new(fault: Fault) -> Self {
        Record {
            fault,
            usual: 0.0,
            rounds: Vec::new(),
            left_out: None,
        }
    }

    pub(crate) fn failed(&self) -> usize {
        let failed = self
            .rounds
            .iter()
            .filter(|round| !round.failures.is_empty());
        failed.count()
    }
}

/// All sections as one table, failures below it.
pub(crate) fn render(records: &[Record]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "fault",
        "rounds",
        "hit",
        "failed",
        "usual run",
        "next run: median",
        "max",
    ]);
    for record in records {
        table.add_row(row(record));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = format!("{table}\n");
    for record in records {
        let name = record.fault.name();
        if let Some(why) = &record.left_out {
            text.push_str(&format!("{name}: left out: {why}\n"));
        }
        for (at, round) in record.rounds.iter().enumerate() {
            for failure in &round.failures {
                let Round { moment, .. } = round;
                text.push_str(&format!(
                    "{name}, round {}, at {moment:.3} s: {failure}\n",
                    at + 1
                ));
            }
        }
    }
    text
}

fn row(record: &Record) -> [String; 7] {
    let rounds = &record.rounds;
    let mut times: Vec<f64> = rounds.iter().map(|round| round.recovery).collect();
    times.sort_by(f64::total_cmp);
    let shown = |time: Option<&f64>| time.map_or_else(String::new, |time| format!("{time:.1} s"));
    [
        record.fault.name(),
        rounds.len().to_string(),
        rounds.iter().filter(|round| round.hit).count().to_string(),
        record.failed().to_string(),
        shown((record.usual > 0.0).then_some(&record.usual)),
        shown(times.get(times.len() / 2)),
        shown(times.last()),
    ]
}
