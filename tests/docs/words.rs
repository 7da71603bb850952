//! Words that the project has given up do not come back: each had a meaning of its own
//! here, or is no plain English.

use regex::Regex;

use crate::{documents, files, read, root};

/// What is gone, what to write instead, and the files or folders that document old
/// names, read them or test that they are read.
const GONE: &[(&str, &str, &[&str])] = &[
    (r"\bfr[eo]ez(e|en|ing)\b|\bthaw", "pause, resume", FREEZE),
    (r"\bhalf[ -]made\b", "incomplete", &["src/cli/"]),
    (r"\b(cannot|could not|can) be had\b", "not available", &[]),
    (r"\b(ends|ended) early\b", "aborted", &[]),
    (r"\bnot whole\b", "incomplete", &[]),
    (r"\bheeded\b", "applied", &[]),
    (
        r"accepted here|refused there|differences? that (does not |do not )?counts?\b",
        "succeeds here, fails there; significant, insignificant",
        &[],
    ),
    (
        r"\bacceptance\b",
        "success",
        &[
            "docs/events.md",
            "docs/matrix-reference.md",
            "crates/sql/src/compare/kind.rs",
            "crates/report/src/event/mod.rs",
            "crates/flavours/src/matrix/reference/keys.rs",
            "crates/sql/src/suite/known.rs",
        ],
    ),
    (
        r"step-limit|--gate\b",
        "step-timeout, --ci",
        &[
            "docs/matrix-reference.md",
            "src/cli/",
            "crates/flavours/src/matrix/",
        ],
    ),
    // "Told apart" is fine.
    (
        r"\b(is|are|was|were) told( [b-z]| a[^p]|[.,;:]|$)",
        "is reported",
        &[],
    ),
    (
        r"\b(the|a|which|each|all) rooms?\b `|\bwires rooms",
        "module",
        &[],
    ),
    (
        r"\b(Stand|StandOptions|Ground|Survey|Audience|Joint|Course|Excuses|Depot|Weighed|Tally)\b",
        "Environment, EngineProject, EngineProbe, ReporterSet, RunContext, FailFast, …",
        &[],
    ),
    (
        r"\b(Alarm|LAST_WORDS|StepsAhead|PARCEL|TWIN|Hindrance|Stranger|Neighbour|Lens|Seat)\b",
        "DeadlineTimer, KILL_TIMEOUT, StepPrefetcher, TRANSFER_ID, standby, StreamError, …",
        &[],
    ),
];

/// How the names of sources end.
const SOURCES: &[&str] = &[".rs", ".toml", ".js", ".css"];

/// Where `freeze` and `thaw` are read as old names, and where the engines' own words are.
const FREEZE: &[&str] = &[
    "docs/matrix-reference.md",
    "src/cli/",
    "crates/engine/src/instance.rs",
    "crates/flavours/src/matrix/",
];

#[test]
fn retired_words_do_not_come_back() {
    let mut found = Vec::new();
    let mut paths = files("src", SOURCES);
    paths.extend(files("crates", SOURCES));
    paths.extend(files("matrices", &[".toml"]));
    paths.extend(files("examples", &[".toml", ".slt", ".sql", ".yml"]));
    paths.extend(documents());
    // It tells of old names.
    paths.retain(|path| !path.ends_with("CHANGELOG.md"));
    let gone: Vec<(Regex, &str, &[&str])> = GONE
        .iter()
        .map(|(word, instead, except)| (Regex::new(word).expect("a pattern"), *instead, *except))
        .collect();
    for path in paths {
        let name = path.strip_prefix(root()).expect("a file of the repository");
        let name = name.to_string_lossy().into_owned();
        let text = read(&path);
        for (word, instead, except) in &gone {
            if except.iter().any(|place| name.starts_with(place)) {
                continue;
            }
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

#[test]
fn no_exception_is_without_a_reason() {
    for (word, _, except) in GONE {
        let word = Regex::new(word).expect("a pattern");
        for place in *except {
            let mut there = files(place, &[".rs"]);
            if there.is_empty() {
                there.push(root().join(place));
            }
            let is_needed = there.iter().any(|path| word.is_match(&read(path)));
            assert!(is_needed, "{place} has no {word}");
        }
    }
}
