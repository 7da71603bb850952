//! The terminal on this side: its size, and its raw mode.

use std::io::{IsTerminal, Write, stdin, stdout};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::engine::Size;

/// Undoes what a program at the terminal may have set and had no time to take
/// back: another screen, bracketed paste, mouse, colours, a hidden cursor.
const PLAIN: &str = "\x1b[?1047l\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1006l\x1b[m\x1b[?25h";

/// Whether standard input and output are both a terminal.
pub(super) fn is_there() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// Columns and rows; 0 where they are not known.
pub(super) fn size() -> Size {
    match tcgetwinsize(stdout()) {
        Ok(size) => Size {
            width: size.ws_col,
            height: size.ws_row,
        },
        Err(_) => Size {
            width: 0,
            height: 0,
        },
    }
}

/// A terminal that passes every key on. It is as before when this goes.
#[derive(Debug)]
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    pub(super) fn enter() -> rustix::io::Result<Self> {
        let raw = Raw {
            before: tcgetattr(stdin())?,
        };
        raw.again()?;
        Ok(raw)
    }

    /// A shell that had stopped this program has set the terminal for itself.
    pub(super) fn again(&self) -> rustix::io::Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)
    }

    /// Makes the screen plain after a program that did not end by itself.
    pub(super) fn clean(&self) {
        let mut out = stdout().lock();
        let _ = out.write_all(PLAIN.as_bytes()).and_then(|()| out.flush());
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Where the terminal is gone, there is nothing to set.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}
