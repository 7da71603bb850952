//! A simple prompt, for machines without a client.

use std::io::{BufRead, IsTerminal, Write};

use comfy_table::{Table, presets};

use super::{Failure, say};
use crate::compare::{Letter, written};
use crate::event::Verdict;
use crate::outcome::{Outcome, RowSet};
use crate::server::Server;
use crate::session::{Connect, Session};
use crate::suite::split;

/// Runs `execute`, or what is typed, statement by statement.
pub(super) async fn run(
    server: &Server,
    flavour: &str,
    execute: Option<&str>,
) -> Result<Verdict, Failure> {
    let mut session = server.connect(None).await.map_err(Failure::not_provided)?;
    if let Some(sql) = execute {
        return run_text(&mut session, sql).await;
    }
    let interactive = std::io::stdin().is_terminal();
    if interactive {
        say(format_args!(
            "{} ({}). End a statement with `;`, leave with Ctrl-D.",
            flavour, server.identity.full
        ));
    }
    let mut typed = String::new();
    let mut verdict = Verdict::Passed;
    loop {
        if interactive {
            let mark = if typed.trim().is_empty() {
                flavour
            } else {
                "      ->"
            };
            print!("{mark}> ");
            let _ = std::io::stdout().flush();
        }
        let read = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin()
                .lock()
                .read_line(&mut line)
                .map(|count| (count, line))
        });
        let (count, line) = read
            .await
            .map_err(Failure::not_provided)?
            .map_err(Failure::not_provided)?;
        typed.push_str(&line);
        let ended = typed.trim_end().ends_with(';') || count == 0;
        if ended && !typed.trim().is_empty() {
            verdict = verdict.max(run_text(&mut session, &std::mem::take(&mut typed)).await?);
        }
        if count == 0 || ["exit", "quit", "\\q"].contains(&typed.trim()) {
            session.close().await;
            return Ok(if interactive {
                Verdict::Passed
            } else {
                verdict
            });
        }
    }
}

async fn run_text(session: &mut Session, sql: &str) -> Result<Verdict, Failure> {
    let mut verdict = Verdict::Passed;
    for statement in split(sql) {
        let outcome = session
            .run(&statement.text)
            .await
            .map_err(Failure::not_provided)?;
        if outcome.refusal().is_some() {
            verdict = Verdict::Failed;
        }
        show(&outcome);
    }
    Ok(verdict)
}

fn show(outcome: &Outcome) {
    match outcome {
        Outcome::Rows(rows) => {
            say(format_args!("{}\n{} row(s)", table(rows), rows.rows.len()));
        }
        Outcome::Done { affected, warnings } => say(format_args!(
            "ok, {affected} row(s) affected, {warnings} warning(s)"
        )),
        Outcome::Refused(refusal) => eprintln!("{refusal}"),
        Outcome::Several(parts) => parts.iter().for_each(show),
    }
}

fn table(rows: &RowSet) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(rows.columns.iter().map(|column| &column.name));
    for row in rows.rows.iter() {
        table.add_row(row.iter().map(|value| match value {
            Some(b"") => String::new(),
            value => written(value, Letter::Text),
        }));
    }
    table
}
