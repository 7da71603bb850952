//! Where flavours differ: each step once, with who agrees with whom.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::record::Untold;
use super::text::{Colour, block, count, cut, visible};
use crate::compare::Kind;
use crate::event::{Divergence, Reason, Stale, Standing};

/// Lines of one text, and columns of a line, that are shown.
const LINES: usize = 20;
const COLUMNS: usize = 400;
/// Divergences that are shown; the others are counted.
const MOST: usize = 200;

/// Which differences are told one by one; the others are counted by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Differences {
    /// Those that fail the run, and those that are known.
    #[default]
    Counted,
    /// All.
    All,
    /// All, of one file, and little else.
    Only {
        /// The file.
        file: PathBuf,
        /// How it is called to people.
        title: String,
    },
}

/// New divergences, then known and other ones as far as they are wanted, then
/// entries that do not hold.
pub(super) fn all(
    divergences: &[Divergence],
    untold: &Untold,
    stale: &[Stale],
    which: &Differences,
    colour: Colour,
) -> String {
    let mut text = String::new();
    let is_told = |found: &&Divergence| match found.standing {
        Standing::New => true,
        Standing::Known(_) | Standing::Shown => *which != Differences::Counted,
    };
    let mut told: Vec<&Divergence> = divergences.iter().filter(is_told).collect();
    told.sort_by_key(|found| (&found.file, found.line));
    for found in told.iter().take(MOST) {
        let name = match which {
            Differences::Only { file, title } if *file == found.file => title.clone(),
            _ => found.file.display().to_string(),
        };
        text.push_str(&one(found, &name, colour));
    }
    if told.len() > MOST {
        let more = count(told.len() - MOST, "more difference");
        text.push_str(&format!("\n… {more}\n"));
    }
    if *which != Differences::Counted && untold.steps > 0 {
        let more = count(untold.steps, "more step");
        text.push_str(&format!("\n… {more} that differ in what does not count\n"));
    }
    if *which == Differences::Counted {
        text.push_str(&known(divergences));
        text.push_str(&shown_only(divergences, untold));
    }
    for entry in stale {
        text.push_str(&format!(
            "\n{} {}:{}: {}{}\n{}",
            colour.bad("STALE"),
            entry.file.display(),
            entry.line,
            visible(&entry.why),
            match entry.flavours.as_slice() {
                [] => String::new(),
                names => format!(" on {}", names.join(", ")),
            },
            block(&entry.statement, "    | ", LINES, COLUMNS)
        ));
    }
    text
}

pub(super) fn one(found: &Divergence, name: &str, colour: Colour) -> String {
    let word = match &found.standing {
        Standing::New => colour.bad("DIFF"),
        Standing::Known(_) => colour.odd("KNOWN"),
        Standing::Shown => "differs".to_owned(),
    };
    let mut text = format!(
        "\n{word} {}:{}: {}\n{}",
        name,
        found.line,
        titles(&found.kinds),
        block(&found.statement, "    | ", LINES, COLUMNS)
    );
    for (at, group) in found.groups.iter().enumerate() {
        let verb = match (at, group.flavours.len()) {
            (0, 1) => "answers".to_owned(),
            (0, _) => "agree".to_owned(),
            (_, 1) => format!("differs ({})", titles(&group.kinds)),
            (_, _) => format!("differ ({})", titles(&group.kinds)),
        };
        text.push_str(&format!(
            "    {} {verb}:\n{}",
            group.flavours.join(", "),
            block(&group.outcome, "      ", LINES, COLUMNS)
        ));
    }
    if let Standing::Known(reasons) = &found.standing {
        for reason in reasons {
            text.push_str(&format!("    known: {}\n", cited(reason)));
        }
    }
    text
}

pub(super) fn titles(kinds: &[Kind]) -> String {
    let titles: Vec<&str> = kinds.iter().map(|kind| kind.title()).collect();
    titles.join("; ")
}

pub(super) fn cited(reason: &Reason) -> String {
    let link = reason.link.as_ref();
    let link = link.map_or_else(String::new, |link| format!(" ({link})"));
    cut(&visible(&format!("{}{link}", reason.text)), COLUMNS)
}

/// How much is known.
fn known(divergences: &[Divergence]) -> String {
    let mut files: BTreeSet<&Path> = BTreeSet::new();
    let mut steps = 0;
    for found in divergences {
        if let Standing::Known(_) = found.standing {
            files.insert(&found.file);
            steps += 1;
        }
    }
    if steps == 0 {
        return String::new();
    }
    format!(
        "\n{} as is known, in {}; `--all-differences` shows them with their reasons\n",
        differing(steps),
        count(files.len(), "file")
    )
}

/// What differs and does not count, in numbers.
fn shown_only(divergences: &[Divergence], untold: &Untold) -> String {
    let Untold {
        mut steps,
        mut kinds,
    } = untold.clone();
    for found in divergences {
        if found.standing == Standing::Shown {
            steps += 1;
            for kind in &found.kinds {
                *kinds.entry(*kind).or_default() += 1;
            }
        }
    }
    if steps == 0 {
        return String::new();
    }
    let parts: Vec<String> = kinds
        .iter()
        .map(|(kind, steps)| format!("{} {steps}", kind.title()))
        .collect();
    format!(
        "\n{} as expected or in what is not compared ({}); `--all-differences` shows them\n",
        differing(steps),
        parts.join(", ")
    )
}

/// `1 step differs`, `2 steps differ`.
fn differing(steps: usize) -> String {
    let verb = if steps == 1 { "differs" } else { "differ" };
    format!("{} {verb}", count(steps, "step"))
}

/// The last line of a comparison alone: how many of `steps` differ.
pub(super) fn totals(divergences: &[Divergence], steps: usize) -> String {
    let counted = divergences
        .iter()
        .filter(|found| found.standing != Standing::Shown);
    let counted = counted.count();
    let others = divergences.len() - counted;
    let same = steps.saturating_sub(divergences.len());
    format!(
        "{} of {}, {others} more in what does not count, {same} the same",
        match counted {
            1 => "1 differs".to_owned(),
            _ => format!("{counted} differ"),
        },
        count(steps, "statement")
    )
}
