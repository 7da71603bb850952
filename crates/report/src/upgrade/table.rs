//! Upgrades as text for a terminal: one table of all paths, and then what differs on each.

use comfy_table::{Cell, CellAlignment, Table};

use super::{UpgradeDifference, UpgradeOutcome, UpgradeReport, UpgradeWalk};
use crate::summary_table::new_table;
use crate::text::{Colour, block, count, one_line, span, thousands, visible};

/// Differences of a path that are shown, unless all are asked for.
const MOST: usize = 20;
/// Columns of a difference.
const WIDEST: usize = 300;
/// Lines of an error.
const MOST_LINES: usize = 30;

impl UpgradeReport {
    /// The report as text. `shows_all` shows each difference.
    pub fn render(&self, colour: Colour, shows_all: bool) -> String {
        let mut text = format!("{}\n", self.path_table());
        for walk in &self.walks {
            text.push_str(&describe_walk(walk, colour, shows_all));
        }
        for stale in &self.stale {
            let word = colour.bad("STALE");
            text.push_str(&format!("\n{word} {}\n", visible(stale)));
        }
        text
    }

    fn path_table(&self) -> Table {
        let mut table = new_table();
        table.set_header(["from", "to", "by", "outcome", "objects", "rows", "time"]);
        for walk in &self.walks {
            let by = match walk.through.as_slice() {
                [] => walk.by.clone(),
                through => format!("{} via {}", walk.by, through.join(", ")),
            };
            table.add_row([
                Cell::new(&walk.from.name),
                Cell::new(&walk.to.name),
                Cell::new(by),
                Cell::new(label(walk)),
                Cell::new(thousands(walk.objects)),
                Cell::new(thousands(usize::try_from(walk.rows).unwrap_or(usize::MAX))),
                Cell::new(span(walk.took)),
            ]);
        }
        for column in table.column_iter_mut().skip(4) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

/// A short text; no meaning depends on colour.
fn label(walk: &UpgradeWalk) -> String {
    let (new, known) = (walk.new_differences().count(), walk.differences.len());
    match walk.outcome {
        UpgradeOutcome::Same if known > 0 => format!("ok, {known} known"),
        UpgradeOutcome::Same => "ok".to_owned(),
        // Nothing but a suite may have noticed.
        UpgradeOutcome::Differs if new == 0 => "FAIL suites".to_owned(),
        UpgradeOutcome::Differs => format!("DIFF {new}"),
        UpgradeOutcome::Failed => "FAIL".to_owned(),
        UpgradeOutcome::Unavailable => "unavailable".to_owned(),
    }
}

/// What is to be said of a path beside its row; nothing if all is well.
fn describe_walk(walk: &UpgradeWalk, colour: Colour, shows_all: bool) -> String {
    let mut text = String::new();
    if let Some(failure) = &walk.failure {
        text.push_str(&format!("  could not {}:\n", visible(&failure.step)));
        text.push_str(&block(&failure.error, "    ", MOST_LINES, WIDEST));
    }
    let most = if shows_all { usize::MAX } else { MOST };
    let new: Vec<&UpgradeDifference> = walk.new_differences().collect();
    for difference in new.iter().take(most) {
        text.push_str(&line(difference));
    }
    if new.len() > most {
        let left = thousands(new.len() - most);
        text.push_str(&format!("  {left} more; `--all-differences` shows them\n"));
    }
    for file in walk.failed_files() {
        let problem = file.problem.as_deref().unwrap_or_default();
        let told = format!("{}, {}: {problem}", file.suite, file.file);
        text.push_str(&format!("  {}\n", one_line(&told, WIDEST)));
    }
    for note in &walk.notes {
        text.push_str(&format!("  note: {}\n", one_line(note, WIDEST)));
    }
    if shows_all {
        let known = walk.differences.iter().filter(|one| one.known.is_some());
        known.for_each(|difference| text.push_str(&line(difference)));
        walk.insignificant
            .iter()
            .for_each(|difference| text.push_str(&line(difference)));
    } else if !walk.insignificant.is_empty() {
        let kinds = walk.count_insignificant();
        let kinds: Vec<String> = kinds
            .iter()
            .map(|(kind, number)| format!("{kind} {}", thousands(*number)))
            .collect();
        text.push_str(&format!(
            "  {}: {}\n",
            count(walk.insignificant.len(), "insignificant difference"),
            kinds.join(", ")
        ));
    }
    if let Some(kept) = &walk.kept {
        text.push_str(&format!(
            "  kept as `{kept}`: `dbmatrix shell {kept}`, `dbmatrix logs {kept}`; the next upgrade replaces it\n"
        ));
    }
    if text.is_empty() {
        return text;
    }
    let word = match walk.outcome {
        UpgradeOutcome::Same => colour.good("ok"),
        UpgradeOutcome::Differs => colour.bad("DIFF"),
        UpgradeOutcome::Failed => colour.bad("FAIL"),
        UpgradeOutcome::Unavailable => colour.odd("unavailable"),
    };
    let versions = match (walk.from.version.as_str(), walk.to.version.as_str()) {
        ("", _) => String::new(),
        (from, "") => format!(" ({})", visible(from)),
        (from, to) => format!(" ({} to {})", visible(from), visible(to)),
    };
    format!("\n{word} {} by {}{versions}\n{text}", walk.path, walk.by)
}

fn line(difference: &UpgradeDifference) -> String {
    let known = match &difference.known {
        Some(reason) => format!(" (known: {})", visible(reason)),
        None => String::new(),
    };
    let text = one_line(&difference.text, WIDEST);
    format!("  {}: {text}{known}\n", difference.kind)
}
