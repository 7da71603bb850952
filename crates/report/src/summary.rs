//! The summary of a run: a table, then the failures, then a last line.

use std::collections::HashMap;
use std::path::Path;

use super::classes;
use super::divergence::{self, Differences, Listed};
use super::failure;
use super::record::{CaseOn, RunRecord};
use super::summary_table::{Detail, SummaryTable};
use super::text::{Colour, count, indented, span};
use super::unavailable::unavailable_groups;
use crate::event::{CaseResult, CellVerdict, Verdict};

/// Files of a flavour that were not sent, with the reason.
const MOST_FORBIDDEN: usize = 20;

/// A record formatted for a terminal.
#[derive(Debug)]
pub struct Summary<'a> {
    record: &'a RunRecord,
    colour: Colour,
    detail: Detail,
    differences: Differences,
    records: bool,
}

impl<'a> Summary<'a> {
    /// The summary of a run, without colour and with default details.
    pub fn of(record: &'a RunRecord) -> Self {
        Summary {
            record,
            colour: Colour::default(),
            detail: Detail::default(),
            differences: Differences::default(),
            records: false,
        }
    }

    /// Sets whether answers were recorded and not compared; by default they were compared.
    pub fn set_records(&mut self, records: bool) {
        self.records = records;
    }

    /// Sets whether the text is coloured; by default it is not.
    pub fn set_colour(&mut self, colour: Colour) {
        self.colour = colour;
    }

    /// Sets which files have a separate row.
    pub fn set_detail(&mut self, detail: Detail) {
        self.detail = detail;
    }

    /// Sets which differences are reported one by one.
    pub fn set_differences(&mut self, which: Differences) {
        self.differences = which;
    }

    /// The whole summary. The table fits into `width` columns; the terminal wraps
    /// everything else, so that it can be copied and searched.
    pub fn render(&self, width: u16) -> String {
        let record = self.record;
        let grid = SummaryTable {
            record,
            flavours: &record.flavours(),
            detail: self.detail,
            colour: self.colour,
        };
        let mut text = match self.compares_only() {
            true => String::new(),
            false => grid.render(usize::from(width)),
        };
        text.push_str(&classes::describe(record));
        let with_known = self.differences.listed == Listed::All || self.compares_only();
        let name_of = |file: &Path| self.differences.title_of(file);
        text.push_str(&failure::all(record, with_known, name_of, self.colour));
        text.push_str(&divergence::all(record, &self.differences, self.colour));
        text.push_str(&self.missing());
        text.push_str(&self.forbidden());
        if let Some((_, reason)) = &record.aborted {
            text.push('\n');
            text.push_str(&indented(&self.without_folder(reason), ""));
        }
        let warnings = record.warnings();
        if !warnings.is_empty() {
            text.push_str("\nwarnings:\n");
            for warning in &warnings {
                text.push_str(&indented(warning, "  "));
            }
        }
        text.push_str(&format!("\n{}\n", self.last_line()));
        text
    }

    fn compares_only(&self) -> bool {
        !self.differences.only.is_empty()
    }

    /// A reason that names statements as the user gave them, not by the temporary file
    /// that contains them.
    fn without_folder(&self, reason: &str) -> String {
        if !self.compares_only() {
            return reason.to_owned();
        }
        // `diff` has no such option.
        let lines = reason.lines();
        let lines = lines.filter(|line| !line.contains("`--no-tests=pass`"));
        let text = lines.collect::<Vec<&str>>().join("\n");
        let only = self.differences.only.iter();
        only.fold(text, |text, only| {
            text.replace(&only.file.display().to_string(), &only.title)
        })
    }

    fn missing(&self) -> String {
        let mut text = String::new();
        for group in unavailable_groups(self.record) {
            let word = match group.required {
                true => self.colour.bad("unavailable"),
                false => self.colour.odd("unavailable"),
            };
            text.push_str(&format!("\n{}: {word} ({})\n", group.names(), group.note()));
            text.push_str(&indented(group.reason, "  "));
        }
        text
    }

