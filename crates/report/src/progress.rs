//! Progress on stderr: a line per flavour on a terminal, a line per change in a log.

use std::io;
use std::time::Instant;

use indicatif::ProgressDrawTarget;

use super::plain_progress::PlainProgress;
use super::progress_bars::ProgressBars;
use super::record::RunRecord;
use super::reporter_set::Reporter;
use crate::event::Event;

/// Redraws of live lines per second.
const RATE: u8 = 10;

/// Shows the progress.
pub struct Progress {
    begun: Instant,
    view: ProgressView,
}

enum ProgressView {
    Bars(ProgressBars),
    Lines(PlainProgress),
    /// Only warnings.
    Quiet,
}

impl Progress {
    /// Shows live lines if stderr is a terminal with cursor movement, otherwise plain
    /// ones.
    pub fn new(is_terminal: bool, flavours: &[String]) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(RATE);
        let view = if is_terminal && !target.is_hidden() {
            ProgressView::Bars(ProgressBars::new(target, flavours))
        } else {
            ProgressView::Lines(PlainProgress::new(Box::new(io::stderr())))
        };
        Progress {
            begun: Instant::now(),
            view,
        }
    }

    /// Shows only warnings.
    pub fn quiet() -> Self {
        Progress {
            begun: Instant::now(),
            view: ProgressView::Quiet,
        }
    }
}

impl Reporter for Progress {
    fn name(&self) -> &str {
        "progress"
    }

    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        match &mut self.view {
            ProgressView::Bars(bars) => bars.on_event(event),
            ProgressView::Lines(lines) => lines.on_event(event, self.begun.elapsed()),
            ProgressView::Quiet => match event {
                Event::Warning { text } => {
                    use io::Write;
                    writeln!(io::stderr(), "warning: {}", super::text::visible(text))
                }
                _ => Ok(()),
            },
        }
    }

    /// Removes the live lines.
    fn finish(&mut self, _: &RunRecord) -> io::Result<()> {
        match &self.view {
            ProgressView::Bars(bars) => bars.clear(),
            ProgressView::Lines(_) | ProgressView::Quiet => Ok(()),
        }
    }
    fn is_wanted(&self) -> bool {
        false
    }
}
