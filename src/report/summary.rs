//! A run summed up: a table, then what was not as expected, then a last line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::divergence::{self, Differences};
use super::failure;
use super::grid::{Detail, Grid};
use super::text::{Colour, count, indented, span};
use crate::compare::Kind;
use crate::event::{CaseResult, CellVerdict, Divergence, Event, Stale, Standing, Verdict};

/// All that a run said, by flavour.
#[derive(Debug, Default)]
pub struct Summary {
    /// In the order in which flavours are shown.
    order: Vec<String>,
    colour: Colour,
    detail: Detail,
    versions: BTreeMap<String, String>,
    unavailable: BTreeMap<String, Unavailable>,
    cases: Vec<CaseOn>,
    divergences: Vec<Divergence>,
    /// Steps that differ in what does not count and are not told, by kind.
    untold: (usize, BTreeMap<Kind, usize>),
    stale: Vec<Stale>,
    differences: Differences,
    warnings: Vec<String>,
    aborted: Option<Verdict>,
    interrupted: bool,
}

#[derive(Debug)]
struct Unavailable {
    required: bool,
    reason: String,
}

/// A file's end on one flavour.
#[derive(Debug)]
pub(super) struct CaseOn {
    pub(super) flavour: String,
    pub(super) suite: String,
    pub(super) file: PathBuf,
    pub(super) result: CaseResult,
}

impl Summary {
    /// Sets the order in which flavours are shown; those that it does not name
    /// follow.
    pub fn set_order(&mut self, flavours: &[String]) {
        self.order = flavours.to_vec();
        let place = |case: &CaseOn| flavours.iter().position(|name| *name == case.flavour);
        self.cases.sort_by_key(place);
    }

    /// Sets whether the text is coloured; it is not by default.
    pub fn set_colour(&mut self, colour: Colour) {
        self.colour = colour;
    }

    /// Sets which files have a row of their own.
    pub fn set_detail(&mut self, detail: Detail) {
        self.detail = detail;
    }

    /// Sets which differences are told one by one.
    pub fn set_differences(&mut self, which: Differences) {
        self.differences = which;
    }

    pub(super) fn hear(&mut self, event: Event) {
        match event {
            Event::FlavourReady {
                flavour, server, ..
            } => {
                self.versions.insert(flavour, server.version);
            }
            Event::FlavourUnavailable {
                flavour,
                required,
                reason,
            } => {
                self.unavailable
                    .insert(flavour, Unavailable { required, reason });
            }
            Event::CaseFinished {
                flavour,
                suite,
                file,
                result,
            } => self.cases.push(CaseOn {
                flavour,
                suite,
                file,
                result,
            }),
            Event::Diverged(found) => self.divergences.push(found),
            Event::MoreShown { steps, kinds, .. } => {
                self.untold.0 += steps;
                for (kind, steps) in kinds {
                    *self.untold.1.entry(kind).or_default() += steps;
                }
            }
            Event::Stale(entry) => self.stale.push(entry),
            Event::Warning { text } if !self.warnings.contains(&text) => self.warnings.push(text),
            Event::Aborted { verdict, .. } => self.aborted = Some(verdict),
            Event::Interrupted => self.interrupted = true,
            _ => {}
        }
    }

    /// How the run ended. With `strict`, every flavour is required.
    ///
    /// A flavour that is missing outweighs failures: without it, the run says
    /// nothing of the whole.
    pub fn verdict(&self, strict: bool) -> Verdict {
        let missing = self
            .unavailable
            .values()
            .any(|found| found.required || strict);
        let bad = self.cases.iter().any(|case| !case.result.is_good())
            || self.new_divergences() > 0
            || !self.stale.is_empty();
        let found = match (missing, bad) {
            (true, _) => Verdict::NotProvided,
            (_, true) => Verdict::Failed,
            (_, false) => Verdict::Passed,
        };
        match (self.interrupted, self.aborted) {
            (true, _) => Verdict::Interrupted,
            (_, Some(verdict)) => verdict.max(found),
            (_, None) => found,
        }
    }

