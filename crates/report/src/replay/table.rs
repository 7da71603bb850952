//! A replay as text for a terminal: what was sent, a table of flavours, errors, and the
//! forms of statements whose times differ.

use std::collections::BTreeSet;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table};
use unicode_width::UnicodeWidthStr;

use super::ratio::{LEAST_ROUNDS, median, one_in};
use super::{
    Latency, Ratio, ReplayReport, ReplayedDigest, ReplayedDigestOn, ReplayedError, ReplayedFlavour,
};
use crate::classes::describe_missing_on;
use crate::summary_table::new_table;
use crate::text::{Colour, count, indented, one_line, span, thousands, visible};

/// Forms of statements that are shown; JSON has all.
const MOST_DIGESTS: usize = 20;
/// Columns of a statement or message.
const WIDEST: usize = 200;
/// The fewest columns for a form in the table.
const LEAST_FORM: usize = 30;

/// A form whose times on a flavour differ from the baseline's.
struct Differing<'a> {
    form: String,
    on: &'a ReplayedDigestOn,
    baseline: &'a ReplayedDigestOn,
    ratio: Ratio,
}

impl Differing<'_> {
    /// Seconds by which the rounds of both differ.
    fn weight(&self) -> f64 {
        let (own, base) = (self.on.latency.p50, self.baseline.latency.p50);
        own.abs_diff(base).as_secs_f64() * self.on.statements as f64
    }
}

impl ReplayReport {
    /// The report as text. Tables fit into `width` columns where that is possible.
    pub fn render(&self, width: usize, colour: Colour) -> String {
        let mut text = self.heading();
        for (number, reason) in &self.left_out {
            let number = thousands(*number as usize);
            text.push_str(&format!("  {number} left out: {}\n", visible(reason)));
        }
        let missing = self.flavours.iter().flat_map(|flavour| {
            let missing = flavour.missing.iter();
            missing.map(|missing| (flavour.name.as_str(), missing))
        });
        text.push_str(&describe_missing_on(missing, self.flavours.len()));
        text.push_str(&format!("\n{}\n", self.flavour_table()));
        text.push_str(&describe_aborted(&self.flavours, colour));
        text.push_str(&describe_errors(&self.flavours, colour));
        text.push_str(&self.digest_table(width));
        for note in &self.notes {
            text.push_str(&indented(&format!("note: {note}"), ""));
        }
        if !self.complete {
            let word = colour.bad("INCOMPLETE");
            text.push_str(&format!("\n{word}: not all rounds ran to their ends\n"));
        }
        text
    }

    fn heading(&self) -> String {
        let pace = match self.speed {
            None => "as fast as possible".to_owned(),
            Some(1.0) => "at the log's own pace".to_owned(),
            Some(speed) => format!("{speed} times as fast as in the log"),
        };
        // Without a round that has ended, what one sends is unknown.
        let sent = match self.statements {
            0 => String::new(),
            statements => format!(
                "{} on {} (at most {} at once), ",
                counted(statements, "statement"),
                counted(self.connections, "connection"),
                thousands(self.connections_at_once as usize),
            ),
        };
        let log_time = match self.log_time {
            Some(time) => format!("; {} of the log", span(time)),
            None => String::new(),
        };
        let rounds = count(self.rounds, "round");
        let log = visible(&self.log);
        format!("{log}: {sent}{pace}, {rounds}{log_time}\n")
    }

