//! Events as JSON Lines, written as they arrive.

use std::io::{self, Write};

use super::reporter_set::Reporter;
use crate::event::Event;

/// Writes each event on a separate line.
pub(super) struct JsonLines {
    name: String,
    out: Box<dyn Write + Send>,
}

impl JsonLines {
    pub(super) fn new(name: String, out: Box<dyn Write + Send>) -> Self {
        JsonLines { name, out }
    }
}

impl Reporter for JsonLines {
    fn name(&self) -> &str {
        &self.name
    }

    /// An interrupted run leaves complete lines. The progress of a case and
    /// of measuring is omitted.
    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        if matches!(event, Event::CaseProgress { .. } | Event::Measuring { .. }) {
            return Ok(());
        }
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        match event {
            Event::Diverged(_) => Ok(()),
            _ => self.out.flush(),
        }
    }
}
