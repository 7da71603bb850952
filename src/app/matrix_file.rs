//! Reads the files of a matrix for commands, and reports their problems.

use std::io::IsTerminal;
use std::path::Path;

use dbmatrix_config::ConfigError;
use dbmatrix_flavours::matrix::{Flavour, Matrix, MatrixLock, NamedServer};

use super::{Failure, deprecated};

/// Whether messages about files have colours.
pub(crate) fn colour_of_stderr() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Reads a matrix file; shows its problems with the lines that they concern.
pub(crate) fn load_matrix(path: &Path) -> Result<Matrix, Failure> {
    let matrix = Matrix::load(path).map_err(misused)?;
    deprecated::note_all(&matrix.deprecations);
    Ok(matrix)
}

/// Reads the text of a matrix, or of a file, without its flavours and suites, for servers
/// of the catalogue; for each its flavour, or why this machine cannot have it.
pub(crate) fn read_matrix_for(
    path: &Path,
    text: &str,
    servers: &[NamedServer],
) -> Result<(Matrix, Vec<Result<Flavour, String>>), Failure> {
    let read = Matrix::parse_for(path, text, servers).map_err(misused)?;
    deprecated::note_all(&read.0.deprecations);
    Ok(read)
}

/// The text of a matrix file.
pub(crate) fn read_matrix_text(path: &Path) -> Result<String, Failure> {
    Matrix::read_text(path).map_err(misused)
}

fn misused(error: ConfigError) -> Failure {
    Failure::misused(error.render(colour_of_stderr()))
}

/// Reads the lock file beside a matrix; empty if there is none.
pub(crate) fn load_lock(matrix: &Matrix) -> Result<MatrixLock, Failure> {
    let path = MatrixLock::path_of(&matrix.path);
    let lock = match path.exists() {
        true => MatrixLock::load(&path),
        false => Ok(MatrixLock::default()),
    };
    lock.map_err(|error| Failure::misused(error.lines().join("\n")))
}
