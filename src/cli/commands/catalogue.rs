//! `dbmatrix catalogue`.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{Table, presets};
use dbmatrix_containers::image::{Answer, Archive, archives, ask_for_files, is_answer};
use dbmatrix_flavours::catalogue::{
    Architecture, Recipe, Release, Series, SourceKind, TarballProof, choose, series,
};
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
    /// When it was published, if it is a release.
    released: Option<String>,
    end_of_life: Option<String>,
    /// The newest release that the catalogue knows, of a series.
    newest: Option<String>,
    source: &'static str,
    image: String,
    /// Where it is, unless that is the image's own mirror.
    url: Option<String>,
    architectures: Vec<&'static str>,
    /// Whether this machine can reach it; `null` if that was not checked.
    reached: Option<bool>,
    /// Why it cannot.
    reason: Option<String>,
    /// The source in tables.
    #[serde(skip)]
    shown_source: &'static str,
    #[serde(skip)]
    probes: Vec<Probe>,
}

/// A file that shows whether a source is reached.
#[derive(Debug)]
struct Probe {
    url: String,
    /// Whether the file itself has to be there, or only its server.
    is_needed: bool,
}

type Answers = BTreeMap<String, Answer>;

/// Lists series or releases and their sources, and whether this machine can reach them.
pub(crate) async fn catalogue(args: &CatalogueArgs) -> Result<Verdict, Failure> {
    let mut releases: Vec<&Release> = Vec::new();
    for text in &args.servers {
        for release in choose(text).map_err(Failure::misused)? {
            if !releases.contains(&release) {
                releases.push(release);
            }
        }
    }
    let mut rows: Vec<Row> = match args.servers.is_empty() {
        true => series().iter().flat_map(rows_of_series).collect(),
        false => releases.into_iter().flat_map(rows_of_release).collect(),
    };
    if args.reached {
        let probes = rows.iter().flat_map(|row| &row.probes);
        let files: BTreeSet<String> = probes.map(|probe| probe.url.clone()).collect();
        match ask_for_files(files).await {
            Ok(answers) => rows.iter_mut().for_each(|row| row.note(&answers)),
            Err(why) => eprintln!("warning: nobody was asked: {why}"),
        }
    }
    match args.shown.format {
        Format::Json => say(json(&rows)),
        Format::Table if args.servers.is_empty() => say(table_of_series(&rows)),
        Format::Table => say(table_of_releases(&rows)),
    }
    Ok(Verdict::Passed)
}

fn rows_of_series(series: &'static Series) -> Vec<Row> {
    let newest = series.releases().last().map(Release::number);
    let row = |recipe: Recipe| Row {
        aliases: series.names().skip(1).collect(),
        newest: newest.clone(),
        ..Row::new(series.name(), Some(series), &recipe)
    };
    series.request().recipes().into_iter().map(row).collect()
}

fn rows_of_release(release: &'static Release) -> Vec<Row> {
    let request = release.request();
    let row = |recipe: Recipe| Row {
        released: release.date.clone(),
        ..Row::new(release.to_string(), request.series, &recipe)
    };
    request.recipes().into_iter().map(row).collect()
}

impl Row {
    fn new(server: String, series: Option<&Series>, recipe: &Recipe) -> Self {
        let architectures = recipe.architectures.iter();
        Row {
            schema: 1,
            server,
            aliases: Vec::new(),
            released: None,
            end_of_life: series.and_then(|series| series.end_of_life.clone()),
            newest: None,
            source: recipe.source.as_str(),
            image: recipe.image.clone(),
            url: recipe.url().map(str::to_owned),
            architectures: architectures.map(|one| one.as_str()).collect(),
            reached: None,
            reason: None,
            shown_source: match recipe.only_if_missing {
                true => "debian or vendor",
                false => recipe.source.as_str(),
            },
            probes: probes(recipe),
        }
    }

    fn note(&mut self, answers: &Answers) {
        let why_not = |probe: &Probe| match answers.get(&probe.url) {
            Some(Answer::Unreached(why)) if probe.is_needed || !is_answer(why) => Some(why.clone()),
            _ => None,
        };
        let reasons: Vec<Option<String>> = self.probes.iter().map(why_not).collect();
        // A tarball is at one of its addresses; a repository needs all of them.
        let is_reached = match self.source == SourceKind::Tarball.as_str() {
            true => reasons.iter().any(Option::is_none),
            false => reasons.iter().all(Option::is_none),
        };
        self.reached = (!reasons.is_empty()).then_some(is_reached);
        self.reason = match is_reached {
            true => None,
            false => reasons.into_iter().flatten().next(),
        };
    }

    /// Whether vendors build it for this machine.
    fn is_for_this_machine(&self) -> bool {
        let here = Architecture::of_this_machine();
        here.is_some_and(|here| self.architectures.contains(&here.as_str()))
    }
}

