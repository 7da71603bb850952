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
mod json;
mod junit;
mod lines;
mod markdown;
mod merge;
mod progress;
mod record;
#[cfg(test)]
mod sample;
mod summary;
mod text;
mod timings;

pub use audience::{Audience, Reporter};
pub use divergence::Differences;
pub use file::{ReportKind, ReportSpec, open_reports};
pub use grid::Detail;
pub use merge::{MergeError, merge, read_events};
pub use progress::Progress;
pub use record::RunRecord;
pub use summary::Summary;
pub use text::Colour;
pub use timings::Timings;

use std::time::Instant;

use crate::event::{Event, Receiver};

/// Tells events to an audience and records them, until all senders are gone.
///
/// The record is no part of the audience: what goes wrong with it must not
/// pass for a good end of the run.
pub async fn drive(mut events: Receiver, audience: impl Into<Audience>) -> RunRecord {
    let begun = Instant::now();
    let mut audience = audience.into();
    let mut record = RunRecord::default();
    while let Some(event) = events.recv().await {
        tell(&mut audience, &mut record, event);
    }
    if !record.is_finished() {
        let finished = Event::RunFinished {
            verdict: record.verdict(),
            took: begun.elapsed(),
        };
        tell(&mut audience, &mut record, finished);
    }
    for lost in audience.dismiss(&record) {
        record.lose(lost);
    }
    record
}

fn tell(audience: &mut Audience, record: &mut RunRecord, event: Event) {
    for lost in audience.tell(&event) {
        record.lose(lost);
    }
    record.hear(event);
}
