//! `dbmatrix catalogue`.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{Table, presets};

use super::{Failure, say};
use crate::catalogue::{Recipe, SourceKind, servers};
use crate::event::Verdict;
use crate::image::{Answer, Archive, archives, ask_all};

/// Options of `catalogue`.
#[derive(Debug, clap::Args)]
pub(super) struct CatalogueArgs {
    /// Do not ask whether this machine reaches where they are
    #[arg(long)]
    offline: bool,
}

type Answers = BTreeMap<Archive, Answer>;

/// Shows what servers can be had, from where, and whether this machine gets there.
pub(super) async fn catalogue(args: &CatalogueArgs) -> Result<Verdict, Failure> {
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
    for server in servers() {
        for (at, source) in server.source.iter().enumerate() {
            let first = |text: String| if at == 0 { text } else { String::new() };
            let aliases = server.aliases.iter();
            let aliases: Vec<String> = aliases
                .map(|alias| format!("{}:{alias}", server.family))
                .collect();
            table.add_row([
                first(server.name()),
                first(aliases.join("\n")),
                first(server.end_of_life.clone().unwrap_or_default()),
                source.source.as_str().to_owned(),
                source.image.clone(),
                reached(source, answers.as_ref()),
            ]);
        }
    }
    say(table);
    Ok(Verdict::Passed)
}

/// Where a source's packages come from, beside those of its image.
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

fn reached(source: &Recipe, answers: Option<&Answers>) -> String {
    let (Some(answers), archives) = (answers, archives_of(source)) else {
        return String::new();
    };
    if archives.is_empty() {
        return String::new();
    }
    let missing = archives
        .iter()
        .find_map(|archive| match answers.get(archive) {
            Some(Answer::Unreached(why)) => Some(why),
            _ => None,
        });
    missing.map_or_else(|| "yes".to_owned(), |why| format!("no: {why}"))
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
                assert_eq!(reached(source, Some(&gone)), "no: far");
                assert_eq!(reached(source, None), "");
            }
        }
    }
}
