//! The local terminal: its size, and its raw mode.

use std::io::{self, IsTerminal, Write, stdin, stdout};

use dbmatrix_engine::Size;
use dbmatrix_platform::terminal::{self, RawMode};

/// Resets what a program at the terminal may have set and not reset: another screen,
/// bracketed paste, mouse, colours, a hidden cursor.
const PLAIN: &str = "\x1b[?1047l\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1006l\x1b[m\x1b[?25h";

/// Whether standard input and output are both a terminal.
pub(super) fn is_there() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// Columns and rows; 0 if they are not known.
pub(super) fn size() -> Size {
    let (width, height) = terminal::size().unwrap_or_default();
    Size { width, height }
}

/// A terminal in raw mode, which passes every key on. Dropping this restores the
/// terminal.
#[derive(Debug)]
pub(super) struct Raw(RawMode);

impl Raw {
    pub(super) fn enter() -> io::Result<Self> {
        RawMode::enter().map(Raw)
    }

    /// Sets raw mode again after a shell that had stopped this program changed the
    /// terminal.
    pub(super) fn again(&self) -> io::Result<()> {
        self.0.again()
    }

    /// Resets the screen after a program that did not end by itself.
    pub(super) fn clean(&self) {
        let mut out = stdout().lock();
        let _ = out.write_all(PLAIN.as_bytes()).and_then(|()| out.flush());
    }
}
