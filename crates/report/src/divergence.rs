//! The differences between flavours: each step once, with the groups that agree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dbmatrix_sql::compare::Kind;

use super::classes;
use super::insignificant::{Examples, show_sums};
use super::record::RunRecord;
use super::text::{Colour, block, count, cut_to_width, visible};
use crate::event::{DifferenceStatus, Divergence, Reason};

/// Lines of one text, and columns of a line, that are shown.
const LINES: usize = 20;
const COLUMNS: usize = 400;
/// Significant and known differences that are shown; the others are counted.
const MOST: usize = 200;

/// How differences are reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// Which are reported one by one.
    pub listed: Listed,
    /// The compared files, if the run does nothing else.
    pub only: Vec<OnlyFile>,
}

/// Which differences are reported one by one; the others are summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Listed {
    /// Those that fail the run.
    #[default]
    Significant,
    /// All.
    All,
}

/// A compared file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlyFile {
    /// The file.
    pub file: PathBuf,
    /// Its name for the user.
    pub title: String,
}

impl Differences {
    /// The name of a file for the user.
    pub(super) fn title_of(&self, file: &Path) -> String {
        match self.only.iter().find(|only| only.file == file) {
            Some(only) => only.title.clone(),
            None => file.display().to_string(),
        }
    }

    fn name_of(&self, found: &Divergence) -> String {
        self.title_of(&found.file)
    }
}

/// Significant differences, then known ones, then expected and insignificant ones, then
/// entries that do not hold.
pub(super) fn all(run: &RunRecord, which: &Differences, colour: Colour) -> String {
    let lists_all = which.listed == Listed::All;
    let mut text = String::new();
    let is_single = |found: &Divergence| lists_all || !run.sampled.contains_key(&found.suite);
    let is_new = |found: &Divergence| found.standing == DifferenceStatus::New && is_single(found);
    text.push_str(&list(run, which, is_new, colour));
    let is_known = |found: &Divergence| {
        matches!(found.standing, DifferenceStatus::Known(_)) && is_single(found)
    };
    if !lists_all {
        let name_of = |found: &Divergence| which.name_of(found);
        let with_known = !which.only.is_empty();
        text.push_str(&classes::show(run, with_known, name_of, colour));
    }
    match lists_all || !which.only.is_empty() {
        true => text.push_str(&list(run, which, is_known, colour)),
        false => text.push_str(&known(&run.divergences)),
    }
    if lists_all {
        let is_shown = |found: &Divergence| found.standing == DifferenceStatus::Shown;
        text.push_str(&list(run, which, is_shown, colour));
        if run.omitted.steps > 0 {
            let more = count(
                run.omitted.steps,
                "more expected or insignificant difference",
            );
            text.push_str(&format!("\n… {more}\n"));
        }
    } else {
        let examples = match which.only.is_empty() {
            false => Examples::OneOfEachForm,
            true => Examples::OneOfEachKind,
        };
        let name_of = |found: &Divergence| which.name_of(found);
        text.push_str(&show_sums(run, examples, name_of));
    }
    for entry in &run.stale {
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

/// Differences of one status, by file and line.
fn list(
    run: &RunRecord,
    which: &Differences,
    is_wanted: impl Fn(&Divergence) -> bool,
    colour: Colour,
) -> String {
    let mut told: Vec<&Divergence> = run
        .divergences
        .iter()
        .filter(|one| is_wanted(one))
        .collect();
    told.sort_by_key(|found| (&found.file, found.line));
    let most = match which.listed {
        Listed::All => usize::MAX,
        Listed::Significant => MOST,
    };
    let mut text = String::new();
    for found in told.iter().take(most) {
        text.push_str(&one(found, run, &which.name_of(found), colour));
    }
    if told.len() > most {
        let more = count(told.len() - most, "more difference");
        text.push_str(&format!("\n… {more}; `--all-differences` shows each\n"));
    }
    text
}

pub(super) fn one(found: &Divergence, run: &RunRecord, name: &str, colour: Colour) -> String {
    let word = match &found.standing {
        DifferenceStatus::New => colour.bad("DIFF"),
        DifferenceStatus::Known(_) => colour.odd("KNOWN"),
        DifferenceStatus::Shown => "differs".to_owned(),
    };
    format!(
        "\n{word} {}:{}: {}\n{}",
        name,
        found.line,
        titles(&found.kinds),
        body(found, run)
    )
}

/// A difference without its place: its statement, and the answers by flavour.
pub(super) fn body(found: &Divergence, run: &RunRecord) -> String {
    let mut text = block(&found.statement, "    | ", LINES, COLUMNS);
    for (at, group) in run.masks.join_groups(found).iter().enumerate() {
        let verb = match (at, group.flavours.len()) {
            (0, 1) => "answers".to_owned(),
            (0, _) => "agree".to_owned(),
            (_, 1) => format!("differs ({})", titles(&group.kinds)),
            (_, _) => format!("differ ({})", titles(&group.kinds)),
        };
        let note = match group.is_masked {
            true => ", each with its own name and version",
            false => "",
        };
        text.push_str(&format!(
            "    {} {verb}{note}:\n{}",
            group.flavours.join(", "),
            block(group.outcome, "      ", LINES, COLUMNS)
        ));
    }
    if let DifferenceStatus::Known(reasons) = &found.standing {
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
    cut_to_width(&visible(&format!("{}{link}", reason.text)), COLUMNS)
}

/// How many are known.
fn known(divergences: &[Divergence]) -> String {
    let mut files: BTreeSet<&Path> = BTreeSet::new();
    let mut steps = 0;
    for found in divergences {
        if let DifferenceStatus::Known(_) = found.standing {
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

/// `1 step differs`, `2 steps differ`.
fn differing(steps: usize) -> String {
    let verb = if steps == 1 { "differs" } else { "differ" };
    format!("{} {verb}", count(steps, "step"))
}

/// The last line of a comparison alone: how many of `steps` differ. The numbers add up.
pub(super) fn totals(run: &RunRecord, steps: usize) -> String {
    let is_shown = |found: &&Divergence| found.standing == DifferenceStatus::Shown;
    let told = run.divergences.iter().filter(is_shown).count();
    let significant = run.divergences.len() - told;
    let others = told + run.omitted.steps;
    let differing = significant + others;
    let (same, not_compared) = match run.compared {
        Some(compared) => (compared.same, compared.not_compared),
        None => (steps.saturating_sub(differing), 0),
    };
    // No flavour ran the others: their conditions hold nowhere, or the file was aborted.
    let not_compared = not_compared.max(steps.saturating_sub(differing + same));
    let steps = steps.max(differing + same + not_compared);
    let verb = if significant == 1 {
        "differs"
    } else {
        "differ"
    };
    let mut text = format!(
        "{significant} of {} {verb}, {others} more as expected or insignificantly, {same} the same",
        count(steps, "statement")
    );
    if not_compared > 0 {
        text.push_str(&format!(", {not_compared} not compared"));
    }
    text
}
