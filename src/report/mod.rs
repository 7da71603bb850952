//! Consumers of events: progress on stderr, the summary on stdout.
//!
//! With `cli`, the only code that prints. Knows events, and nothing of how
//! they come about.

#![expect(clippy::print_stderr, reason = "reports speak to people")]

mod progress;
mod summary;
mod text;

pub use progress::Progress;
pub use summary::Summary;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::event::Event;

/// Shows events as they come and sums them up, until all senders are gone.
pub async fn drive(mut events: UnboundedReceiver<Event>, mut progress: Progress) -> Summary {
    let mut summary = Summary::default();
    while let Some(event) = events.recv().await {
        progress.hear(&event);
        summary.hear(event);
    }
    progress.finish();
    summary
}
