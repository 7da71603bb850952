//! The terminal on this side: its size, and its raw mode.

use std::io::{self, IsTerminal, Write, stdin, stdout};

use crate::engine::Size;
use crate::platform::terminal::{self, RawMode};

/// Undoes what a program at the terminal may have set and had no time to take
/// back: another screen, bracketed paste, mouse, colours, a hidden cursor.
const PLAIN: &str = "\x1b[?1047l\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1006l\x1b[m\x1b[?25h";

/// Whether standard input and output are both a terminal.
pub(super) fn is_there() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// Columns and rows; 0 where they are not known.
pub(super) fn size() -> Size {
    let (width, height) = terminal::size().unwrap_or_default();
    Size { width, height }
}

/// A terminal that passes every key on. It is as before when this goes.
#[derive(Debug)]
pub(super) struct Raw(RawMode);

impl Raw {
    pub(super) fn enter() -> io::Result<Self> {
        RawMode::enter().map(Raw)
    }

    /// A shell that had stopped this program has set the terminal for itself.
    pub(super) fn again(&self) -> io::Result<()> {
        self.0.again()
    }

    /// Makes the screen plain after a program that did not end by itself.
    pub(super) fn clean(&self) {
        let mut out = stdout().lock();
        let _ = out.write_all(PLAIN.as_bytes()).and_then(|()| out.flush());
    }
}
