//! `dbmatrix bisect`.

use std::num::NonZeroUsize;

use dbmatrix_report::event::{Divergence, Verdict};
use dbmatrix_report::{Colour, one_line, show_divergence};
use serde::Serialize;

use crate::app::bisect::{
    Answer, Bisection, Outcome, Question, ReleaseFound, Wanted, bisect as find,
};
use crate::app::{Failure, Globals, privilege, say};
use crate::cli::args::{BisectArgs, Format, json};
use crate::cli::commands::statements::statements_file;

/// Differences that are shown; the others are counted.
const MOST: usize = 20;
/// Columns of a reason.
const WIDEST: usize = 200;

/// A release in JSON; its names are stable.
#[derive(Debug, Serialize)]
struct Row<'a> {
    schema: u32,
    server: &'a str,
    released: Option<&'a str>,
    version: Option<&'a str>,
    /// `null` if it was not asked.
    outcome: Option<&'static str>,
    /// Why it is not available.
    reason: Option<&'a str>,
    exit_status: Option<i32>,
    /// The last one before the change, or the first one after it.
    edge: Option<&'static str>,
    /// How the first one after the change differs from the last one before it.
    differences: Vec<DifferenceRow<'a>>,
}

/// A statement whose outcome changes.
#[derive(Debug, Serialize)]
struct DifferenceRow<'a> {
    line: usize,
    statement: &'a str,
    kinds: Vec<&'static str>,
    before: &'a str,
    after: &'a str,
}

/// Finds the first release whose outcome differs.
pub(crate) async fn bisect(global: &Globals, args: &BisectArgs) -> Result<Verdict, Failure> {
    // Standard input is read once: sudo would restart the program.
    if args
        .file
        .as_ref()
        .is_some_and(|file| file.as_os_str() == "-")
    {
        privilege::ensure_engine_access(global).await?;
    }
    let folder = tempfile::tempdir().map_err(Failure::not_provided)?;
    let question = match &args.command {
        Some(command) => Question::Command(command.clone()),
        None => {
            let (execute, file) = (args.execute.as_deref(), args.file.as_deref());
            let (file, title) = statements_file(execute, file, folder.path())?;
            let line = args.line.map(NonZeroUsize::get);
            Question::Statements { file, title, line }
        }
    };
    let title = match &question {
        Question::Statements { title, .. } => title.clone(),
        Question::Command(command) => command.clone(),
    };
    let wanted = Wanted {
        question,
        from: args.from.clone(),
        to: args.to.clone(),
        matrix: args.matrix.clone(),
        all_differences: args.all_differences,
        yes: args.yes,
    };
    let found = find(global, wanted).await?;
    match args.shown.format {
        Format::Json => say(json(&rows(&found))),
        Format::Table => say(describe(&found, &title, Colour::of_stdout()).trim_end()),
    }
    Ok(verdict(found.answer))
}

fn verdict(answer: Answer) -> Verdict {
    match answer {
        Answer::Change { .. } => Verdict::Passed,
        Answer::NoChange { .. } => Verdict::Failed,
        Answer::Single(_) | Answer::Nothing => Verdict::NotProvided,
    }
}

fn rows(found: &Bisection) -> Vec<Row<'_>> {
    let all = found.releases.iter().enumerate();
    all.map(|(at, release)| row(found, at, release)).collect()
}

fn row<'a>(found: &'a Bisection, at: usize, release: &'a ReleaseFound) -> Row<'a> {
    let edge = match found.answer {
        Answer::Change { before, .. } if before == at => Some("before"),
        Answer::Change { after, .. } if after == at => Some("after"),
        _ => None,
    };
    let differences = match edge {
        Some("after") => found.divergences.iter().map(difference_row).collect(),
        _ => Vec::new(),
    };
    let finding = &release.finding;
    Row {
        schema: 1,
        server: &release.name,
        released: release.released.as_deref(),
        version: finding.version.as_deref(),
        outcome: release.outcome.map(|outcome| match outcome {
            Outcome::Same => "same",
            Outcome::Differs => "differs",
            Outcome::Unavailable => "unavailable",
        }),
        reason: finding.reason.as_deref(),
        exit_status: finding.exit_status(),
        edge,
        differences,
    }
}

fn difference_row(found: &Divergence) -> DifferenceRow<'_> {
    let outcome = |at: usize| {
        found
            .groups
            .get(at)
            .map_or("", |group| group.outcome.as_str())
    };
    DifferenceRow {
        line: found.line,
        statement: &found.statement,
        kinds: found.kinds.iter().map(|kind| kind.as_str()).collect(),
        before: outcome(0),
        after: outcome(1),
    }
}

