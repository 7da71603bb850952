//! The course of one run of dbmatrix: its events and when they came.

use std::time::Duration;

use dbmatrix_report::event::{Event, Phase};

use crate::Result;
use crate::process::Ended;

/// Events of a run with the time since its start at which they were heard.
#[derive(Debug)]
pub(crate) struct RunTrace {
    heard: Vec<(Duration, Event)>,
    pub(crate) ended: Ended,
}

/// A part of a run with its time in seconds.
pub(crate) type Part = (String, f64);

impl RunTrace {
    pub(crate) fn new(heard: Vec<(Duration, Event)>, ended: Ended) -> Self {
        RunTrace { heard, ended }
    }

    /// # Errors
    /// Where the run ended with another status than these.
    pub(crate) fn expect(self, statuses: &[i32]) -> Result<Self> {
        let status = self.ended.status.code();
        if status.is_some_and(|status| statuses.contains(&status)) {
            return Ok(self);
        }
        let reasons: String = self
            .heard
            .iter()
            .filter_map(|(_, event)| why(event))
            .collect();
        let words = self.ended.last_words();
        Err(format!(
            "dbmatrix ended with {}\n{reasons}{words}",
            self.ended.status
        )
        .into())
    }

    fn times<'a>(
        &'a self,
        is_it: impl Fn(&Event) -> bool + 'a,
    ) -> impl Iterator<Item = Duration> + 'a {
        let found = self.heard.iter().filter(move |(_, event)| is_it(event));
        found.map(|(at, _)| *at)
    }

    /// Until the last flavour was logged in, in seconds.
    ///
    /// # Errors
    /// Where none was.
    pub(crate) fn logged_in(&self) -> Result<f64> {
        let ready = self.times(|event| matches!(event, Event::FlavourReady { .. }));
        let last = ready.max().ok_or("nobody was logged in")?;
        Ok(last.as_secs_f64())
    }

    /// Until each flavour was about to be sent its first statement.
    ///
    /// # Errors
    /// Where nothing was run.
    pub(crate) fn first_statements(&self) -> Result<f64> {
        let mut firsts = std::collections::BTreeMap::new();
        for (at, event) in &self.heard {
            if let Event::CaseStarted { flavour, .. } = event {
                firsts.entry(flavour).or_insert(*at);
            }
        }
        let last = firsts.values().max().ok_or("no statement was sent")?;
        Ok(last.as_secs_f64())
    }

    /// From the first case to the last, and the steps that were run.
    ///
    /// # Errors
    /// Where nothing was run.
    pub(crate) fn steps(&self) -> Result<Steps> {
        let mut done = Steps::default();
        for (_, event) in &self.heard {
            if let Event::CaseFinished { result, file, .. } = event {
                if let Some(reason) = &result.aborted {
                    return Err(format!("{}: {reason}", file.display()).into());
                }
                done.number += result.passed + result.failed + result.known;
                done.failed += result.failed;
            }
        }
        let first = self
            .times(|event| matches!(event, Event::CaseStarted { .. }))
            .min();
        let last = self
            .times(|event| matches!(event, Event::CaseFinished { .. }))
            .max();
        let took = last.zip(first).map(|(last, first)| last - first);
        done.seconds = took.ok_or("nothing was run")?.as_secs_f64();
        Ok(done)
    }

    /// Until the last event, the servers' rest excluded.
    pub(crate) fn whole(&self) -> f64 {
        let last = self.heard.last().map_or(self.ended.took, |(at, _)| *at);
        last.as_secs_f64()
    }

    /// Until the ground, the nest and the route stood, by steps; then each
    /// flavour, by phases.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let mut parts = vec![("from command to first event".to_owned(), self.first_event())];
        parts.extend(self.setup());
        for flavour in self.flavours() {
            parts.extend(self.phases(flavour));
        }
        parts
    }

    fn first_event(&self) -> f64 {
        self.heard.first().map_or(0.0, |(at, _)| at.as_secs_f64())
    }

    fn setup(&self) -> Vec<Part> {
        let mut marks = Vec::new();
        for (at, event) in &self.heard {
            match event {
                Event::SetupStarted { step } => marks.push((*at, format!("setup: {step}"))),
                Event::SetupFinished { .. } => marks.push((*at, String::new())),
                _ => {}
            }
        }
        between(&marks)
    }

    fn flavours(&self) -> Vec<&str> {
        self.heard
            .iter()
            .find_map(|(_, event)| match event {
                Event::RunStarted { flavours, .. } => {
                    Some(flavours.iter().map(String::as_str).collect())
                }
                _ => None,
            })
            .unwrap_or_default()
    }

    fn phases(&self, name: &str) -> Vec<Part> {
        let mut marks = Vec::new();
        for (at, event) in &self.heard {
            match event {
                Event::FlavourPhase { flavour, phase } if flavour == name => {
                    marks.push((*at, format!("{name}: {}", Phase::as_str(*phase))));
                }
                Event::FlavourReady { flavour, .. } if flavour == name => {
                    marks.push((*at, String::new()));
                }
                _ => {}
            }
        }
        between(&marks)
    }
}

/// Steps that were run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Steps {
    pub(crate) number: usize,
    pub(crate) failed: usize,
    pub(crate) seconds: f64,
}

impl Steps {
    pub(crate) fn per_second(&self) -> f64 {
        self.number as f64 / self.seconds
    }
}

/// Marks that begin a part as parts; the last one only ends its predecessor. A
/// part that comes several times counts as one.
pub(crate) fn between(marks: &[(Duration, String)]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for pair in marks.windows(2) {
        let [(begun, name), (ended, _)] = pair else {
            continue;
        };
        let took = ended.saturating_sub(*begun).as_secs_f64();
        match parts.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += took,
            None => parts.push((name.clone(), took)),
        }
    }
    parts
}

fn why(event: &Event) -> Option<String> {
    match event {
        Event::FlavourUnavailable {
            flavour, reason, ..
        } => Some(format!("{flavour}: {reason}\n")),
        Event::Aborted { reason, .. } => Some(format!("{reason}\n")),
        _ => None,
    }
}

/// The same parts of several runs, in the order of the first of them.
pub(crate) fn series(runs: &[Vec<Part>]) -> Vec<(String, Vec<f64>)> {
    let names = runs.first().into_iter().flatten().map(|(name, _)| name);
    let samples = |name: &String| {
        let all = runs.iter().flatten();
        all.filter(|(other, _)| other == name)
            .map(|(_, took)| *took)
            .collect()
    };
    names.map(|name| (name.clone(), samples(name))).collect()
}