/// What shows whether a source is reached: the release files of archives, and the
/// signatures of tarballs. Of one whose checksum is known there may be none.
fn probes(recipe: &Recipe) -> Vec<Probe> {
    let archives: Vec<Archive> = match (&recipe.repository, recipe.source) {
        (Some(repository), _) => {
            let archive = |url: &String| Archive {
                url: url.clone(),
                suite: repository.suite.clone(),
            };
            repository.urls.iter().map(archive).collect()
        }
        (None, SourceKind::Debian) => {
            let suite = recipe.image.strip_prefix("debian:");
            suite.map(archives).unwrap_or_default()
        }
        (None, _) => Vec::new(),
    };
    let files = archives.iter().map(|archive| Probe {
        url: archive.release_file(),
        is_needed: true,
    });
    let signatures = recipe.tarball.iter().flat_map(|tarball| {
        tarball.urls.iter().map(|url| Probe {
            url: format!("{url}.asc"),
            is_needed: matches!(tarball.proof, TarballProof::Signature(_)),
        })
    });
    files.chain(signatures).collect()
}

/// One line for each kind of source and image: of several that differ by architecture, the
/// first that is for this machine.
fn table_of_series(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let mut header = vec![
        "SERVER",
        "ALSO",
        "SUPPORT ENDS",
        "NEWEST",
        "SOURCE",
        "IMAGE",
    ];
    header.extend(reached_header(rows));
    table.set_header(header);
    let is_alike = |one: &Row, next: &Row| {
        (&one.server, one.source, &one.image) == (&next.server, next.source, &next.image)
    };
    let mut before = "";
    for alike in rows.chunk_by(is_alike) {
        let Some(row) = usual(alike) else { continue };
        let is_first = before != row.server;
        let first = |text: String| if is_first { text } else { String::new() };
        let mut cells = vec![
            first(row.server.clone()),
            first(row.aliases.join("\n")),
            first(row.end_of_life.clone().unwrap_or_default()),
            first(row.newest.clone().unwrap_or_default()),
            row.source.to_owned(),
            row.image.clone(),
        ];
        cells.extend(reached_header(rows).map(|_| reached(row)));
        table.add_row(cells);
        before = &row.server;
    }
    table
}

/// The preferred source for this machine, or the first at all.
fn usual(rows: &[Row]) -> Option<&Row> {
    let here = rows.iter().find(|row| row.is_for_this_machine());
    here.or(rows.first())
}

/// One line for each release, with the source that is used where a matrix names none.
fn table_of_releases(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let mut header = vec![
        "RELEASE",
        "RELEASED",
        "SUPPORT ENDS",
        "SOURCE",
        "IMAGE",
        "FOR",
    ];
    header.extend(reached_header(rows));
    table.set_header(header);
    for of_release in rows.chunk_by(|one, next| one.server == next.server) {
        let Some(row) = usual(of_release) else {
            continue;
        };
        let mut cells = vec![
            row.server.clone(),
            row.released.clone().unwrap_or_default(),
            row.end_of_life.clone().unwrap_or_default(),
            row.shown_source.to_owned(),
            row.image.clone(),
            row.architectures.join(", "),
        ];
        cells.extend(reached_header(rows).map(|_| reached(row)));
        table.add_row(cells);
    }
    table
}

fn reached_header(rows: &[Row]) -> Option<&'static str> {
    let was_asked = rows.iter().any(|row| row.reached.is_some());
    was_asked.then_some("REACHED")
}

fn reached(row: &Row) -> String {
    match (row.reached, &row.reason) {
        (None, _) => String::new(),
        (Some(_), Some(why)) => format!("no: {why}"),
        (Some(_), None) => "yes".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(release: &str) -> Row {
        let releases = choose(release).expect("a release");
        rows_of_release(releases[0]).swap_remove(0)
    }

    #[test]
    fn every_source_has_a_file_to_ask_for() {
        for row in series().iter().flat_map(rows_of_series) {
            assert!(!row.probes.is_empty(), "{}", row.server);
        }
    }

    #[test]
    fn a_row_says_whether_its_source_is_reached() {
        let mut row = rows_of_series(&series()[0]).swap_remove(0);
        assert_eq!(row.reached, None);
        row.note(&Answers::new());
        insta::assert_snapshot!(json(&[row]), @r#"[{"schema":1,"server":"mysql:26.7","aliases":["mysql:innovation","mysql:latest"],"released":null,"end_of_life":null,"newest":"26.7.0","source":"vendor","image":"debian:bookworm","url":"https://repo.mysql.com/apt/debian","architectures":["amd64"],"reached":true,"reason":null}]"#);
    }

    #[test]
    fn a_tarball_is_reached_at_one_of_its_addresses() {
        let mut row = first("mysql:8.0.30");
        assert!(row.probes.len() > 1);
        let answer = |why: &str| Answer::Unreached(why.to_owned());
        let urls = || row.probes.iter().map(|probe| probe.url.clone());
        let gone: Answers = urls().map(|url| (url, answer("404 Not Found"))).collect();
        let moved: Answers = urls()
            .take(1)
            .map(|url| (url, answer("404 Not Found")))
            .collect();
        row.note(&gone);
        assert_eq!(row.reason.as_deref(), Some("404 Not Found"));
        row.note(&moved);
        assert_eq!((row.reached, row.reason), (Some(true), None));
        // Its checksum is known, so that a signature is not needed.
        let mut row = first("mysql:5.7.31");
        let urls = row.probes.iter().map(|probe| probe.url.clone());
        let gone: Answers = urls.map(|url| (url, answer("404 Not Found"))).collect();
        row.note(&gone);
        assert_eq!(row.reached, Some(true));
    }
}