    fn flavour_table(&self) -> Table {
        let against = match &self.baseline {
            Some(baseline) => format!("time against\n{baseline}"),
            None => "time".to_owned(),
        };
        let mut table = new_table();
        let heads = [
            "flavour",
            "server",
            "answers",
            "errors",
            "per second",
            "p50",
            "p95",
            "p99",
            "behind",
        ];
        table.set_header(heads.map(str::to_owned).into_iter().chain([against]));
        for flavour in &self.flavours {
            table.add_row(self.flavour_row(flavour).into_iter().map(Cell::new));
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// Medians over the rounds; the errors and the delay of the worst round.
    fn flavour_row(&self, flavour: &ReplayedFlavour) -> Vec<String> {
        let rounds = flavour.counted();
        let figure = |of: fn(&super::ReplayedRound) -> f64| {
            median(&rounds.iter().map(|round| of(round)).collect::<Vec<f64>>())
        };
        let answers = figure(|round| round.statements as f64);
        let per_second = figure(|round| {
            round.statements as f64 / round.took.as_secs_f64().max(f64::MIN_POSITIVE)
        });
        let latencies: Vec<Latency> = rounds.iter().map(|round| round.latency).collect();
        let Latency { p50, p95, p99 } = Latency::median(&latencies);
        let time = |time| match latencies.is_empty() {
            true => "-".to_owned(),
            false => time_text(time),
        };
        let behind = rounds.iter().filter_map(|round| round.behind).max();
        let ratio = match (&flavour.ratio, &self.baseline) {
            (_, Some(baseline)) if *baseline == flavour.name => "1".to_owned(),
            (Some(ratio), _) => ratio_text(ratio),
            (None, _) => "-".to_owned(),
        };
        let whole = |number: Option<f64>| number.map_or("-".to_owned(), |n| thousands(n as usize));
        let errors = rounds.iter().map(|round| round.errors).max();
        vec![
            visible(&flavour.name),
            visible(&flavour.version),
            whole(answers),
            errors.map_or("-".to_owned(), |number| thousands(number as usize)),
            whole(per_second),
            time(p50),
            time(p95),
            time(p99),
            behind.map_or("-".to_owned(), time_text),
            ratio,
        ]
    }

    fn digest_table(&self, width: usize) -> String {
        let differing = self.differing();
        let Some(baseline) = &self.baseline else {
            return String::new();
        };
        let compared = self
            .digests
            .iter()
            .filter(|digest| digest.flavours.len() > 1);
        let compared = compared.count();
        if compared == 0 {
            return String::new();
        }
        let beyond = "beyond the spread of rounds";
        if differing.is_empty() {
            let few = match self.rounds < LEAST_ROUNDS {
                true => "; fewer than 3 rounds show no difference (`--rounds 3`)",
                false => "",
            };
            let digests = count(compared, "digest");
            return format!("\nnone of {digests} differs {beyond}{few}\n");
        }
        let digests: BTreeSet<&str> = differing.iter().map(|one| one.form.as_str()).collect();
        let differ = match digests.len() {
            1 => "differs",
            _ => "differ",
        };
        let of_all = format!("{} of {}", digests.len(), count(compared, "digest"));
        let mut text = format!("\n{of_all} {differ} {beyond}, those with the most time first");
        if let Some(one_in) = one_in(self.rounds).filter(|one_in| *one_in < 100) {
            let chance = format!(" (1 of {one_in} equal ones is here by chance)");
            text.push_str(&chance);
        }
        let table = table_of(&differing, baseline, width);
        text.push_str(&format!(":\n{table}\n"));
        if let more @ 1.. = differing.len().saturating_sub(MOST_DIGESTS) {
            text.push_str(&format!("… and {more} more; `--format json` has all\n"));
        }
        text
    }

    /// Forms whose times differ, those with the largest difference over a round first.
    fn differing(&self) -> Vec<Differing<'_>> {
        let Some(baseline) = &self.baseline else {
            return Vec::new();
        };
        let mut all: Vec<Differing<'_>> = Vec::new();
        for digest in &self.digests {
            let Some(base) = digest.flavours.iter().find(|one| one.flavour == *baseline) else {
                continue;
            };
            for on in &digest.flavours {
                if let Some(ratio) = on.ratio.filter(Ratio::differs) {
                    all.push(Differing {
                        form: digest.title(),
                        on,
                        baseline: base,
                        ratio,
                    });
                }
            }
        }
        all.sort_by(|one, other| other.weight().total_cmp(&one.weight()));
        all
    }
}

/// The first of the forms that differ, with their times on both sides.
fn table_of(differing: &[Differing<'_>], baseline: &str, width: usize) -> Table {
    let mut table = new_table();
    let head = ["flavour", "p50", baseline, "ratio", "statements", "digest"];
    table.set_header(head.map(str::to_owned));
    let cells = |one: &Differing<'_>, form: String| {
        [
            visible(&one.on.flavour),
            time_text(one.on.latency.p50),
            time_text(one.baseline.latency.p50),
            ratio_text(&one.ratio),
            thousands(one.on.statements as usize),
            form,
        ]
    };
    let shown = || differing.iter().take(MOST_DIGESTS);
    let column = |at: usize| {
        let cells = shown().map(|one| cells(one, String::new())[at].width());
        cells.chain([head[at].width()]).max().unwrap_or(0)
    };
    // Each column has a margin on both sides and a line.
    let others: usize = (0..5).map(|at| column(at) + 3).sum();
    let room = width.saturating_sub(others + 4).max(LEAST_FORM);
    for one in shown() {
        table.add_row(cells(one, one_line(&one.form, room)));
    }
    for column in table.column_iter_mut().skip(1).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

impl ReplayedDigest {
    fn title(&self) -> String {
        match &self.digest {
            Some(form) => form.clone(),
            None => "(rarer digests together)".to_owned(),
        }
    }
}

/// Why flavours were not measured to their ends.
fn describe_aborted(flavours: &[ReplayedFlavour], colour: Colour) -> String {
    let mut text = String::new();
    for flavour in flavours {
        if let Some(reason) = &flavour.aborted {
            let word = colour.bad("aborted");
            text.push_str(&format!("\n{}: {word}\n", visible(&flavour.name)));
            text.push_str(&indented(reason, "  "));
        }
    }
    text
}

/// The errors, each with the flavours that answer it alike.
fn describe_errors(flavours: &[ReplayedFlavour], colour: Colour) -> String {
    let mut groups: Vec<(&ReplayedError, usize, Vec<String>)> = Vec::new();
    for flavour in flavours {
        let rounds = flavour.rounds.len();
        for error in &flavour.errors {
            let is_same = |group: &&mut (&ReplayedError, usize, Vec<String>)| {
                (group.0, group.1) == (error, rounds)
            };
            match groups.iter_mut().find(is_same) {
                Some((_, _, names)) => names.push(visible(&flavour.name)),
                None => groups.push((error, rounds, vec![visible(&flavour.name)])),
            }
        }
    }
    let groups = groups.into_iter().map(|(error, rounds, names)| {
        format!(
            "\n{}: {}: {} in {}\n  {}: {}\n  {}\n",
            names.join(", "),
            colour.odd(visible(&error.title)),
            counted(error.statements, "statement"),
            count(rounds, "round"),
            visible(&error.place),
            one_line(&error.statement, WIDEST),
            one_line(&error.message, WIDEST)
        )
    });
    groups.collect()
}

fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number as usize))
}

