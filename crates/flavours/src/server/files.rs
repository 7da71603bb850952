//! Brings the user's own files into a server's container.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Exec, FileMode};
use dbmatrix_platform::file;

use super::spec::PlacedFile;
use super::{ServerError, succeed};

const FOLDERS: &str = r#"
printf '%s' "$FOLDERS" | while IFS= read -r folder; do mkdir -p "$folder"; done
"#;

/// Private keys may be among them, so others than the server read them only if they may
/// do so here.
const PERMIT: &str = r#"
printf '%s' "$FILES" | while read -r mode file; do
    chown root:mysql "$file"
    chmod "$mode" "$file"
done
"#;

/// Permissions that the server needs, and those that nobody else gets.
const READABLE: u32 = 0o440;
const NOT_WRITABLE: u32 = 0o755;

/// Writes files with all their folders. The server may read them, and change none.
///
/// # Errors
/// As of the engine; if a file here cannot be read.
pub async fn place_files(child: &Child, files: &[PlacedFile]) -> Result<(), ServerError> {
    let parent = |file: &PlacedFile| {
        file.to
            .rsplit_once('/')
            .map(|(folder, _)| folder.to_owned())
    };
    let folders: BTreeSet<String> = files.iter().filter_map(parent).collect();
    let folders: String = folders
        .iter()
        .map(|folder| format!("{folder}/\n"))
        .collect();
    let make = Exec::script(FOLDERS).env("FOLDERS", &folders);
    succeed(child, "make the folders of `files`", make).await?;
    let mut modes = String::new();
    for PlacedFile { from, to } in files {
        let engine = &child.engine;
        engine
            .push_file(&child.name, to, FileMode::Private, from)
            .await?;
        let _ = writeln!(modes, "{:o} {to}", mode_of(from));
    }
    let permit = Exec::script(PERMIT).env("FILES", &modes);
    succeed(child, "let the server read `files`", permit).await?;
    Ok(())
}

/// The permissions of a file in the container: those that it has here, as far as a
/// server's file may have them.
pub(super) fn mode_of(path: &Path) -> u32 {
    let found = std::fs::metadata(path);
    let mode = found.map(|found| file::mode(&found)).unwrap_or_default();
    mode & NOT_WRITABLE | READABLE
}

/// The texts by which files are placed.
pub(super) fn recipe() -> String {
    [FOLDERS, PERMIT].concat()
}
