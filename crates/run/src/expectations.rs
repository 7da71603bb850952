//! Writes what flavours recorded of `.sql` files beside those files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dbmatrix_platform::whole_file::{Replaced, replace_file};
use dbmatrix_report::event::{Event, Sender, Verdict};
use dbmatrix_sql::suite::{Absent, Expectation, Facts, Recorded, expectation_path};

use dbmatrix_flavours::matrix::{Expect, SuiteKind};
use dbmatrix_flavours::plan::Plan;

/// What one flavour recorded for one file.
pub(super) struct Answers {
    pub(super) path: PathBuf,
    pub(super) facts: Facts,
    pub(super) recorded: Recorded,
}

/// Writes what was recorded, each file as a whole; does nothing if expectations are not
/// written. A file that cannot be written is reported, and the run counts as not
/// provided.
pub(super) fn write_expectations(mut answers: Vec<Answers>, plan: &Plan, events: &Sender) {
    answers.sort_by(|a, b| (&a.path, &a.facts.flavour).cmp(&(&b.path, &b.facts.flavour)));
    for of_file in answers.chunk_by(|a, b| a.path == b.path) {
        let file = expectation_path(&of_file[0].path);
        match write_expectation(of_file, &file, plan) {
            Ok(Replaced::Unchanged) => {}
            Ok(Replaced::Created | Replaced::Changed) => {
                events.send(Event::ExpectationWritten { file });
            }
            Err(reason) => events.send(Event::Aborted {
                verdict: Verdict::NotProvided,
                reason: format!("could not write `{}`: {reason}", file.display()),
            }),
        }
    }
}

/// Writes the expectations of one file; errors are human-readable.
fn write_expectation(answers: &[Answers], file: &Path, plan: &Plan) -> Result<Replaced, String> {
    let sql = &answers[0].path;
    let stored = Expectation::load(file).map_err(|error| error.to_string())?;
    let old = stored.unwrap_or_default();
    let recorded: Vec<_> = answers
        .iter()
        .map(|one| (one.facts.clone(), one.recorded.clone()))
        .collect();
    let new = old.updated(&recorded, absent(answers, plan));
    let text = new.map_err(|error| error.to_string())?.to_text(sql);
    if file.exists() && text == old.to_text(sql) {
        return Ok(Replaced::Unchanged);
    }
    replace_file(file, text.as_bytes()).map_err(|error| error.to_string())
}

/// The flavours named by the file's suites that recorded nothing.
fn absent(answers: &[Answers], plan: &Plan) -> Absent {
    let path = &answers[0].path;
    let mut absent: BTreeSet<&str> = BTreeSet::new();
    for suite_run in &plan.suite_runs {
        if let SuiteKind::Files(files) = &suite_run.suite.kind
            && files.expect == Expect::Stored
            && files.files.contains(path)
        {
            absent.extend(suite_run.suite.flavours.iter().map(String::as_str));
        }
    }
    for one in answers {
        absent.remove(one.facts.flavour.as_str());
    }
    let is_chosen = |name: &&str| plan.flavours.iter().any(|flavour| flavour.name == **name);
    match (absent.is_empty(), absent.iter().all(is_chosen)) {
        (true, _) => Absent::None,
        (false, true) => Absent::SomeUnfinished,
        (false, false) => Absent::SomeNotChosen,
    }
}
