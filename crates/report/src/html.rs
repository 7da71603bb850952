//! A single self-contained page: an overview of the matrix, the problems, and the answers
//! of each side. Without scripts, everything is visible and filters are missing.

mod class_table;
mod findings;
mod policy;

use std::collections::BTreeSet;
use std::path::Path;

use dbmatrix_sql::compare::Kind;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::classes;
use super::insignificant::sum_up;
use super::record::{RunRecord, facts_of_run, facts_of_server, release};
use super::summary::Summary;
use super::text::{one_line, visible};
use crate::event::{CellVerdict, Reason, Verdict};
use class_table::{LogClass, class_table};
use findings::findings;
use policy::policy;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");
/// If more files than this have problems, they are collapsed at first.
const MANY: usize = 12;
/// Columns of a statement on one line.
const WIDEST: usize = 120;

/// The states to filter by, with their names in the page and titles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Unavailable,
    Ended,
    Failed,
    New,
    Stale,
    Flaky,
    Known,
    Shown,
}

impl State {
    const ALL: [State; 8] = [
        State::Unavailable,
        State::Ended,
        State::Failed,
        State::New,
        State::Stale,
        State::Flaky,
        State::Known,
        State::Shown,
    ];

    fn name(self) -> &'static str {
        match self {
            State::Unavailable => "unavailable",
            State::Ended => "error",
            State::Failed => "failed",
            State::New => "new",
            State::Stale => "stale",
            State::Flaky => "flaky",
            State::Known => "known",
            State::Shown => "shown",
        }
    }

    fn title(self) -> &'static str {
        match self {
            State::Unavailable => "unavailable",
            State::Ended => "aborted",
            State::Failed => "failed",
            State::New => "new difference",
            State::Stale => "stale entry",
            State::Flaky => "flaky",
            State::Known => "known",
            State::Shown => "expected or insignificant",
        }
    }
}

/// Something that a reader may want to look at.
struct Finding {
    state: State,
    suite: String,
    file: String,
    line: usize,
    kinds: Vec<Kind>,
    flavours: Vec<String>,
    head: String,
    statement: String,
    sides: Vec<Side>,
    reasons: Vec<Reason>,
    /// Present if it is of a log.
    class: Option<LogClass>,
}

impl Finding {
    /// The databases in which its statements ran, in a log.
    fn databases(&self) -> &[String] {
        self.class.as_ref().map_or(&[], |class| &class.databases)
    }
}

/// What some flavours answered, or the expected result.
struct Side {
    title: String,
    note: String,
    text: String,
}

pub(super) fn render(run: &RunRecord) -> String {
    let mut findings = findings(run);
    findings.sort_by(|a, b| (a.state, &a.file, a.line).cmp(&(b.state, &b.file, b.line)));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(policy(STYLE, SCRIPT));
                title { (run.verdict_label()) " · " (run.matrix.display()) " · dbmatrix" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(run))
                main {
                    (matrix(run))
                    (list(run, &findings))
                    (provenance(run))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn header(run: &RunRecord) -> Markup {
    let is_good = run.verdict() == Verdict::Passed;
    html! {
        header {
            p.where {
                code { (run.matrix.display()) }
                @if let Some(shard) = &run.shard { " · part " (shard) }
                " · " time { (run.began) }
            }
            h1 class=(if is_good { "good" } else { "bad" }) {
                (if is_good { "✓ " } else { "✗ " }) (run.verdict_label())
            }
            p { (Summary::of(run).last_line()) }
            @if let Some((_, reason)) = &run.aborted { pre.reason { (visible(reason)) } }
            @let logs = classes::describe(run);
            @if !logs.is_empty() { pre { (logs.trim()) } }
            @for warning in run.warnings() { p.warning { "warning: " (visible(&warning)) } }
        }
    }
}

/// Suites with their files by flavours; each cell links to its problems.
fn matrix(run: &RunRecord) -> Markup {
    let flavours = run.flavours();
    let suites = run.suites();
    html! {
        section #matrix aria-label="Matrix" {
            div.scroll { table {
                thead { tr {
                    th scope="col" { "suite" }
                    @for flavour in &flavours {
                        th scope="col" {
                            (flavour)
                            small { (run.servers.get(flavour).map_or("-", release)) }
                        }
                    }
                } }
                @for suite in &suites {
                    @let files = run.files_of(suite);
                    @let bad = files.values().filter(|is_good| !**is_good).count();
                    tbody.many[bad > MANY] {
                        tr.suite {
                            th scope="row" {
                                (suite)
                                @if files.len() > 1 {
                                    " " button type="button" aria-expanded="false" {
                                        (files.len()) " files"
                                        @if bad > 0 { ", " (bad) " not fine" }
                                    }
                                }
                            }
                            @for flavour in &flavours { (cell(run, suite, None, flavour)) }
                        }
                        @for (file, is_good) in &files {
                            tr.file.fine[*is_good] {
                                th scope="row" title=(file.display()) { (name_of(file)) }
                                @for flavour in &flavours {
                                    (cell(run, suite, Some(file), flavour))
                                }
                            }
                        }
                    }
                }
            } }
        }
    }
}

/// The path without the folder, which the suite names.
fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}

