//! Checks that the table of keys and the readers agree.

use std::collections::BTreeSet;
use std::path::Path;

use dbmatrix_config::take_asked_keys;
use tempfile::TempDir;
use toml::{Table, Value};

use super::{Key, SECTIONS, Section, Takes};
use crate::matrix::Matrix;

const MATRIX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../m.toml");

thread_local! {
    /// A certificate and its key, which the matrix names.
    static CERTIFICATES: TempDir = {
        let made = rcgen::generate_simple_self_signed(Vec::new()).expect("a key");
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: String| std::fs::write(folder.path().join(name), text);
        file("cert.pem", made.cert.pem()).expect("a file");
        file("key.pem", made.signing_key.serialize_pem()).expect("a file");
        folder
    };
}

/// A matrix with every table, and with each kind of suite and flavour.
fn whole() -> String {
    let folder = CERTIFICATES.with(|folder| folder.path().display().to_string());
    TABLES.replace("PEM", &folder)
}

const TABLES: &str = "
flavours = ['mysql:9.7']
[nest]
[run]
[defaults]
files = [{ from = 'LICENSE', to = '/etc/' }]
setup = [{ file = 'LICENSE' }]
tls = { ca = 'PEM/cert.pem', cert = 'PEM/cert.pem', key = 'PEM/key.pem' }
[[image]]
name = 'debian:sid'
[[mirror]]
of = 'https://archive.mariadb.org'
url = 'http://repo.test/mariadb'
[[flavour]]
name = 'packaged'
server = 'mariadb:11.8'
repository = { url = 'http://repo.test/apt', key = 'key.asc' }
replicas = [{ server = 'mariadb:11.8' }]
[[flavour]]
name = 'unpacked'
server = 'mysql:5.6'
tarball = { path = 'x.tgz' }
[[flavour]]
name = 'external'
url = 'env:URL'
[[suite]]
name = 'files'
files = ['sql/types.slt']
replace = [{ pattern = 'x' }]
[[suite]]
name = 'command'
command = ['true']
[[suite]]
name = 'mysqltest'
mysqltest = 'mysql'
[[suite]]
name = 'log'
log = 'examples/logs/bookshop-slow.log'
[[upgrade]]
from = ['mysql:8.4']
to = ['mysql:9.7']
";

fn told(text: &str) -> Vec<String> {
    match Matrix::parse(Path::new(MATRIX), text) {
        Ok(_) => Vec::new(),
        Err(error) => error.lines(),
    }
}

fn all_keys() -> impl Iterator<Item = (&'static Section, &'static Key)> {
    let sections = SECTIONS.iter();
    sections.flat_map(|section| section.keys.iter().map(move |key| (section, key)))
}

#[test]
fn readers_ask_for_the_keys_of_the_reference_and_no_others() {
    take_asked_keys();
    assert_eq!(told(&whole()), [""; 0]);
    let asked = take_asked_keys();
    let current = |section: &Section| -> BTreeSet<String> {
        let keys = section.keys.iter().filter(|key| key.renamed.is_none());
        keys.map(|key| key.name.to_owned()).collect()
    };
    for section in SECTIONS {
        let asked = asked.get(section.path);
        assert_eq!(asked, Some(&current(section)), "`{}`", section.title);
    }
    let paths: BTreeSet<&str> = SECTIONS.iter().map(|section| section.path).collect();
    assert_eq!(paths, asked.keys().map(String::as_str).collect());
}

#[test]
fn old_names_are_read_with_a_note() {
    for (section, key) in all_keys().filter(|(_, key)| key.renamed.is_some()) {
        let value = match key.takes {
            Takes::Word(words, _) => words[0].into(),
            _ => "1s".into(),
        };
        let text = with(section, key, value);
        let matrix = Matrix::parse(Path::new(MATRIX), &text).expect("a matrix");
        let note = matrix.deprecations.join("\n");
        let now = key.renamed.expect("a new name");
        assert!(
            note.contains(&format!("`{}` is called `{now}`", key.name)),
            "{note}"
        );
    }
}

