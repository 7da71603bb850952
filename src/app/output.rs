//! Standard output: a line that cannot be written decides the exit status.

use std::io::{self, Write};
use std::sync::OnceLock;

/// Why standard output could not be written.
static UNSAID: OnceLock<io::Error> = OnceLock::new();

/// Writes a line to standard output. A reader that has gone (`| head`) is no
/// error; whatever else keeps a line from being written decides the exit status.
pub(crate) fn say(text: impl std::fmt::Display) {
    let _ = write_out(format!("{text}\n").as_bytes());
}

/// Writes to standard output, as [`say`] does.
///
/// # Errors
/// Where nothing more can be written.
pub(crate) fn write_out(bytes: &[u8]) -> Result<(), Unwritten> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| {
            if error.kind() != io::ErrorKind::BrokenPipe {
                let _ = UNSAID.set(error);
            }
            Unwritten
        })
}

/// Standard output takes nothing more; [`unsaid`] says why, where it matters.
#[derive(Debug)]
pub(crate) struct Unwritten;

/// Why standard output could not be written, where that is an error.
pub(crate) fn unsaid() -> Option<&'static io::Error> {
    UNSAID.get()
}
