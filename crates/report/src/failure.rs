//! The failures: each one once, with all flavours that fail in the same way.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::divergence::cited;
use super::masked::Masks;
use super::record::RunRecord;
use super::text::{Colour, block, count, cut_to_width, visible};
use crate::event::Failure;

/// Lines of one text, and columns of a line, that are shown.
const LINES: usize = 40;
const COLUMNS: usize = 400;

/// Failures that are shown; the others are counted.
const MOST: usize = 200;

/// Time limit for computing a difference; after that it is less precise.
const PATIENCE: Duration = Duration::from_millis(500);

/// A failure, and the flavours that have it.
pub(super) struct Group<'a> {
    pub(super) suite: &'a str,
    pub(super) file: &'a Path,
    /// The failure on the first flavour.
    pub(super) failure: &'a Failure,
    pub(super) flavours: Vec<&'a str>,
    /// Whether the results differ only in the servers' own names and versions.
    pub(super) is_masked: bool,
}

/// A file that was aborted for the same reason on some flavours.
pub(super) struct EndedEarly<'a> {
    pub(super) suite: &'a str,
    pub(super) file: &'a Path,
    /// The reason on the first flavour.
    pub(super) reason: &'a str,
    pub(super) flavours: Vec<&'a str>,
}

/// All failures by file and line, then those that the cases omit, then aborted files.
pub(super) fn all(
    run: &RunRecord,
    with_known: bool,
    name_of: impl Fn(&Path) -> String,
    colour: Colour,
) -> String {
    let mut text = String::new();
    let mut groups = groups(run);
    groups.retain(|group| with_known || group.failure.known.is_none());
    for group in groups.iter().take(MOST) {
        let known = group.failure.known.as_ref();
        text.push_str(&format!(
            "\n{} {}:{}: {}\n{}",
            match known {
                Some(_) => colour.odd("KNOWN"),
                None => colour.bad("FAIL"),
            },
            name_of(group.file),
            group.failure.line,
            visible(&group.title()),
            failure_text(group.failure, colour)
        ));
        if let Some(reason) = known {
            text.push_str(&format!("    known: {}\n", cited(reason)));
        }
    }
    if groups.len() > MOST {
        let more = count(groups.len() - MOST, "more failure");
        text.push_str(&format!("\n… {more}; `--report html=FILE` tells all\n"));
    }
    for case in &run.cases {
        let more = case
            .result
            .failed
            .saturating_sub(case.result.reported_failures().count());
        if more > 0 {
            text.push_str(&format!(
                "\n{} in {} on {}\n",
                count(more, "more failure"),
                name_of(&case.file),
                case.flavour
            ));
        }
    }
    for ended in ended_early(run) {
        text.push_str(&format!(
            "\n{} {} aborted on {}\n{}",
            colour.bad("ERROR"),
            name_of(ended.file),
            ended.flavours.join(", "),
            block(ended.reason, "    ", LINES, COLUMNS)
        ));
    }
    text
}

impl Group<'_> {
    /// The kind of failure, and its place.
    pub(super) fn title(&self) -> String {
        let note = match self.is_masked {
            true => ", each with its own name and version",
            false => "",
        };
        format!("{} on {}{note}", self.failure.why, self.flavours.join(", "))
    }
}

/// Failures by file and line, including known ones. Flavours fail in the same way if
/// their answers differ only in their own names and versions.
pub(super) fn groups(run: &RunRecord) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<(&str, &Path, Failure), usize> = HashMap::new();
    for case in &run.cases {
        for failure in &case.result.failures {
            let masked = Failure {
                found: run.masks.mask(&case.flavour, &failure.found).into_owned(),
                ..failure.clone()
            };
            let place = *places
                .entry((&case.suite, &case.file, masked))
                .or_insert(groups.len());
            if place == groups.len() {
                groups.push(Group {
                    suite: &case.suite,
                    file: &case.file,
                    failure,
                    flavours: Vec::new(),
                    is_masked: false,
                });
            }
            let group = &mut groups[place];
            group.is_masked |= group.failure.found != failure.found;
            if !group.flavours.contains(&case.flavour.as_str()) {
                group.flavours.push(&case.flavour);
            }
        }
    }
    groups.sort_by_key(|group| (group.file, group.failure.line));
    groups
}

/// Aborted files, each reason once.
pub(super) fn ended_early(run: &RunRecord) -> Vec<EndedEarly<'_>> {
    let mut all: Vec<EndedEarly<'_>> = Vec::new();
    let mut places: HashMap<(&str, &Path, String), usize> = HashMap::new();
    for case in &run.cases {
        let Some(reason) = &case.result.aborted else {
            continue;
        };
        let masked = Masks::mask_reason(run, &case.flavour, reason);
        let place = *places
            .entry((&case.suite, &case.file, masked))
            .or_insert(all.len());
        if place == all.len() {
            all.push(EndedEarly {
                suite: &case.suite,
                file: &case.file,
                reason,
                flavours: Vec::new(),
            });
        }
        all[place].flavours.push(&case.flavour);
    }
    all
}

/// Statement, expected and found result; as a difference if both have many lines.
pub(super) fn failure_text(failure: &Failure, colour: Colour) -> String {
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
            let line = cut_to_width(&visible(side.trim_end_matches('\n')), COLUMNS);
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
            let line = format!("{}{}", change.tag(), cut_to_width(&visible(line), COLUMNS));
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