    /// Files that flavours did not allow, by flavour.
    fn forbidden(&self) -> String {
        let mut text = String::new();
        for flavour in self.record.flavours() {
            let of_flavour = |case: &&CaseOn| case.flavour == flavour && case.result.forbidden;
            let cases: Vec<&CaseOn> = self.record.cases.iter().filter(of_flavour).collect();
            if cases.is_empty() {
                continue;
            }
            text.push_str(&format!("\n{flavour}: {}\n", self.colour.odd("not sent")));
            for case in cases.iter().take(MOST_FORBIDDEN) {
                let name = self.differences.title_of(&case.file);
                let note = case.result.note.as_deref().unwrap_or_default();
                text.push_str(&indented(&format!("{name}: {note}"), "  "));
            }
            if let more @ 1.. = cases.len().saturating_sub(MOST_FORBIDDEN) {
                text.push_str(&indented(&format!("… and {more} more"), "  "));
            }
        }
        text
    }

    /// The verdict, totals, and duration.
    pub(super) fn last_line(&self) -> String {
        let record = self.record;
        let verdict = match record.verdict() {
            Verdict::Passed if self.records => self.colour.good("answered"),
            Verdict::Failed if self.records => self.colour.bad("failed"),
            Verdict::Passed if self.compares_only() => self.colour.good("alike"),
            Verdict::Failed if self.compares_only() => self.colour.bad("different"),
            Verdict::Passed if record.cases.is_empty() => self.colour.good("ready"),
            Verdict::Passed => self.colour.good("passed"),
            Verdict::Failed => self.colour.bad("failed"),
            Verdict::NotProvided if record.aborted.is_some() => self.colour.bad("incomplete"),
            Verdict::NotProvided if record.unavailable.values().all(|found| !found.required) => {
                self.colour.bad("a report could not be written")
            }
            Verdict::NotProvided => self.colour.bad("a required flavour could not be provided"),
            Verdict::Misused => self.colour.bad("nothing ran"),
            Verdict::Interrupted => self.colour.bad("interrupted"),
        };
        let flavours = match record.unavailable.len() {
            0 => count(record.servers.len(), "flavour"),
            missing => format!(
                "{} ({missing} unavailable)",
                count(record.servers.len(), "flavour")
            ),
        };
        let took = span(record.took);
        if record.cases.is_empty() {
            return format!("{verdict}: {flavours} in {took}");
        }
        if self.compares_only() {
            let mut of_flavours: HashMap<&str, usize> = HashMap::new();
            for case in &record.cases {
                let answered = case.result.passed + case.result.failed;
                *of_flavours.entry(&case.flavour).or_default() += answered;
            }
            let steps = of_flavours.into_values().max().unwrap_or(0);
            if self.records {
                let steps = count(steps, "statement");
                return format!("{verdict}: {steps} on {flavours} in {took}");
            }
            let totals = divergence::totals(record, steps);
            return format!("{verdict}: {totals}, on {flavours} in {took}");
        }
        let sum = |part: fn(&CaseResult) -> usize| {
            let parts = record.cases.iter().map(|case| part(&case.result));
            parts.sum::<usize>()
        };
        let mut notes = String::new();
        for (number, noun) in [
            (sum(|result| result.known), "known failure"),
            (record.new_divergences().count(), "new difference"),
            (record.stale.len(), "stale entr"),
        ] {
            match (number, noun) {
                (0, _) => {}
                (1, "stale entr") => notes.push_str(", 1 stale entry"),
                (_, "stale entr") => notes.push_str(&format!(", {number} stale entries")),
                _ => notes.push_str(&format!(", {}", count(number, noun))),
            }
        }
        let flaky = record
            .cases
            .iter()
            .filter(|case| case.result.verdict() == CellVerdict::Flaky);
        if let flaky @ 1.. = flaky.count() {
            notes.push_str(&format!(", {flaky} flaky"));
        }
        let early = match sum(|result| usize::from(result.aborted.is_some())) {
            0 => String::new(),
            early => format!(", {} aborted", count(early, "file")),
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
