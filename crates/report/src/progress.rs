//! Progress on stderr: a line per flavour on a terminal, a line per change in a log.

use std::io;
use std::time::Instant;

use indicatif::ProgressDrawTarget;

use super::plain_progress::Lines;
use super::progress_bars::Bars;
use super::record::RunRecord;
use super::reporter_set::Reporter;
use crate::event::Event;

/// Redraws of live lines per second.
const RATE: u8 = 10;

/// Shows the progress.
pub struct Progress {
    begun: Instant,
    shown: Shown,
}

enum Shown {
    Bars(Bars),
    Lines(Lines),
    /// Only warnings.
    Quiet,
}

impl Progress {
    /// Shows live lines if stderr is a terminal with cursor movement, otherwise plain
    /// ones.
    pub fn new(is_terminal: bool, flavours: &[String]) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(RATE);
        let shown = if is_terminal && !target.is_hidden() {
            Shown::Bars(Bars::new(target, flavours))
        } else {
            Shown::Lines(Lines::new(Box::new(io::stderr())))
        };
        Progress {
            begun: Instant::now(),
            shown,
        }
    }

    /// Shows only warnings.
    pub fn quiet() -> Self {
        Progress {
            begun: Instant::now(),
            shown: Shown::Quiet,
        }
    }
}

impl Reporter for Progress {
    fn name(&self) -> &str {
        "progress"
    }

    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        match &mut self.shown {
            Shown::Bars(bars) => bars.on_event(event),
            Shown::Lines(lines) => lines.on_event(event, self.begun.elapsed()),
            Shown::Quiet => match event {
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
        match &self.shown {
            Shown::Bars(bars) => bars.clear(),
            Shown::Lines(_) | Shown::Quiet => Ok(()),
        }
    }
    fn is_wanted(&self) -> bool {
        false
    }
}