fn cell(run: &RunRecord, suite: &str, file: Option<&Path>, flavour: &str) -> Markup {
    let cell = run.cell(suite, file, flavour);
    let (class, is_bad) = match cell.verdict {
        None => ("none", false),
        Some(CellVerdict::Skipped) => ("skipped", false),
        Some(CellVerdict::Passed) => ("passed", false),
        Some(CellVerdict::Flaky) => ("flaky", true),
        Some(CellVerdict::Differs) => ("differs", true),
        Some(CellVerdict::Failed) => ("failed", true),
        Some(CellVerdict::Errored) => ("error", true),
        Some(CellVerdict::Unavailable) => ("unavailable", true),
    };
    let file = file.map_or_else(String::new, |file| file.display().to_string());
    html! {
        td class=(class) data-suite=(suite) data-file=(file) data-flavour=(flavour) {
            @if is_bad { a href="#findings" { (cell.label()) } }
            @else { (cell.label()) }
        }
    }
}

fn list(run: &RunRecord, findings: &[Finding]) -> Markup {
    let mut kinds: Vec<Kind> = findings.iter().flat_map(|one| one.kinds.clone()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let databases: BTreeSet<&String> = findings.iter().flat_map(Finding::databases).collect();
    let states: Vec<(State, usize)> = State::ALL
        .into_iter()
        .map(|state| {
            let of_state = findings.iter().filter(|one| one.state == state);
            (state, of_state.count())
        })
        .filter(|(_, number)| *number > 0)
        .collect();
    html! {
        section #findings aria-label="Findings" {
            h2 { "Findings" }
            @if findings.is_empty() { p { "Nothing differs, and nothing is wrong." } }
            @else {
                form #filters hidden {
                    fieldset {
                        legend { "state" }
                        @for (state, number) in &states {
                            label {
                                input type="checkbox" name="state" value=(state.name())
                                    checked[*state != State::Shown || states.len() == 1];
                                (state.title()) " " small { (number) }
                            }
                        }
                    }
                    label {
                        "flavour "
                        select name="flavour" {
                            option value="" { "all" }
                            @for flavour in run.flavours() { option { (flavour) } }
                        }
                    }
                    label {
                        "kind "
                        select name="kind" {
                            option value="" { "all" }
                            @for kind in &kinds { option value=(kind.as_str()) { (kind.title()) } }
                        }
                    }
                    @if !databases.is_empty() {
                        label {
                            "database "
                            select name="database" {
                                option value="" { "all" }
                                @for name in &databases { option { (name) } }
                            }
                        }
                    }
                    label {
                        "file or statement "
                        input type="search" name="text" placeholder="JSON_TABLE";
                    }
                    output {}
                    button type="reset" { "show all" }
                }
                (class_table(findings))
                @for (at, one) in findings.iter().enumerate() { (finding_section(at, one)) }
            }
            @let sums = sum_up(run);
            @if !sums.is_empty() {
                h3 { "Expected and insignificant differences" }
                ul { @for sum in &sums { li { (sum.title()) } } }
            }
        }
    }
}

fn finding_section(at: usize, one: &Finding) -> Markup {
    let kinds: Vec<&str> = one.kinds.iter().map(|kind| kind.as_str()).collect();
    let place = match one.line {
        0 => one.file.clone(),
        line => format!("{}:{line}", one.file),
    };
    html! {
        details id={ "f" (at) } class=(one.state.name()) data-state=(one.state.name())
            data-kinds=(kinds.join(" ")) data-flavours=(one.flavours.join(" "))
            data-databases=[databases(one)] data-suite=(one.suite) data-file=(one.file) {
            summary {
                b { (one.state.title()) } " "
                code.place { (place) } " "
                span.head { (visible(&one.head)) } " "
                code.statement { (one_line(&one.statement, WIDEST)) }
            }
            @if !one.statement.is_empty() { pre.statement { (visible(&one.statement)) } }
            div.sides {
                @for side in &one.sides {
                    section {
                        h3 { (side.title) }
                        @if !side.note.is_empty() { p { (side.note) } }
                        pre { (visible(&side.text)) }
                    }
                }
            }
            @for reason in &one.reasons { (because(reason)) }
        }
    }
}

/// A line for each database: their names may have blanks.
fn databases(one: &Finding) -> Option<String> {
    let names = one.databases();
    (!names.is_empty()).then(|| names.join("\n"))
}

fn because(reason: &Reason) -> Markup {
    let link = reason.link.as_deref();
    let is_web =
        link.is_some_and(|link| link.starts_with("https://") || link.starts_with("http://"));
    html! {
        p.reason {
            "known: " (visible(&reason.text))
            @if let Some(link) = link {
                " "
                @if is_web { a href=(link) rel="noreferrer" { (link) } } @else { (link) }
            }
        }
    }
}

fn provenance(run: &RunRecord) -> Markup {
    html! {
        section #provenance aria-label="Provenance" {
            h2 { "What it ran on" }
            dl {
                @for (name, value) in facts_of_run(run) { dt { (name) } dd { (visible(&value)) } }
            }
            @for (flavour, server) in &run.servers {
                details {
                    summary { b { (flavour) } " " (visible(&server.version)) " " span.head { (visible(&server.comment)) } }
                    dl {
                        @for (name, value) in facts_of_server(server) {
                            dt { (name) } dd { (visible(&value)) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
