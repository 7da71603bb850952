//! The schema of events names every event and every field.

use dbmatrix_report::event::SCHEMA;
use regex::Regex;

use crate::{read, root};

/// Sources whose public data is written to `json` reports.
const SOURCES: [&str; 6] = [
    "crates/report/src/event/mod.rs",
    "crates/report/src/event/case.rs",
    "crates/report/src/event/difference.rs",
    "crates/report/src/event/facts.rs",
    "crates/report/src/event/times.rs",
    "crates/sql/src/package.rs",
];

/// `FlavourReady` as `flavour-ready`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[test]
fn every_event_and_field_is_documented() {
    let text = read(&root().join("docs/events.md"));
    let is_there = |word: &str| text.contains(&format!("`{word}`"));
    let field = Regex::new(r"(?m)^ +(?:pub )?([a-z_]+): [A-Z(a-z]").expect("a pattern");
    let variant = Regex::new(r"(?m)^    ([A-Z][A-Za-z]+)(?: \{|\(|,)").expect("a pattern");
    let mut seen = 0;
    let mut missing = Vec::new();
    let types = Regex::new(r"(?ms)^pub (?:enum|struct) .*?^\}").expect("a pattern");
    for source in SOURCES {
        let code = read(&root().join(source));
        // Data comes before the code that works with it.
        for found in types.find_iter(&code) {
            let names = field.captures_iter(found.as_str());
            let mut words: Vec<String> = names.map(|name| name[1].to_owned()).collect();
            let names = variant.captures_iter(found.as_str());
            words.extend(names.map(|name| kebab(&name[1])));
            seen += words.len();
            missing.extend(words.into_iter().filter(|word| !is_there(word)));
        }
    }
    assert!(seen > 80, "{seen} words");
    // Words of cells are the reports' own; later events are skipped.
    missing
        .retain(|word| !["errored", "unavailable", "differs", "unknown"].contains(&word.as_str()));
    assert!(missing.is_empty(), "docs/events.md lacks {missing:?}");
}

#[test]
fn the_number_of_the_schema_is_documented() {
    let text = read(&root().join("docs/events.md"));
    assert!(text.contains(&format!("now **{SCHEMA}**")), "not {SCHEMA}");
}
