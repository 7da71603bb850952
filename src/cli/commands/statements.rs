//! Statements from the command line, a file or standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use dbmatrix_sql::suite::FileKind;

use crate::app::Failure;

/// The name of standard input in messages.
pub(super) const STREAM_TITLE: &str = "standard input";

/// The file with the statements, and its name in messages. Those that are in no file yet
/// are written into `folder`.
pub(super) fn statements_file(
    execute: Option<&str>,
    file: Option<&Path>,
    folder: &Path,
) -> Result<(PathBuf, String), Failure> {
    let (text, title) = match (execute, file) {
        (Some(sql), _) => (sql.as_bytes().to_vec(), "-e"),
        (None, Some(file)) if file.as_os_str() != "-" => {
            if FileKind::of(file).is_none() {
                return Err(Failure::misused(format!(
                    "expected a file that ends in `.sql`, `.slt` or `.test`; found `{}`",
                    file.display()
                )));
            }
            if let Err(error) = std::fs::File::open(file) {
                return Err(Failure::misused(format!("`{}`: {error}", file.display())));
            }
            return Ok((file.to_owned(), file.display().to_string()));
        }
        (None, _) => {
            let mut text = Vec::new();
            std::io::stdin()
                .read_to_end(&mut text)
                .map_err(Failure::misused)?;
            (text, STREAM_TITLE)
        }
    };
    Ok((write_statements(&text, folder)?, title.to_owned()))
}

/// Writes statements into a file of `folder`; returns its path.
pub(super) fn write_statements(text: &[u8], folder: &Path) -> Result<PathBuf, Failure> {
    let path = folder.join("statements.sql");
    std::fs::write(&path, text).map_err(Failure::not_provided)?;
    Ok(path)
}
