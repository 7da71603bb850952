//! What was not as expected: each failure once, with all flavours that have it
//! in the same way.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::divergence::cited;
use super::record::CaseOn;
use super::text::{Colour, block, count, cut, visible};
use crate::event::Failure;

/// Lines of one text, and columns of a line, that are shown.
const LINES: usize = 40;
const COLUMNS: usize = 400;

/// Failures that are shown; the others are counted.
const MOST: usize = 200;

/// A difference that takes longer is shown less well.
const PATIENCE: Duration = Duration::from_millis(500);

/// A failure, and where it is seen.
pub(super) struct Group<'a> {
    pub(super) suite: &'a str,
    pub(super) file: &'a Path,
    pub(super) failure: &'a Failure,
    pub(super) flavours: Vec<&'a str>,
}

/// All failures, by file and line, then what the cases leave out, then those
/// that ended early.
pub(super) fn all(cases: &[CaseOn], with_known: bool, colour: Colour) -> String {
    let mut text = String::new();
    let mut groups = groups(cases);
    groups.retain(|group| with_known || group.failure.known.is_none());
    for group in groups.iter().take(MOST) {
        let known = group.failure.known.as_ref();
        text.push_str(&format!(
            "\n{} {}:{}: {} on {}\n{}",
            match known {
                Some(_) => colour.odd("KNOWN"),
                None => colour.bad("FAIL"),
            },
            group.file.display(),
            group.failure.line,
            visible(&group.failure.why),
            group.flavours.join(", "),
            shown(group.failure, colour)
        ));
        if let Some(reason) = known {
            text.push_str(&format!("    known: {}\n", cited(reason)));
        }
    }
    if groups.len() > MOST {
        let more = count(groups.len() - MOST, "more failure");
        text.push_str(&format!("\n… {more}; `--report html=FILE` tells all\n"));
    }
    for case in cases {
        let more = case
            .result
            .failed
            .saturating_sub(case.result.told_failures().count());
        if more > 0 {
            text.push_str(&format!(
                "\n{} in {} on {}\n",
                count(more, "more failure"),
                case.file.display(),
                case.flavour
            ));
        }
    }
    for case in cases {
        if let Some(reason) = &case.result.aborted {
            text.push_str(&format!(
                "\n{} {} ended early on {}\n{}",
                colour.bad("ERROR"),
                case.file.display(),
                case.flavour,
                block(reason, "    ", LINES, COLUMNS)
            ));
        }
    }
    text
}

/// Failures by file and line, known ones included.
pub(super) fn groups(cases: &[CaseOn]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<(&str, &Path, &Failure), usize> = HashMap::new();
    for case in cases {
        for failure in &case.result.failures {
            let place = *places
                .entry((&case.suite, &case.file, failure))
                .or_insert(groups.len());
            if place == groups.len() {
                groups.push(Group {
                    suite: &case.suite,
                    file: &case.file,
                    failure,
                    flavours: Vec::new(),
                });
            }
            let flavours = &mut groups[place].flavours;
            if !flavours.contains(&case.flavour.as_str()) {
                flavours.push(&case.flavour);
            }
        }
    }
    groups.sort_by_key(|group| (group.file, group.failure.line));
    groups
}

/// Statement, expected and found; as a difference where both have many lines.
pub(super) fn shown(failure: &Failure, colour: Colour) -> String {
    let mut text = block(&failure.statement, "    | ", LINES, COLUMNS);
    let have_many = |side: &str| side.lines().count() > 1;
    if have_many(&failure.expected) && have_many(&failure.found) {
        text.push_str("    - expected, + found\n");
        text.push_str(&difference(failure, colour));
        return text;
    }
    for (name, side) in [("expected", &failure.expected), ("found", &failure.found)] {
        if side.is_empty() {
            text.push_str(&format!("    {name}: (nothing)\n"));
        } else if have_many(side) {
            text.push_str(&format!("    {name}:\n"));
            text.push_str(&block(side, "      ", LINES, COLUMNS));
        } else {
            let line = cut(&visible(side.trim_end_matches('\n')), COLUMNS);
            text.push_str(&format!("    {name}: {line}\n"));
        }
    }
    text
}

fn difference(failure: &Failure, colour: Colour) -> String {
    let diff = TextDiff::configure()
        .timeout(PATIENCE)
        .diff_lines(failure.expected.as_str(), failure.found.as_str());
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        lines.push(hunk.header().to_string());
        for change in hunk.iter_changes() {
            let line = change.value().trim_end_matches('\n');
            let line = format!("{}{}", change.tag(), cut(&visible(line), COLUMNS));
            lines.push(match change.tag() {
                ChangeTag::Delete => colour.bad(line),
                ChangeTag::Insert => colour.good(line),
                ChangeTag::Equal => line,
            });
        }
    }
    let mut text = String::new();
    for line in lines.iter().take(LINES) {
        text.push_str(&format!("    {line}\n"));
    }
    if lines.len() > LINES {
        let more = count(lines.len() - LINES, "more line");
        text.push_str(&format!("    … {more}\n"));
    }
    text
}
