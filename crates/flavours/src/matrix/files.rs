//! `files`: the user's own files in a server's container, there before its first start.

use std::path::{Path, PathBuf};

use dbmatrix_config::{Placed, TableReader};

use super::defaults::LocalFiles;
use crate::server::PlacedFile;

/// Folders inside folders that are followed; a link that leads back would have no end.
const DEPTH: usize = 16;

/// The files of one table; folders are given as the files in them.
pub(super) fn read(
    table: &TableReader<'_>,
    folder: &Path,
    presence: LocalFiles,
) -> Vec<PlacedFile> {
    let mut all = Vec::new();
    for entry in table.shared_tables("files") {
        let from = entry.text("from");
        let to = entry.text("to");
        entry.finish();
        let (Some(from), Some(to)) = (from, to) else {
            if !(entry.has("from") && entry.has("to")) {
                entry.problem(
                    entry.span(),
                    "expected `from`, a file or folder here, and `to`, its path in the container",
                );
            }
            continue;
        };
        if let Err(message) = check_target(&to.value) {
            entry.problem(to.span, message);
            continue;
        }
        match placed(&folder.join(&from.value), &to.value) {
            Ok(placed) => all.extend(placed),
            Err(_) if presence == LocalFiles::Optional => {}
            Err(message) => entry.problem(from.span, message),
        }
    }
    all
}

/// A path inside the matrix's folder that must be a file.
pub(super) fn local_file(
    table: &TableReader<'_>,
    folder: &Path,
    name: &Placed<String>,
    presence: LocalFiles,
) -> PathBuf {
    let path = folder.join(&name.value);
    if presence == LocalFiles::Required && !path.is_file() {
        let expected = format!("expected a file; `{}` is none", path.display());
        table.problem(name.span.clone(), expected);
    }
    path
}

fn check_target(to: &str) -> Result<(), String> {
    if !to.starts_with('/') || to.split('/').any(|part| part == "..") {
        return Err(format!(
            "expected a path from `/` in the container; found `{to}`"
        ));
    }
    if to.chars().any(char::is_control) {
        return Err("expected a path without control characters".to_owned());
    }
    Ok(())
}

/// A file goes to the path, or into it if it ends in `/`; the files in a folder go into it.
fn placed(from: &Path, to: &str) -> Result<Vec<PlacedFile>, String> {
    let into = to.trim_end_matches('/');
    let mut found = Vec::new();
    if from.is_dir() {
        walk(from, into, DEPTH, &mut found)?;
        if found.is_empty() {
            return Err(format!("no file is in `{}`", from.display()));
        }
        return Ok(found);
    }
    if !from.is_file() {
        let expected = format!("expected a file or a folder; `{}` is none", from.display());
        return Err(expected);
    }
    let to = match to.ends_with('/') {
        true => format!("{into}/{}", name_of(from)?),
        false => to.to_owned(),
    };
    found.push(PlacedFile {
        from: from.to_owned(),
        to,
    });
    Ok(found)
}

fn walk(from: &Path, to: &str, depth: usize, found: &mut Vec<PlacedFile>) -> Result<(), String> {
    let unreadable = |error: std::io::Error| format!("`{}`: {error}", from.display());
    if depth == 0 {
        return Err(format!("`{}` is too deep in folders", from.display()));
    }
    let entries = std::fs::read_dir(from).map_err(unreadable)?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(unreadable)?;
    paths.sort();
    for path in paths {
        let to = format!("{to}/{}", name_of(&path)?);
        match path.is_dir() {
            true => walk(&path, &to, depth - 1, found)?,
            false => found.push(PlacedFile { from: path, to }),
        }
    }
    Ok(())
}

fn name_of(path: &Path) -> Result<&str, String> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.filter(|name| !name.chars().any(char::is_control));
    name.ok_or_else(|| {
        format!(
            "expected a name in UTF-8 without control characters; found `{}`",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(from: &Path, to: &str) -> Vec<String> {
        let placed = placed(from, to).expect("files").into_iter();
        placed.map(|file| file.to).collect()
    }

    #[test]
    fn folders_are_given_as_their_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let certs = folder.path().join("certs");
        std::fs::create_dir_all(certs.join("old")).expect("folders");
        for name in ["ca.pem", "old/ca.pem"] {
            std::fs::write(certs.join(name), "x").expect("a file");
        }
        let expected = ["/etc/mysql/certs/ca.pem", "/etc/mysql/certs/old/ca.pem"];
        assert_eq!(targets(&certs, "/etc/mysql/certs/"), expected);
        assert_eq!(targets(&certs, "/etc/mysql/certs"), expected);
        let one = certs.join("ca.pem");
        assert_eq!(targets(&one, "/etc/a.pem"), ["/etc/a.pem"]);
        assert_eq!(targets(&one, "/etc/"), ["/etc/ca.pem"]);
        let none = placed(&folder.path().join("none"), "/etc/").expect_err("it is not there");
        assert!(none.contains("expected a file or a folder"), "{none}");
    }

    #[test]
    fn targets_are_whole_paths() {
        for wrong in ["etc/x", "", "/etc/../x", "/etc/a\nb"] {
            check_target(wrong).expect_err(wrong);
        }
        check_target("/etc/mysql/").expect("a folder");
    }
}
