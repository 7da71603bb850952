//! Words that the project has given up do not come back: each had a meaning of its own
//! here, or is no plain English.

use regex::Regex;

use crate::{documents, files, read, root};

/// What is gone, and what to write instead. Where an old name is still understood, its
/// files are named.
const GONE: &[(&str, &str, &[&str])] =
    &[(r"\bfr[eo]ez(e|en|ing)\b|\bthaw", "pause, resume", ALIASES)];

/// Where old names are understood, told of or tested.
const ALIASES: &[&str] = &["CHANGELOG.md"];

#[test]
fn retired_words_do_not_come_back() {
    let mut found = Vec::new();
    let mut paths = files("src", &[".rs", ".toml", ".js", ".css"]);
    paths.extend(files("matrices", &[".toml"]));
    paths.extend(files("examples", &[".toml", ".slt", ".sql", ".yml"]));
    paths.extend(documents());
    for path in paths {
        let name = path.strip_prefix(root()).expect("a file of the repository");
        let name = name.to_string_lossy().into_owned();
        let text = read(&path);
        for (word, instead, except) in GONE {
            if except.contains(&name.as_str()) {
                continue;
            }
            let word = Regex::new(word).expect("a pattern");
            for (number, line) in (1..)
                .zip(text.lines())
                .filter(|(_, line)| word.is_match(line))
            {
                found.push(format!(
                    "{name}:{number}: {} (write: {instead})",
                    line.trim()
                ));
            }
        }
    }
    assert!(found.is_empty(), "retired words:\n{}", found.join("\n"));
}