/// Such as `2.31 (2.10 to 2.52)`.
fn ratio_text(ratio: &Ratio) -> String {
    match (ratio.lowest, ratio.highest) {
        (Some(lowest), Some(highest)) => {
            format!("{:.2} ({lowest:.2} to {highest:.2})", ratio.median)
        }
        _ => format!("{:.2}", ratio.median),
    }
}

/// A time with three digits, such as `12.3 ms`.
fn time_text(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (number, unit) = match time.as_micros() {
        0..1_000 => (seconds * 1e6, "µs"),
        1_000..1_000_000 => (seconds * 1e3, "ms"),
        1_000_000..60_000_000 => (seconds, "s"),
        _ => return span(time),
    };
    let digits = match number {
        0.0..10.0 if unit != "µs" => 2,
        10.0..100.0 if unit != "µs" => 1,
        _ => 0,
    };
    format!("{number:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        let shown = [
            7,
            310,
            1_234,
            12_345,
            310_000,
            1_500_000,
            59_000_000,
            192_000_000,
        ]
        .map(|micros| time_text(Duration::from_micros(micros)));
        assert_eq!(
            shown,
            [
                "7 µs",
                "310 µs",
                "1.23 ms",
                "12.3 ms",
                "310 ms",
                "1.50 s",
                "59.0 s",
                "3 min 12 s"
            ]
        );
    }
}