    /// The whole summary. The table fits into `width` columns; all else is left
    /// to the terminal to wrap, so that it can be copied and searched.
    pub fn render(&self, width: u16, took: Duration, strict: bool) -> String {
        let flavours = self.flavours();
        let missing: Vec<&str> = self.unavailable.keys().map(String::as_str).collect();
        let grid = Grid {
            flavours: &flavours,
            versions: &self.versions,
            missing: &missing,
            cases: &self.cases,
            divergences: &self.divergences,
            detail: self.detail,
            colour: self.colour,
        };
        let mut text = match self.compares_only() {
            true => String::new(),
            false => grid.render(usize::from(width)),
        };
        text.push_str(&failure::all(&self.cases, self.colour));
        text.push_str(&divergence::all(
            &self.divergences,
            &self.untold,
            &self.stale,
            &self.differences,
            self.colour,
        ));
        text.push_str(&self.missing(strict));
        if !self.warnings.is_empty() {
            text.push_str("\nwarnings:\n");
            for warning in &self.warnings {
                text.push_str(&indented(warning, "  "));
            }
        }
        text.push_str(&format!("\n{}\n", self.last_line(took, strict)));
        text
    }

    fn compares_only(&self) -> bool {
        matches!(self.differences, Differences::Only { .. })
    }

    fn new_divergences(&self) -> usize {
        let new = |found: &&Divergence| found.standing == Standing::New;
        self.divergences.iter().filter(new).count()
    }

    fn flavours(&self) -> Vec<String> {
        let mut flavours = self.order.clone();
        let cases = self.cases.iter().map(|case| &case.flavour);
        let all = self.versions.keys().chain(self.unavailable.keys());
        for flavour in all.chain(cases) {
            if !flavours.contains(flavour) {
                flavours.push(flavour.clone());
            }
        }
        flavours
    }

    fn missing(&self, strict: bool) -> String {
        let mut text = String::new();
        for (flavour, found) in &self.unavailable {
            let required = found.required || strict;
            let (word, note) = match required {
                true => (self.colour.bad("unavailable"), "required"),
                false => (self.colour.odd("unavailable"), "not required"),
            };
            text.push_str(&format!("\n{flavour}: {word} ({note})\n"));
            text.push_str(&indented(&found.reason, "  "));
        }
        text
    }

    /// How it ended, totals, time.
    fn last_line(&self, took: Duration, strict: bool) -> String {
        let verdict = match self.verdict(strict) {
            Verdict::Passed if self.compares_only() => self.colour.good("alike"),
            Verdict::Failed if self.compares_only() => self.colour.bad("different"),
            Verdict::Passed if self.cases.is_empty() => self.colour.good("ready"),
            Verdict::Passed => self.colour.good("passed"),
            Verdict::Failed => self.colour.bad("failed"),
            Verdict::NotProvided => self.colour.bad("a required flavour could not be provided"),
            Verdict::Misused | Verdict::Interrupted => self.colour.bad("interrupted"),
        };
        let flavours = match self.unavailable.len() {
            0 => count(self.versions.len(), "flavour"),
            missing => format!(
                "{} ({missing} unavailable)",
                count(self.versions.len(), "flavour")
            ),
        };
        let took = span(took);
        if self.cases.is_empty() {
            return format!("{verdict}: {flavours} in {took}");
        }
        if self.compares_only() {
            let steps = |case: &CaseOn| case.result.passed + case.result.failed;
            let steps = self.cases.iter().map(steps).max().unwrap_or(0);
            let totals = divergence::totals(&self.divergences, steps);
            return format!("{verdict}: {totals}, on {flavours} in {took}");
        }
        let sum = |part: fn(&CaseResult) -> usize| {
            let parts = self.cases.iter().map(|case| part(&case.result));
            parts.sum::<usize>()
        };
        let mut notes = String::new();
        for (number, noun) in [
            (sum(|result| result.known), "known failure"),
            (self.new_divergences(), "new difference"),
            (self.stale.len(), "stale entr"),
        ] {
            match (number, noun) {
                (0, _) => {}
                (1, "stale entr") => notes.push_str(", 1 stale entry"),
                (_, "stale entr") => notes.push_str(&format!(", {number} stale entries")),
                _ => notes.push_str(&format!(", {}", count(number, noun))),
            }
        }
        let flaky = self
            .cases
            .iter()
            .filter(|case| case.result.verdict() == CellVerdict::Flaky);
        if let flaky @ 1.. = flaky.count() {
            notes.push_str(&format!(", {flaky} flaky"));
        }
        let early = match sum(|result| usize::from(result.aborted.is_some())) {
            0 => String::new(),
            early => format!(", {} ended early", count(early, "file")),
        };
        format!(
            "{verdict}: {} passed, {} failed, {} skipped steps{notes}{early} on {flavours} in {took}",
            sum(|result| result.passed),
            sum(|result| result.failed),
            sum(|result| result.skipped),
        )
    }
}

#[cfg(test)]
mod tests;
