//! Standard output: a failed write decides the exit status.

use std::io::{self, Write};
use std::sync::OnceLock;

/// Why a write to standard output failed.
static OUTPUT_ERROR: OnceLock<io::Error> = OnceLock::new();

/// Writes a line to standard output. A closed pipe (`| head`) is not an error; any other
/// failure decides the exit status.
pub(crate) fn say(text: impl std::fmt::Display) {
    let _ = write_out(format!("{text}\n").as_bytes());
}

/// Writes to standard output, like [`say`].
///
/// # Errors
/// If nothing more can be written.
pub(crate) fn write_out(bytes: &[u8]) -> Result<(), Unwritten> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| {
            if error.kind() != io::ErrorKind::BrokenPipe {
                let _ = OUTPUT_ERROR.set(error);
            }
            Unwritten
        })
}

/// Standard output accepts nothing more; [`output_error`] gives the reason, if it matters.
#[derive(Debug)]
pub(crate) struct Unwritten;

/// Why a write to standard output failed, if that is an error.
pub(crate) fn output_error() -> Option<&'static io::Error> {
    OUTPUT_ERROR.get()
}
