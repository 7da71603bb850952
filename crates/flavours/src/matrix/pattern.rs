//! File patterns, relative to the matrix's folder.

use std::path::{Component, Path, PathBuf};

use dbmatrix_config::{Placed, TableReader};
use dbmatrix_sql::suite::FileKind;

/// Files of steps that match a pattern; problems are reported in the table.
pub(super) fn expand(
    table: &TableReader<'_>,
    folder: &Path,
    pattern: &Placed<String>,
) -> Vec<PathBuf> {
    let found = expand_any(table, folder, pattern);
    let suites = found.iter().filter(|path| FileKind::of(path).is_some());
    let suites: Vec<PathBuf> = suites.cloned().collect();
    if let (true, Some(first)) = (suites.is_empty(), found.first()) {
        let expected = format!(
            "expected files that end in `.slt`, `.test` or `.sql`; found `{}`",
            first.display()
        );
        table.problem(pattern.span.clone(), expected);
    }
    suites
}

/// Files of any kind that match a pattern; problems are reported in the table.
pub(super) fn expand_any(
    table: &TableReader<'_>,
    folder: &Path,
    pattern: &Placed<String>,
) -> Vec<PathBuf> {
    let found = match find(folder, pattern) {
        Ok(found) if found.is_empty() => {
            let folder = match folder.as_os_str().is_empty() {
                true => Path::new("."),
                false => folder,
            };
            let pattern = &pattern.value;
            Err(format!(
                "`{pattern}` matches no file in `{}`",
                folder.display()
            ))
        }
        other => other,
    };
    found.unwrap_or_else(|message| {
        table.problem(pattern.span.clone(), message);
        Vec::new()
    })
}

/// Files that match a pattern, sorted; an error explains an invalid pattern.
pub(super) fn find(folder: &Path, pattern: &Placed<String>) -> Result<Vec<PathBuf>, String> {
    let whole = whole_pattern(folder, &pattern.value).ok_or_else(|| {
        format!(
            "expected a matrix in a folder whose name is UTF-8; found it in `{}`",
            folder.display()
        )
    })?;
    let found = glob::glob(&whole).map_err(|error| {
        format!(
            "expected a pattern of files; found `{}`: {error}",
            pattern.value
        )
    })?;
    Ok(found
        .filter_map(Result::ok)
        .map(|path| plain(&path))
        .collect())
}

/// A pattern with the matrix's folder prepended; the folder's name is matched literally.
fn whole_pattern(folder: &Path, pattern: &str) -> Option<String> {
    match folder.to_str()? {
        _ if pattern.starts_with('/') => Some(pattern.to_owned()),
        "" => Some(pattern.to_owned()),
        folder => Some(format!("{}/{pattern}", glob::Pattern::escape(folder))),
    }
}

/// Removes `x/..`, for display. Symbolic links in the path are not considered.
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
