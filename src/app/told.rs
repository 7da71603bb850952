//! Warnings that several runs of one command have in common: each is shown once.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use dbmatrix_report::event::Event;
use dbmatrix_report::{Progress, Reporter, RunRecord};

/// The warnings that were shown. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToldWarnings(Arc<Mutex<BTreeSet<String>>>);

impl ToldWarnings {
    /// Whether an event is a warning that was shown before; notes it otherwise.
    fn is_repeated(&self, event: &Event) -> bool {
        let Event::Warning { text } = event else {
            return false;
        };
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !told.insert(text.clone())
    }

    /// A progress that omits these warnings.
    pub(crate) fn without_repeated(&self, progress: Progress) -> impl Reporter + use<> {
        WithoutRepeated {
            told: self.clone(),
            progress,
        }
    }
}

struct WithoutRepeated {
    told: ToldWarnings,
    progress: Progress,
}

impl Reporter for WithoutRepeated {
    fn name(&self) -> &str {
        self.progress.name()
    }

    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        match self.told.is_repeated(event) {
            true => Ok(()),
            false => self.progress.on_event(event),
        }
    }

    fn finish(&mut self, run: &RunRecord) -> io::Result<()> {
        self.progress.finish(run)
    }

    fn is_wanted(&self) -> bool {
        self.progress.is_wanted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_shown_once() {
        let told = ToldWarnings::default();
        let warning = |text: &str| Event::Warning {
            text: text.to_owned(),
        };
        let shown = |text: &str| !told.clone().is_repeated(&warning(text));
        let all = [shown("a"), shown("b"), shown("a"), shown("b")];
        assert_eq!(all, [true, true, false, false]);
        assert!(!told.is_repeated(&Event::Interrupted));
        assert!(!told.is_repeated(&Event::Interrupted));
    }
}
