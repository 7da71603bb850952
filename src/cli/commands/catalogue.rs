//! `dbmatrix catalogue`.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{Table, presets};
use dbmatrix_containers::image::{Answer, Archive, archives, ask_all};
use dbmatrix_flavours::catalogue::{Recipe, Server, SourceKind, servers};
use dbmatrix_report::event::Verdict;
use serde::Serialize;

use crate::app::{Failure, eprintln, say};
use crate::cli::args::{CatalogueArgs, Format, json};

/// A server's source in JSON; its names are stable.
#[derive(Debug, Serialize)]
struct Row {
    schema: u32,
    server: String,
    aliases: Vec<String>,
    end_of_life: Option<String>,
    source: &'static str,
    image: String,
    /// Whether this machine can reach it; `null` if that was not checked.
    reached: Option<bool>,
    /// Why it cannot.
    reason: Option<String>,
}

type Answers = BTreeMap<Archive, Answer>;

/// Lists the available servers and their sources, and whether this machine can reach
/// them.
pub(crate) async fn catalogue(args: &CatalogueArgs) -> Result<Verdict, Failure> {
    let sources = || servers().iter().flat_map(|server| &server.source);
    let answers = match args.offline {
        true => None,
        false => {
            let all: BTreeSet<Archive> = sources().flat_map(archives_of).collect();
            let asked = ask_all(all).await;
            let told = |why| eprintln!("warning: nobody was asked: {why}");
            asked.map_err(told).ok()
        }
    };
    let rows = rows(answers.as_ref());
    match args.shown.format {
        Format::Table => say(table(&rows)),
        Format::Json => say(json(&rows)),
    }
    Ok(Verdict::Passed)
}

/// One row per source, grouped by server.
fn rows(answers: Option<&Answers>) -> Vec<Row> {
    let all = servers()
        .iter()
        .flat_map(|server| server.source.iter().map(move |source| (server, source)));
    let row = |(server, source): (&Server, &Recipe)| {
        let aliases = server.aliases.iter();
        let reason = answers.and_then(|answers| unreached(source, answers));
        Row {
            schema: 1,
            server: server.name(),
            aliases: aliases
                .map(|alias| format!("{}:{alias}", server.family))
                .collect(),
            end_of_life: server.end_of_life.clone(),
            source: source.source.as_str(),
            image: source.image.clone(),
            reached: answers
                .filter(|_| !archives_of(source).is_empty())
                .map(|_| reason.is_none()),
            reason,
        }
    };
    all.map(row).collect()
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "SERVER",
        "ALSO",
        "SUPPORT ENDS",
        "SOURCE",
        "IMAGE",
        "REACHED",
    ]);
    for (at, row) in rows.iter().enumerate() {
        let is_first = at == 0 || rows[at - 1].server != row.server;
        let first = |text: String| if is_first { text } else { String::new() };
        table.add_row([
            first(row.server.clone()),
            first(row.aliases.join("\n")),
            first(row.end_of_life.clone().unwrap_or_default()),
            row.source.to_owned(),
            row.image.clone(),
            match (row.reached, &row.reason) {
                (None, _) => String::new(),
                (Some(_), Some(why)) => format!("no: {why}"),
                (Some(_), None) => "yes".to_owned(),
            },
        ]);
    }
    table
}

/// The archives of a source's packages, in addition to those of its image.
fn archives_of(source: &Recipe) -> Vec<Archive> {
    match (&source.repository, source.source) {
        (Some(repository), _) => {
            let archive = |url: &String| Archive {
                url: url.clone(),
                suite: repository.suite.clone(),
            };
            repository.urls.iter().map(archive).collect()
        }
        (None, SourceKind::Debian) => {
            let suite = source.image.strip_prefix("debian:");
            suite.map(archives).unwrap_or_default()
        }
        (None, SourceKind::Vendor | SourceKind::Tarball) => Vec::new(),
    }
}

/// Why this machine cannot reach a source.
fn unreached(source: &Recipe, answers: &Answers) -> Option<String> {
    let archives = archives_of(source);
    let mut asked = archives.iter().map(|archive| answers.get(archive));
    asked.find_map(|answer| match answer {
        Some(Answer::Unreached(why)) => Some(why.clone()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_says_where_it_is() {
        for server in servers() {
            for source in &server.source {
                let all = archives_of(source);
                assert!(!all.is_empty(), "{}", server.name());
                let answer = |why: &str| Answer::Unreached(why.to_owned());
                let gone: Answers = all.into_iter().map(|one| (one, answer("far"))).collect();
                assert_eq!(unreached(source, &gone).as_deref(), Some("far"));
                assert_eq!(unreached(source, &Answers::new()), None);
            }
        }
    }

    #[test]
    fn a_row_says_whether_its_source_is_reached() {
        let row = rows(None).swap_remove(0);
        assert_eq!(row.reached, None);
        let row = rows(Some(&Answers::new())).swap_remove(0);
        insta::assert_snapshot!(json(&[row]), @r#"[{"schema":1,"server":"mysql:26.7","aliases":["mysql:innovation","mysql:latest"],"end_of_life":null,"source":"vendor","image":"debian:bookworm","reached":true,"reason":null}]"#);
    }
}
