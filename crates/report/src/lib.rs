//! Events of a run, and their readers: progress on stderr, the summary on stdout, report
//! files.
//!
//! Together with the command line, the only code that prints. Knows what happened, but not
//! how it came about.

pub mod event;
pub mod shard;

mod classes;
mod divergence;
mod failure;
mod file;
mod found;
mod github;
mod html;
mod insignificant;
mod json;
mod junit;
mod markdown;
mod masked;
mod measured;
mod merge;
mod omitted;
mod plain_progress;
mod progress;
mod progress_bars;
mod record;
mod replay;
mod reporter_set;
mod summary;
mod summary_table;
#[cfg(test)]
mod test_fixtures;
mod text;
mod timings;
mod unavailable;
mod upgrade;

pub use divergence::{Differences, Listed, OnlyFile};
pub use file::{ReportKind, ReportSpec, open_reports};
pub use found::show_divergence;
pub use merge::{MergeError, merge, read_events, skipped};
pub use progress::Progress;
pub use record::RunRecord;
pub use replay::{
    Latency, REPLAY_SCHEMA, Ratio, ReplayReport, ReplayedDigest, ReplayedDigestOn, ReplayedError,
    ReplayedFlavour, ReplayedRound,
};
pub use reporter_set::{Reporter, ReporterSet};
pub use summary::Summary;
pub use summary_table::Detail;
pub use text::Colour;
pub use timings::Timings;
pub use upgrade::{
    UPGRADE_SCHEMA, UpgradeDifference, UpgradeFailure, UpgradeOutcome, UpgradeReport,
    UpgradeServer, UpgradeWalk, UpgradedFile,
};

pub use text::{one_line, visible};

use std::time::{Duration, Instant};

use crate::event::{Event, Receiver};

/// Passes events to the reporters and records them, until all senders are gone.
///
/// The recorder is not one of the reporters: its failure must not look like a successful
/// end of the run.
pub async fn drive(mut events: Receiver, reporters: impl Into<ReporterSet>) -> RunRecord {
    let begun = Instant::now();
    let mut reporters = reporters.into();
    let mut record = RunRecord::default();
    let mut took = None;
    while let Some(event) = events.recv().await {
        match event {
            Event::RunFinished { took: told, .. } => took = Some(told),
            event => dispatch(&mut reporters, &mut record, event),
        }
    }
    let took = match took {
        Some(took) => took,
        None => {
            if let Some(lost) = record.lost_track() {
                dispatch(&mut reporters, &mut record, lost);
            }
            begun.elapsed()
        }
    };
    finish(&mut reporters, &mut record, took);
    record
}

/// Lets the reporters write all reports and handle the last event, with the final
/// verdict: a lost report changes it.
fn finish(reporters: &mut ReporterSet, record: &mut RunRecord, took: Duration) {
    record.on_event(Event::RunFinished {
        verdict: record.verdict(),
        took,
    });
    write_reports(reporters, record);
    let finished = Event::RunFinished {
        verdict: record.verdict(),
        took,
    };
    let lost = reporters.dispatch(&finished);
    if !lost.is_empty() {
        for lost in lost {
            record.note_failed(lost);
        }
        write_reports(reporters, record);
    }
}

/// Repeats this if one is lost, so that the others report that.
fn write_reports(reporters: &mut ReporterSet, record: &mut RunRecord) {
    loop {
        let lost = reporters.finish(record);
        if lost.is_empty() {
            return;
        }
        for lost in lost {
            record.note_failed(lost);
        }
    }
}

fn dispatch(reporters: &mut ReporterSet, record: &mut RunRecord, event: Event) {
    for lost in reporters.dispatch(&event) {
        record.note_failed(lost);
    }
    record.on_event(event);
}
