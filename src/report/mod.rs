//! Consumers of events: progress on stderr, the summary on stdout.
//!
//! With `cli`, the only code that prints. Knows events, and nothing of how
//! they come about.

mod audience;
mod bars;
mod divergence;
mod failure;
mod file;
mod github;
mod grid;
mod html;
mod insignificant;
mod json;
mod junit;
mod lines;
mod markdown;
mod masked;
mod merge;
mod progress;
mod record;
#[cfg(test)]
mod sample;
mod summary;
mod text;
mod timings;
mod untold;

pub use audience::{Audience, Reporter};
pub use divergence::{Differences, Listed, OnlyFile};
pub use file::{ReportKind, ReportSpec, open_reports};
pub use grid::Detail;
pub use merge::{MergeError, merge, read_events, skipped};
pub use progress::Progress;
pub use record::RunRecord;
pub use summary::Summary;
pub use text::Colour;
pub use timings::Timings;

pub(crate) use text::visible;

use std::time::{Duration, Instant};

use crate::event::{Event, Receiver};

/// Tells events to an audience and records them, until all senders are gone.
///
/// The record is no part of the audience: what goes wrong with it must not
/// pass for a good end of the run.
pub async fn drive(mut events: Receiver, audience: impl Into<Audience>) -> RunRecord {
    let begun = Instant::now();
    let mut audience = audience.into();
    let mut record = RunRecord::default();
    let mut took = None;
    while let Some(event) = events.recv().await {
        match event {
            Event::RunFinished { took: told, .. } => took = Some(told),
            event => tell(&mut audience, &mut record, event),
        }
    }
    let took = match took {
        Some(took) => took,
        None => {
            if let Some(lost) = record.lost_track() {
                tell(&mut audience, &mut record, lost);
            }
            begun.elapsed()
        }
    };
    finish(&mut audience, &mut record, took);
    record
}

/// Lets all reports be written, and the last event be heard, with the verdict
/// that the run has in the end: a report that is lost changes it.
fn finish(audience: &mut Audience, record: &mut RunRecord, took: Duration) {
    record.hear(Event::RunFinished {
        verdict: record.verdict(),
        took,
    });
    write_reports(audience, record);
    let finished = Event::RunFinished {
        verdict: record.verdict(),
        took,
    };
    let lost = audience.tell(&finished);
    if !lost.is_empty() {
        for lost in lost {
            record.lose(lost);
        }
        write_reports(audience, record);
    }
}

/// Once more where one is lost: the others say so.
fn write_reports(audience: &mut Audience, record: &mut RunRecord) {
    loop {
        let lost = audience.finish(record);
        if lost.is_empty() {
            return;
        }
        for lost in lost {
            record.lose(lost);
        }
    }
}

fn tell(audience: &mut Audience, record: &mut RunRecord, event: Event) {
    for lost in audience.tell(&event) {
        record.lose(lost);
    }
    record.hear(event);
}