#[test]
fn readers_take_what_the_reference_says() {
    for (section, key) in all_keys() {
        let wrong: Value = match key.takes {
            Takes::Flag | Takes::Count | Takes::Number => "zzz".into(),
            Takes::Words(..) => Value::Array(vec!["zzz".into()]),
            Takes::Word(..) | Takes::WordOrTable(..) => "zzz".into(),
            _ => 1.into(),
        };
        let expected = match key.takes {
            Takes::Flag => "expected `true` or `false`",
            Takes::Count => "expected a whole number from 1",
            Takes::Number => "expected a number",
            Takes::Texts | Takes::TextsOrTables(_) => "expected a list of strings",
            Takes::Settings | Takes::SettingValues | Takes::Table(_) => "expected a table",
            Takes::Tables(_) => "expected a list of tables",
            Takes::Text | Takes::TextOrTexts => "expected a string",
            Takes::Matching(_) => "expected a ",
            Takes::Word(..) | Takes::WordOrTable(..) | Takes::Words(..) => "found `zzz`",
        };
        let told = told(&with(section, key, wrong));
        let line = told.iter().find(|line| line.contains(expected));
        let line = line.unwrap_or_else(|| panic!("`{}`: {told:?}", key.name));
        if let Takes::Word(words, _) | Takes::WordOrTable(words, _) | Takes::Words(words, _) =
            key.takes
        {
            let named: BTreeSet<&str> = line.split('`').skip(1).step_by(2).collect();
            let mut words: BTreeSet<&str> = words.iter().copied().collect();
            words.insert("zzz");
            assert_eq!(named, words, "`{}`", key.name);
        }
    }
}

#[test]
fn required_keys_are_missed() {
    for (section, key) in all_keys().filter(|(_, key)| key.default.is_empty()) {
        let mut whole: Table = whole().parse::<Table>().expect("TOML");
        for table in tables_of(&mut whole, section.path) {
            table.remove(key.name);
        }
        let told = told(&whole.to_string());
        let expected = format!("`{}`", key.name);
        assert!(told.iter().any(|line| line.contains(&expected)), "{told:?}");
    }
}

#[test]
fn links_and_letters_of_markdown_are_no_text() {
    assert_eq!(super::plain("a [b c](d.md#e) `[[f]]` g"), "a b c `[[f]]` g");
    assert_eq!(super::anchor("flavour.tarball"), "tarball-of-flavour");
}

/// The complete matrix with a key of a section added in the table that reads it.
fn with(section: &Section, key: &Key, value: Value) -> String {
    let mut whole: Table = whole().parse::<Table>().expect("TOML");
    let at = match (section.path, key.name) {
        ("suite", "command" | "folder" | "environment") => 1,
        ("suite", "mysqltest" | "tests" | "skip") => 2,
        (
            "suite",
            "log" | "per-digest" | "since" | "until" | "database" | "user" | "only" | "seed"
            | "writes",
        ) => 3,
        ("flavour", "url" | "tls" | "ca" | "permissions") => 2,
        _ => 0,
    };
    let mut tables = tables_of(&mut whole, section.path);
    tables.swap_remove(at).insert(key.name.to_owned(), value);
    whole.to_string()
}

/// The tables with a path.
fn tables_of<'t>(whole: &'t mut Table, path: &str) -> Vec<&'t mut Table> {
    let path = match path {
        "files" | "setup" | "tls" => format!("defaults.{path}"),
        path => path.to_owned(),
    };
    let mut found = vec![whole];
    for part in path.split('.').filter(|part| !part.is_empty()) {
        found = found
            .into_iter()
            .filter_map(|table| table.get_mut(part))
            .flat_map(|value| match value {
                Value::Table(table) => vec![table],
                Value::Array(list) => list.iter_mut().filter_map(Value::as_table_mut).collect(),
                _ => Vec::new(),
            })
            .collect();
    }
    found
}