/// The answer for people.
fn describe(found: &Bisection, title: &str, colour: Colour) -> String {
    let name = |at: usize| dated(&found.releases[at]);
    let replaced = found.replaced.iter();
    let replaced = replaced.map(|(end, at)| {
        let title = &found.releases[*at].title;
        format!("{end} is not available, and {title} takes its place\n")
    });
    let replaced: String = replaced.collect();
    let text = match found.answer {
        Answer::Change { before, after } => describe_change(found, before, after, title, colour),
        Answer::NoChange { first, last } => {
            let aborted = found.releases[first].finding.result.as_ref();
            let aborted = aborted.and_then(|result| result.aborted.as_deref());
            let aborted = aborted.map(|why| format!("; {title} is aborted on both: {why}"));
            format!(
                "the ends have the same outcome: {} and {}{}",
                name(first),
                name(last),
                aborted.unwrap_or_default()
            )
        }
        Answer::Single(only) => format!(
            "only {} is available, and nothing to compare it with",
            name(only)
        ),
        Answer::Nothing => {
            let (first, last) = (found.releases.first(), found.releases.last());
            let ends = [first, last].map(|end| end.map_or("", |release| release.name.as_str()));
            format!(
                "none of the releases from {} to {} is available",
                ends[0], ends[1]
            )
        }
    };
    replaced + &text
}

fn describe_change(
    found: &Bisection,
    before: usize,
    after: usize,
    title: &str,
    colour: Colour,
) -> String {
    let [last, first] = [before, after].map(|at| &found.releases[at]);
    let mut text = format!(
        "first with another outcome: {}\nlast one before it:         {}\n",
        dated(first),
        dated(last)
    );
    let between = &found.releases[before + 1..after];
    if !between.is_empty() {
        text.push_str(&format!(
            "not available between them, so that one of these may be the first:\n{}",
            unavailable(between)
        ));
    }
    for found in found.divergences.iter().take(MOST) {
        text.push_str(&show_divergence(found, title, colour));
    }
    if let Some(more @ 1..) = found.divergences.len().checked_sub(MOST) {
        text.push_str(&format!("\n… {more} more; `--format json` has all\n"));
    }
    if found.divergences.is_empty() {
        for release in [last, first] {
            text.push_str(&format!("\n{}: {}\n", release.title, ending(release)));
        }
    }
    text
}

/// How a command, or a file with expectations of its own, ended.
fn ending(release: &ReleaseFound) -> String {
    let Some(result) = &release.finding.result else {
        return "no outcome".to_owned();
    };
    let failures = result.failures.iter().take(MOST);
    let failures: String = match result.exit_status {
        Some(0) => String::new(),
        Some(_) => failures.map(|failure| indented(&failure.found)).collect(),
        None => failures
            .map(|failure| {
                let statement = one_line(&failure.statement, WIDEST);
                format!("\n    line {}: {}: {statement}", failure.line, failure.why)
            })
            .collect(),
    };
    match (result.exit_status, &result.aborted) {
        (Some(0), _) => "exit status 0".to_owned(),
        (Some(_), _) => failures.trim_start().to_owned(),
        (None, Some(why)) => format!("aborted: {}{failures}", one_line(why, WIDEST)),
        (None, None) => format!(
            "{} passed, {} failed{failures}",
            result.passed, result.failed
        ),
    }
}

fn indented(text: &str) -> String {
    let lines = text.lines();
    let lines: Vec<String> = lines.map(|line| one_line(line, WIDEST)).collect();
    lines.join("\n    ")
}

/// Such as `mysql:8.0.36, released 2024-01-16`.
fn dated(release: &ReleaseFound) -> String {
    match &release.released {
        Some(date) => format!("{}, released {date}", release.title),
        None => release.title.clone(),
    }
}

