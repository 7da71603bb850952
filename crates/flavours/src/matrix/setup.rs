//! `setup`: files of statements that run once, each where its conditions hold.

use std::path::{Path, PathBuf};

use dbmatrix_config::{Placed, TableReader, TextOrTable};
use dbmatrix_sql::suite::{Condition, Conditions};

use super::defaults::LocalFiles;
use super::pattern::{expand_any, find};

/// A file of statements.
#[derive(Debug, Clone)]
pub struct SetupFile {
    /// Where it is.
    pub path: PathBuf,
    /// On which servers it runs.
    pub conditions: Conditions,
    /// The conditions as text, for keys.
    pub conditions_text: Vec<String>,
}

/// The files of one table in their order; `None` without the key.
pub(super) fn read(
    table: &TableReader<'_>,
    folder: &Path,
    presence: LocalFiles,
) -> Option<Vec<SetupFile>> {
    let entries = table.shared_texts_and_tables("setup")?;
    let files = entries.into_iter().flat_map(|entry| match entry {
        TextOrTable::Text(pattern) => {
            let files = matching(table, folder, &pattern, presence).into_iter();
            let always = |path| SetupFile {
                path,
                conditions: Conditions::default(),
                conditions_text: Vec::new(),
            };
            files.map(always).collect()
        }
        TextOrTable::Table(entry) => read_entry(&entry, folder, presence),
    });
    Some(files.collect())
}

fn read_entry(entry: &TableReader<'_>, folder: &Path, presence: LocalFiles) -> Vec<SetupFile> {
    let pattern = entry.text("file");
    let mut conditions = Conditions::default();
    let mut conditions_text = Vec::new();
    for key in ["onlyif", "skipif"] {
        let Some(text) = entry.text(key) else {
            continue;
        };
        match text.value.parse::<Condition>() {
            Ok(condition) if key == "onlyif" => conditions.only_if(condition),
            Ok(condition) => conditions.skip_if(condition),
            Err(message) => entry.problem(text.span, message),
        }
        conditions_text.push(format!("{key} {}", text.value));
    }
    entry.finish();
    let Some(pattern) = pattern else {
        if !entry.has("file") {
            entry.problem(entry.span(), "expected a `file`, a pattern of files");
        }
        return Vec::new();
    };
    let files = matching(entry, folder, &pattern, presence).into_iter();
    files
        .map(|path| SetupFile {
            path,
            conditions: conditions.clone(),
            conditions_text: conditions_text.clone(),
        })
        .collect()
}

fn matching(
    table: &TableReader<'_>,
    folder: &Path,
    pattern: &Placed<String>,
    presence: LocalFiles,
) -> Vec<PathBuf> {
    match presence {
        LocalFiles::Required => expand_any(table, folder, pattern),
        LocalFiles::Optional => find(folder, pattern).unwrap_or_default(),
    }
}
