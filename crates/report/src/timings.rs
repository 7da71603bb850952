//! Where a run's time went: its critical path, and how long each flavour spent in each
//! phase.
//!
//! The path is computed backwards. From the end of the run, it finds what ended last
//! before that; if that only waited, it continues with the cause of the wait.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};

use super::record::RunRecord;
use super::reporter_set::Reporter;
use crate::event::{Event, Phase};

/// The setup is a separate subject, beside flavours and images.
const SETUP: &str = "setup";
/// Files and commands of a flavour, as one phase.
const SUITES: &str = "running its suites";
/// Two spans count as consecutive if the gap is shorter than this.
const SLACK: Duration = Duration::from_millis(60);

/// Records when phases began and ended; clones share the record.
#[derive(Debug, Clone)]
pub struct Timings {
    begun: Instant,
    line: Arc<Mutex<Timeline>>,
}

/// A phase with its duration.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    subject: String,
    what: String,
    from: Duration,
    to: Duration,
    /// Whether it only waited for another span.
    waits: bool,
}

/// All spans.
#[derive(Debug, Default)]
struct Timeline {
    spans: Vec<Span>,
    /// Open spans, by subject.
    open: BTreeMap<String, Span>,
    /// Flavours and phases in order of appearance.
    flavours: Vec<String>,
    phases: Vec<String>,
}

impl Default for Timings {
    fn default() -> Self {
        Timings {
            begun: Instant::now(),
            line: Arc::default(),
        }
    }
}

impl Timings {
    fn line(&self) -> MutexGuard<'_, Timeline> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The critical path, and a table of phases by flavours.
    pub fn render(&self) -> String {
        self.line().render()
    }
}

impl Reporter for Timings {
    fn name(&self) -> &str {
        "timings"
    }

    fn on_event(&mut self, event: &Event) -> io::Result<()> {
        let at = self.begun.elapsed();
        self.line().on_event(event, at);
        Ok(())
    }

    fn finish(&mut self, _: &RunRecord) -> io::Result<()> {
        let at = self.begun.elapsed();
        self.line().end_all(at);
        Ok(())
    }

    fn is_wanted(&self) -> bool {
        false
    }
}

impl Timeline {
    fn on_event(&mut self, event: &Event, at: Duration) {
        match event {
            Event::SetupStarted { step } => self.begin(SETUP, step, at, false),
            Event::SetupFinished { .. } => self.end_span(SETUP, at),
            Event::ImageStarted { image } => {
                self.begin(&image_subject(image), "building", at, false);
            }
            Event::ImageFinished { image } => self.end_span(&image_subject(image), at),
            Event::FlavourPhase { flavour, phase } => {
                let waits = matches!(phase, Phase::Creating | Phase::Queued);
                self.begin_of(flavour, phase.as_str(), at, waits);
            }
            Event::FlavourReady { flavour, .. } => self.begin_of(flavour, SUITES, at, false),
            Event::FlavourUnavailable { flavour, .. } => self.end_span(flavour, at),
            Event::FlavourFinished { flavour } => self.end_span(flavour, at),
            _ => {}
        }
    }

    fn begin_of(&mut self, flavour: &str, what: &str, at: Duration, waits: bool) {
        add_name(&mut self.flavours, flavour);
        add_name(&mut self.phases, what);
        self.begin(flavour, what, at, waits);
    }

    fn begin(&mut self, subject: &str, what: &str, at: Duration, waits: bool) {
        if self.open.get(subject).is_some_and(|span| span.what == what) {
            return;
        }
        self.end_span(subject, at);
        let span = Span {
            subject: subject.to_owned(),
            what: what.to_owned(),
            from: at,
            to: at,
            waits,
        };
        self.open.insert(subject.to_owned(), span);
    }

    fn end_span(&mut self, subject: &str, at: Duration) {
        if let Some(mut span) = self.open.remove(subject) {
            span.to = at;
            self.spans.push(span);
        }
    }

    fn end_all(&mut self, at: Duration) {
        let open: Vec<String> = self.open.keys().cloned().collect();
        for subject in open {
            self.end_span(&subject, at);
        }
    }

    /// The spans that the end of the run waited for, in order. They are trimmed so that
    /// they do not overlap.
    fn critical_path(&self) -> Vec<Span> {
        let mut path: Vec<Span> = Vec::new();
        let Some(mut at) = self.spans.iter().map(|span| span.to).max() else {
            return path;
        };
        let mut subject = String::new();
        while let Some(span) = self.before(at, &subject) {
            let cause = span.waits.then(|| self.cause(span, at)).flatten();
            let from = cause.map_or(span.from, |cause| cause.to.min(at));
            path.push(Span {
                from,
                to: at,
                ..span.clone()
            });
            if span.from >= at && cause.is_none() {
                break;
            }
            at = from;
            subject = cause.unwrap_or(span).subject.clone();
        }
        path.retain(|span| span.to > span.from);
        path.reverse();
        path
    }

