//! Patterns of files, from the matrix's folder on.

use std::path::{Component, Path, PathBuf};

use crate::config::{Placed, TableReader};
use crate::suite::FileKind;

/// Files of steps that match a pattern; problems are the table's.
pub(super) fn expand(
    table: &TableReader<'_>,
    folder: &Path,
    pattern: &Placed<String>,
) -> Vec<PathBuf> {
    let problem = |message: String| table.problem(pattern.span.clone(), message);
    let Some(whole) = whole_pattern(folder, &pattern.value) else {
        problem(format!(
            "expected a matrix in a folder whose name is UTF-8; found it in `{}`",
            folder.display()
        ));
        return Vec::new();
    };
    let found = match glob::glob(&whole) {
        Ok(found) => found.filter_map(Result::ok).collect::<Vec<_>>(),
        Err(error) => {
            problem(format!(
                "expected a pattern of files; found `{}`: {error}",
                pattern.value
            ));
            return Vec::new();
        }
    };
    if found.is_empty() {
        problem(format!("`{}` matches no file", pattern.value));
        return found;
    }
    let suites: Vec<PathBuf> = found
        .iter()
        .filter(|path| FileKind::of(path).is_some())
        .map(|path| plain(path))
        .collect();
    if suites.is_empty() {
        problem(format!(
            "expected files that end in `.slt`, `.test` or `.sql`; found `{}`",
            found[0].display()
        ));
    }
    suites
}

/// A pattern from the matrix's folder on; letters of the folder's name are no
/// pattern.
fn whole_pattern(folder: &Path, pattern: &str) -> Option<String> {
    match folder.to_str()? {
        _ if pattern.starts_with('/') => Some(pattern.to_owned()),
        "" => Some(pattern.to_owned()),
        folder => Some(format!("{}/{pattern}", glob::Pattern::escape(folder))),
    }
}

/// Without `x/..`, for people to read. A link among the folders is theirs.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let before = plain.components().next_back();
        match (part, before) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                plain.pop();
            }
            _ => plain.push(part),
        }
    }
    plain
}
