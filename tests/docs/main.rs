//! That the documentation is right: links, code blocks, commands, generated files,
//! quoted messages, and words that do not come back.
//!
//! Owns no facts about the program; it asks the program. `DBMATRIX_WRITE=1` rewrites
//! what is generated.

mod ci;
mod commands;
mod events;
mod generated;
mod links;
mod markdown;
mod schema;
mod words;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// The files below a folder that end in one of some ways, sorted.
fn files(folder: &str, ends: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.to_string_lossy();
            if path.is_dir() {
                folders.push(path);
            } else if ends.iter().any(|end| name.ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// All Markdown files of the repository.
fn documents() -> Vec<PathBuf> {
    let top = std::fs::read_dir(root()).expect("the repository");
    let top = top.flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = top
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    for folder in ["docs", "examples"] {
        found.extend(files(folder, &[".md"]));
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

#[test]
fn the_readme_has_at_most_150_lines() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(lines <= 150, "{lines} lines");
}

#[test]
fn continuous_integration_runs_the_test_command_of_the_readme() {
    let command = "\nDBMATRIX_LIVE=1 cargo test\n";
    for file in ["README.md", ".ci/run"] {
        assert!(read(&root().join(file)).contains(command), "{file}");
    }
}
