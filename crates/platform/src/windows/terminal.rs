//! The terminal of this process.

use std::io;

use console::Term;

use crate::unsupported::needs_linux;

/// Columns and rows, where they are known.
pub fn size() -> Option<(u16, u16)> {
    let (rows, columns) = Term::stdout().size_checked()?;
    Some((columns, rows))
}

/// A terminal that passes every key on: a shell in a container needs one.
#[derive(Debug)]
pub enum RawMode {}

impl RawMode {
    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub fn enter() -> io::Result<Self> {
        Err(needs_linux("a shell in a container"))
    }

    /// Sets it once more.
    ///
    /// # Errors
    /// As of the system.
    pub fn again(&self) -> io::Result<()> {
        match *self {}
    }
}
