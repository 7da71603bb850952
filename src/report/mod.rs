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
mod summary;
mod text;

pub use audience::{Audience, Reporter};
pub use divergence::Differences;
pub use grid::Detail;
pub use progress::Progress;
pub use summary::Summary;
pub use text::Colour;

use std::time::Instant;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::event::Event;

/// Tells events to an audience and sums them up, until all senders are gone;
/// then how the run ended. With `strict`, every flavour is required.
///
/// The summary is no part of the audience: what goes wrong with it must not
/// pass for a good end of the run.
pub async fn drive(
    mut events: UnboundedReceiver<Event>,
    audience: impl Into<Audience>,
    strict: bool,
) -> Summary {
    let begun = Instant::now();
    let mut audience = audience.into();
    let mut summary = Summary::default();
    while let Some(event) = events.recv().await {
        for warning in audience.tell(&event) {
            summary.hear(warning);
        }
        summary.hear(event);
    }
    let finished = Event::RunFinished {
        verdict: summary.verdict(strict),
        took: begun.elapsed(),
    };
    for warning in audience.tell(&finished) {
        summary.hear(warning);
    }
    for warning in audience.dismiss() {
        summary.hear(warning);
    }
    summary
}