    /// The span that had just ended at `at`: of the same subject if possible, else of
    /// any; else what was active in the setup, or ended last.
    fn before(&self, at: Duration, subject: &str) -> Option<&Span> {
        let earlier = || (self.spans.iter()).filter(|span| span.from < at && span.to > span.from);
        let ended = || earlier().filter(|span| span.to <= at + SLACK);
        let just = || ended().filter(|span| span.to + SLACK >= at);
        let last = |span: &&Span| (span.to, !span.waits);
        let own = just().filter(|span| span.subject == subject);
        own.max_by_key(last)
            .or_else(|| just().max_by_key(last))
            .or_else(|| earlier().find(|span| span.subject == SETUP && span.to > at))
            .or_else(|| ended().max_by_key(last))
    }

    /// The span that ended last while `span` waited for it.
    fn cause(&self, span: &Span, at: Duration) -> Option<&Span> {
        self.spans
            .iter()
            .filter(|other| other.subject != span.subject && !other.waits)
            .filter(|other| other.subject != SETUP && other.what != SUITES)
            .filter(|other| other.to > span.from && other.to <= at && other.from < other.to)
            .max_by_key(|other| other.to)
    }

    fn render(&self) -> String {
        let path = self.critical_path();
        let mut text = String::from("\ncritical path:\n");
        for span in &path {
            let took = seconds(span.to.saturating_sub(span.from));
            let from = seconds(span.from);
            text.push_str(&format!(
                "  {from:>8}  +{took:<8} {}: {}\n",
                span.subject, span.what
            ));
        }
        let images: Vec<&Span> = self
            .spans
            .iter()
            .filter(|span| span.subject.starts_with(IMAGE))
            .collect();
        for span in images {
            let took = seconds(span.to - span.from);
            text.push_str(&format!("{}: {took}\n", span.subject));
        }
        text.push_str(&self.table());
        text
    }

    /// Phases by flavours, in seconds.
    fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        let head = std::iter::once("phase").chain(self.flavours.iter().map(String::as_str));
        table.set_header(head);
        for phase in &self.phases {
            let times = self.flavours.iter().map(|flavour| {
                let of = |span: &&Span| span.subject == *flavour && span.what == *phase;
                let all = self.spans.iter().filter(of);
                let sum: Duration = all.map(|span| span.to.saturating_sub(span.from)).sum();
                seconds(sum)
            });
            table.add_row(std::iter::once(phase.clone()).chain(times));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{table}\n")
    }
}

const IMAGE: &str = "image ";

fn image_subject(image: &str) -> String {
    format!("{IMAGE}{image}")
}

fn add_name(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn phase(flavour: &str, phase: Phase) -> Event {
        Event::FlavourPhase {
            flavour: flavour.to_owned(),
            phase,
        }
    }

    fn finished(flavour: &str) -> Event {
        Event::FlavourFinished {
            flavour: flavour.to_owned(),
        }
    }

    fn timeline(events: Vec<(u64, Event)>) -> Timeline {
        let mut line = Timeline::default();
        for (when, event) in &events {
            line.on_event(event, at(*when));
        }
        line.end_all(at(events.last().map_or(0, |(when, _)| *when)));
        line
    }

    fn path(line: &Timeline) -> String {
        let lines = line.critical_path().into_iter().map(|span| {
            let (from, to) = (span.from.as_secs(), span.to.as_secs());
            format!("{from}-{to} {}: {}", span.subject, span.what)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn setup(step: &str) -> Event {
        Event::SetupStarted {
            step: step.to_owned(),
        }
    }

    fn setup_finished() -> Event {
        Event::SetupFinished {
            machine: crate::event::Machine::default(),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn the_path_ends_with_the_slowest_flavour_and_begins_with_the_setup() {
        let line = timeline(vec![
            (0, setup("engine")),
            (2, setup_finished()),
            (2, phase("a", Phase::Starting)),
            (2, phase("b", Phase::Starting)),
            (3, phase("a", Phase::LoggingIn)),
            (4, finished("a")),
            (6, phase("b", Phase::LoggingIn)),
            (9, finished("b")),
        ]);
        insta::assert_snapshot!(path(&line), @r"
        0-2 setup: engine
        2-6 b: starting
        6-9 b: logging in
        ");
    }

    #[test]
    fn what_was_waited_for_is_on_the_path() {
        let image = || "debian:sid".to_owned();
        let line = timeline(vec![
            (0, setup("engine")),
            (1, Event::ImageStarted { image: image() }),
            (2, setup_finished()),
            (2, phase("a", Phase::Creating)),
            (7, Event::ImageFinished { image: image() }),
            (8, phase("a", Phase::Installing)),
            (9, finished("a")),
        ]);
        insta::assert_snapshot!(path(&line), @r"
        0-1 setup: engine
        1-7 image debian:sid: building
        7-8 a: creating its container
        8-9 a: installing its server
        ");
    }

    #[test]
    fn who_waits_for_its_turn_waits_for_who_had_it() {
        let line = timeline(vec![
            (0, phase("a", Phase::Installing)),
            (0, phase("b", Phase::Queued)),
            (5, phase("a", Phase::Configuring)),
            (5, phase("b", Phase::Installing)),
            (6, finished("a")),
            (9, finished("b")),
        ]);
        insta::assert_snapshot!(path(&line), @r"
        0-5 a: installing its server
        5-9 b: installing its server
        ");
    }
}
