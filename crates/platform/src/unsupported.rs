//! What systems other than Linux do not have.

use std::io;
use std::path::PathBuf;

/// Why something is not done on this system.
pub(super) fn needs_linux(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{what} needs Linux"))
}

/// Returns where this system can have servers that dbmatrix makes.
///
/// # Errors
/// Always.
pub fn ensure_linux() -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "dbmatrix makes servers on Linux alone; on this system, name external servers with `url` \
         in a matrix",
    ))
}

/// How long the machine has been running, in whole seconds.
pub fn uptime() -> Option<u64> {
    None
}

/// Whether a tree of control groups of version 2 is mounted there.
pub fn is_cgroup2(_: &str) -> bool {
    false
}

/// A file without a place on a disk: there are none.
#[derive(Debug)]
pub enum MemoryFile {}

impl MemoryFile {
    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub fn with_contents(_: &str, _: &str) -> io::Result<Self> {
        Err(needs_linux("a file in memory"))
    }

    /// Where a program that was started with the file finds it.
    pub fn path(&self) -> PathBuf {
        match *self {}
    }
}
