//! Consumers of events: progress on stderr, the summary on stdout.
//!
//! With `cli`, the only code that prints. Knows events, and nothing of how
//! they come about.

mod audience;
mod bars;
mod divergence;
mod failure;
mod grid;
mod lines;
mod progress;
mod record;
mod summary;
mod text;

pub use audience::{Audience, Reporter};
pub use divergence::Differences;
pub use grid::Detail;
pub use progress::Progress;
pub use record::RunRecord;
pub use summary::Summary;
pub use text::Colour;

use std::time::Instant;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::event::Event;

/// Tells events to an audience and records them, until all senders are gone.
///
/// The record is no part of the audience: what goes wrong with it must not
/// pass for a good end of the run.
pub async fn drive(
    mut events: UnboundedReceiver<Event>,
    audience: impl Into<Audience>,
) -> RunRecord {
    let begun = Instant::now();
    let mut audience = audience.into();
    let mut record = RunRecord::default();
    while let Some(event) = events.recv().await {
        tell(&mut audience, &mut record, event);
    }
    let finished = Event::RunFinished {
        verdict: record.verdict(),
        took: begun.elapsed(),
    };
    tell(&mut audience, &mut record, finished);
    for warning in audience.dismiss() {
        record.hear(warning);
    }
    record
}

fn tell(audience: &mut Audience, record: &mut RunRecord, event: Event) {
    for warning in audience.tell(&event) {
        record.hear(warning);
    }
    record.hear(event);
}
