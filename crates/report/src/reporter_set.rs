//! The reporters of a run: any number, none of which can affect another.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Progress, RunRecord};
use crate::event::Event;

/// Shows or writes events.
pub trait Reporter: Send {
    /// Its name in messages, such as `junit`.
    fn name(&self) -> &str;

    /// Handles one event.
    ///
    /// # Errors
    /// If it cannot continue; it receives no more events then.
    fn on_event(&mut self, event: &Event) -> io::Result<()>;

    /// Handles the end of the run with its complete record. Called again if another
    /// reporter fails then, which is part of the record.
    ///
    /// # Errors
    /// If its result is incomplete.
    fn finish(&mut self, _run: &RunRecord) -> io::Result<()> {
        Ok(())
    }

    /// Whether the user requested its result: a run without it fails.
    fn is_wanted(&self) -> bool {
        true
    }
}

/// A reporter that could not continue.
#[derive(Debug)]
pub(super) struct FailedReporter {
    /// The warning about it.
    pub(super) warning: Event,
    pub(super) was_wanted: bool,
}

/// Reporters in the order in which they receive events. One that fails or panics is
/// removed, and the others continue and receive a warning.
#[derive(Default)]
pub struct ReporterSet(Vec<Box<dyn Reporter>>);

impl ReporterSet {
    /// Creates the set.
    pub fn new(reporters: Vec<Box<dyn Reporter>>) -> Self {
        ReporterSet(reporters)
    }

    /// Passes an event to all reporters; returns those that failed.
    pub(super) fn dispatch(&mut self, event: &Event) -> Vec<FailedReporter> {
        let mut lost = self.call_each(|reporter| reporter.on_event(event));
        let mut at = 0;
        while at < lost.len() {
            let warning = lost[at].warning.clone();
            lost.extend(self.call_each(|reporter| reporter.on_event(&warning)));
            at += 1;
        }
        lost
    }

    /// Passes the end of the run to all reporters; returns those that failed.
    pub(super) fn finish(&mut self, run: &RunRecord) -> Vec<FailedReporter> {
        self.call_each(|reporter| reporter.finish(run))
    }

    fn call_each(
        &mut self,
        mut ask: impl FnMut(&mut Box<dyn Reporter>) -> io::Result<()>,
    ) -> Vec<FailedReporter> {
        let mut lost = Vec::new();
        self.0.retain_mut(|reporter| {
            let reason = match catch_unwind(AssertUnwindSafe(|| ask(reporter))) {
                Ok(Ok(())) => return true,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it panicked, which is a bug of dbmatrix".to_owned(),
            };
            lost.push(FailedReporter {
                warning: Event::Warning {
                    text: format!("report `{}` ends here: {reason}", reporter.name()),
                },
                was_wanted: reporter.is_wanted(),
            });
            false
        });
        lost
    }
}

impl From<Progress> for ReporterSet {
    fn from(progress: Progress) -> Self {
        ReporterSet::new(vec![Box::new(progress)])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::drive;
    use crate::event::{Sender, Verdict};

    /// Forwards its events.
    struct Witness(mpsc::Sender<Event>);

    impl Reporter for Witness {
        fn name(&self) -> &str {
            "witness"
        }

        fn on_event(&mut self, event: &Event) -> io::Result<()> {
            self.0.send(event.clone()).map_err(io::Error::other)
        }
    }

    struct FullDisk;

    impl Reporter for FullDisk {
        fn name(&self) -> &str {
            "junit"
        }

        fn on_event(&mut self, _: &Event) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    struct Bug;

    impl Reporter for Bug {
        fn name(&self) -> &str {
            "html"
        }

        fn on_event(&mut self, event: &Event) -> io::Result<()> {
            panic!("no idea what to do with {event:?}");
        }
    }

    #[tokio::test]
    async fn a_failing_and_a_panicking_reporter_leave_the_others_in_peace() {
        let (sender, events) = Sender::channel();
        sender.send(Event::Interrupted);
        sender.send(Event::SetupStarted {
            step: "engine".to_owned(),
        });
        drop(sender);
        let (heard, witness) = mpsc::channel();
        let reporters = ReporterSet::new(vec![
            Box::new(FullDisk),
            Box::new(Bug),
            Box::new(Witness(heard)),
        ]);
        let record = drive(events, reporters).await;
        assert_eq!(record.verdict(), Verdict::Interrupted);
        let told: Vec<String> = witness
            .into_iter()
            .map(|event| match event {
                Event::Warning { text } => text,
                Event::RunFinished { .. } => "finished".to_owned(),
                other => serde_json::to_string(&other).expect("plain data"),
            })
            .collect();
        assert_eq!(
            told,
            [
                "{\"event\":\"interrupted\"}",
                "report `junit` ends here: no storage space",
                "report `html` ends here: it panicked, which is a bug of dbmatrix",
                "{\"event\":\"setup-started\",\"step\":\"engine\"}",
                "finished",
            ]
        );
    }

    /// Writes nothing, and reports that at the end.
    struct NoPage;

    impl Reporter for NoPage {
        fn name(&self) -> &str {
            "html"
        }

        fn on_event(&mut self, _: &Event) -> io::Result<()> {
            Ok(())
        }

        fn finish(&mut self, _: &RunRecord) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    /// Forwards the verdicts that it receives.
    struct LastWord(mpsc::Sender<Verdict>);

    impl Reporter for LastWord {
        fn name(&self) -> &str {
            "junit"
        }

        fn on_event(&mut self, _: &Event) -> io::Result<()> {
            Ok(())
        }

        fn finish(&mut self, run: &RunRecord) -> io::Result<()> {
            self.0.send(run.verdict()).map_err(io::Error::other)
        }
    }

    #[tokio::test]
    async fn a_report_that_is_lost_at_the_end_is_in_the_verdict_of_all_others() {
        let (sender, events) = Sender::channel();
        drop(sender);
        let (heard, witness) = mpsc::channel();
        let (word, last) = mpsc::channel();
        let reporters = ReporterSet::new(vec![
            Box::new(LastWord(word)),
            Box::new(Witness(heard)),
            Box::new(NoPage),
        ]);
        let record = drive(events, reporters).await;
        assert_eq!(record.verdict(), Verdict::NotProvided);
        assert_eq!(last.into_iter().last(), Some(Verdict::NotProvided));
        let told = witness.into_iter().last();
        assert!(
            matches!(
                told,
                Some(Event::RunFinished {
                    verdict: Verdict::NotProvided,
                    ..
                })
            ),
            "{told:?}"
        );
    }

    #[tokio::test]
    async fn a_run_that_lost_a_case_is_no_good_run() {
        let (sender, events) = Sender::channel();
        sender.send(Event::CaseStarted {
            flavour: "m".to_owned(),
            suite: "s".to_owned(),
            file: "a.sql".into(),
        });
        drop(sender);
        let record = drive(events, ReporterSet::default()).await;
        assert_eq!(record.verdict(), Verdict::NotProvided);
    }
}
