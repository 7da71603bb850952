//! `dbmatrix doctor`.

use std::io::IsTerminal;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use dbmatrix_containers::host::Names;
use dbmatrix_report::Colour;
use dbmatrix_report::event::Verdict;
use serde::Serialize;

use crate::app::{Failure, Globals, eprintln, privilege, say};
use crate::cli::args::{DoctorArgs, Format, json};
use crate::doctor::{Finding, Reach, State, check_machine};

/// Checks the machine; with `--fix` applies the safe fixes.
pub(crate) async fn doctor(global: &Globals, args: &DoctorArgs) -> Result<Verdict, Failure> {
    if let (true, Some(remote)) = (args.fix, global.engine.remote()) {
        return Err(Failure::misused(format!(
            "`--fix` changes this machine alone, and `{}` is elsewhere; run the doctor on that machine",
            remote.name
        )));
    }
    if args.fix {
        let mut options = Vec::new();
        if args.offline {
            options.push("--offline");
        }
        if args.shown.format == Format::Json {
            options.extend(["--format", "json"]);
        }
        privilege::fix_as_root(global, &options)?;
    }
    let reach = match args.offline {
        true => Reach::Machine,
        false => Reach::Mirrors,
    };
    let mut findings =
        check_machine(&global.engine.clone(), &Names::of(&global.project), reach).await;
    if args.shown.format == Format::Table {
        say(table(&findings));
    }
    let mut fixed = Vec::new();
    if args.fix {
        fixed = fix(&mut findings, args.shown.format).await;
    }
    match args.shown.format {
        Format::Table => say(summary(&findings)),
        Format::Json => say(json(&rows(&findings, &fixed))),
    }
    let is_problem = |finding: &Finding| finding.state == State::Problem;
    Ok(match findings.iter().any(is_problem) {
        true => Verdict::Failed,
        false => Verdict::Passed,
    })
}

/// Applies and reports the possible fixes; returns what was done about each finding.
async fn fix(findings: &mut [Finding], format: Format) -> Vec<Vec<String>> {
    let tell = |line: String| match format {
        Format::Table => say(line),
        Format::Json => eprintln!("{line}"),
    };
    let mut fixed = Vec::new();
    for finding in findings {
        let mut lines = Vec::new();
        if let Some(fix) = &finding.fix {
            match fix.apply().await {
                Ok(done) => {
                    done.iter().for_each(|line| tell(format!("fixed: {line}")));
                    finding.state = State::Ok;
                    lines = done;
                }
                Err(error) => tell(format!("not fixed: {error}")),
            }
        }
        fixed.push(lines);
    }
    fixed
}

/// A finding in JSON; its names are stable.
#[derive(Debug, Serialize)]
struct Row<'a> {
    schema: u32,
    check: &'a str,
    /// `ok`, `note` or `problem`.
    state: String,
    found: &'a str,
    remedy: Option<&'a str>,
    /// What `--fix` did.
    fixed: &'a [String],
}

fn rows<'a>(findings: &'a [Finding], fixed: &'a [Vec<String>]) -> Vec<Row<'a>> {
    let row = |(at, finding): (usize, &'a Finding)| Row {
        schema: 1,
        check: &finding.check,
        state: finding.state.to_string(),
        found: &finding.found,
        remedy: finding.remedy.as_deref(),
        fixed: fixed.get(at).map_or(&[], Vec::as_slice),
    };
    findings.iter().enumerate().map(row).collect()
}

fn table(findings: &[Finding]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for finding in findings {
        let text = match &finding.remedy {
            Some(remedy) => format!("{}\n→ {remedy}", finding.found),
            None => finding.found.clone(),
        };
        table.add_row([
            state(finding.state),
            Cell::new(&finding.check),
            Cell::new(text),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines = table.to_string();
    let lines: Vec<&str> = lines.lines().map(str::trim_end).collect();
    lines.join("\n")
}

fn state(state: State) -> Cell {
    let cell = Cell::new(state);
    match (Colour::of_stdout(), state) {
        (Colour::Never, _) => cell,
        (Colour::Always, State::Ok) => cell.fg(Color::Green),
        (Colour::Always, State::Note) => cell.fg(Color::Yellow),
        (Colour::Always, State::Problem) => cell.fg(Color::Red),
    }
}

fn summary(findings: &[Finding]) -> String {
    let count = |state| {
        findings
            .iter()
            .filter(|finding| finding.state == state)
            .count()
    };
    let noun = |number, one: &str| match number {
        1 => format!("1 {one}"),
        more => format!("{more} {one}s"),
    };
    format!(
        "\n{}, {}, {} ok",
        noun(count(State::Problem), "problem"),
        noun(count(State::Note), "note"),
        count(State::Ok)
    )
}