/// A line for each reason, with the releases that it concerns.
fn unavailable(releases: &[ReleaseFound]) -> String {
    let why = |release: &ReleaseFound| release.finding.reason.clone().unwrap_or_default();
    let groups = releases.chunk_by(|one, next| why(one) == why(next));
    let lines = groups.map(|group| {
        let names = match group {
            [first, .., last] => format!("{} to {} ({})", first.name, last.name, group.len()),
            _ => group.iter().map(|one| one.name.as_str()).collect(),
        };
        let why = group.first().map(why).unwrap_or_default();
        format!("    {names}: {}\n", one_line(&why, WIDEST))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use dbmatrix_report::event::{CaseResult, DifferenceStatus, Failure as StepFailure, Group};
    use dbmatrix_sql::compare::Kind;

    use super::*;
    use crate::app::bisect::Finding;

    fn release(name: &str, outcome: Option<Outcome>) -> ReleaseFound {
        let reason = outcome == Some(Outcome::Unavailable);
        ReleaseFound {
            name: name.to_owned(),
            title: name.to_owned(),
            released: Some("2024-01-16".to_owned()),
            outcome,
            finding: Finding {
                reason: reason.then(|| "404  Not Found".to_owned()),
                ..Finding::default()
            },
        }
    }

    fn releases() -> Vec<ReleaseFound> {
        vec![
            release("mysql:8.0.35", Some(Outcome::Same)),
            release("mysql:8.0.36", Some(Outcome::Unavailable)),
            release("mysql:8.0.37", Some(Outcome::Differs)),
            release("mysql:8.0.39", None),
        ]
    }

    fn rows_differ() -> Divergence {
        let group = |flavour: &str, outcome: &str, kinds: &[Kind]| Group {
            flavours: vec![flavour.to_owned()],
            outcome: outcome.to_owned(),
            kinds: kinds.to_vec(),
            times: None,
        };
        Divergence {
            suite: "bisect".to_owned(),
            file: "/tmp/x/statements.sql".into(),
            line: 1,
            statement: "SELECT 1".to_owned(),
            database: None,
            kinds: vec![Kind::Rows],
            standing: DifferenceStatus::New,
            groups: vec![
                group("mysql:8.0.35", "1", &[]),
                group("mysql:8.0.37", "2", &[Kind::Rows]),
            ],
        }
    }

    fn change(divergences: Vec<Divergence>) -> Bisection {
        Bisection {
            releases: releases(),
            answer: Answer::Change {
                before: 0,
                after: 2,
            },
            replaced: Vec::new(),
            divergences,
        }
    }

    #[test]
    fn a_change_is_told_with_its_neighbours_and_what_is_between_them() {
        let found = change(vec![rows_differ()]);
        insta::assert_snapshot!(describe(&found, "-e", Colour::Never), @r"
        first with another outcome: mysql:8.0.37, released 2024-01-16
        last one before it:         mysql:8.0.35, released 2024-01-16
        not available between them, so that one of these may be the first:
            mysql:8.0.36: 404 Not Found

        DIFF -e:1: rows
            | SELECT 1
            mysql:8.0.35 answers:
              1
            mysql:8.0.37 differs (rows):
              2
        ");
        insta::assert_snapshot!(json(&rows(&found)), @r#"[{"schema":1,"server":"mysql:8.0.35","released":"2024-01-16","version":null,"outcome":"same","reason":null,"exit_status":null,"edge":"before","differences":[]},{"schema":1,"server":"mysql:8.0.36","released":"2024-01-16","version":null,"outcome":"unavailable","reason":"404  Not Found","exit_status":null,"edge":null,"differences":[]},{"schema":1,"server":"mysql:8.0.37","released":"2024-01-16","version":null,"outcome":"differs","reason":null,"exit_status":null,"edge":"after","differences":[{"line":1,"statement":"SELECT 1","kinds":["rows"],"before":"1","after":"2"}]},{"schema":1,"server":"mysql:8.0.39","released":"2024-01-16","version":null,"outcome":null,"reason":null,"exit_status":null,"edge":null,"differences":[]}]"#);
    }

    #[test]
    fn an_end_that_is_not_available_is_named() {
        let found = Bisection {
            replaced: vec![("mysql:8.0.40".to_owned(), 3)],
            answer: Answer::NoChange { first: 0, last: 3 },
            ..change(Vec::new())
        };
        let told = describe(&found, "-e", Colour::Never);
        assert!(
            told.starts_with("mysql:8.0.40 is not available, and mysql:8.0.39 takes its place\n"),
            "{told}"
        );
    }

    #[test]
    fn of_a_command_the_exit_statuses_are_told() {
        let mut found = change(Vec::new());
        let result = |status: i32, text: &str| CaseResult {
            exit_status: Some(status),
            failures: vec![StepFailure {
                found: text.to_owned(),
                ..StepFailure::default()
            }],
            ..CaseResult::default()
        };
        found.releases[0].finding.result = Some(result(0, ""));
        found.releases[2].finding.result = Some(result(7, "exit status 7; the end of x.log:\nno"));
        let told = describe(&found, "make check", Colour::Never);
        let (_, told) = told.split_once("\n\n").expect("two parts");
        insta::assert_snapshot!(told, @r"
        mysql:8.0.35: exit status 0

        mysql:8.0.37: exit status 7; the end of x.log:
            no
        ");
    }

    #[test]
    fn what_is_no_change_has_an_exit_status_of_its_own() {
        let told = |answer: Answer| {
            let found = Bisection {
                answer,
                ..change(Vec::new())
            };
            let text = describe(&found, "-e", Colour::Never);
            format!("{}: {text}", verdict(answer).code())
        };
        insta::assert_snapshot!(told(Answer::NoChange { first: 0, last: 3 }), @"1: the ends have the same outcome: mysql:8.0.35, released 2024-01-16 and mysql:8.0.39, released 2024-01-16");
        insta::assert_snapshot!(told(Answer::Single(0)), @"3: only mysql:8.0.35, released 2024-01-16 is available, and nothing to compare it with");
        insta::assert_snapshot!(told(Answer::Nothing), @"3: none of the releases from mysql:8.0.35 to mysql:8.0.39 is available");
    }
}
