//! The terminal of this process.

use std::io::{self, stdin, stdout};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Columns and rows, where they are known.
pub fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(stdout()).ok()?;
    Some((size.ws_col, size.ws_row))
}

/// A terminal that passes every key on. It is as before when this goes.
#[derive(Debug)]
pub struct RawMode {
    before: Termios,
}

impl RawMode {
    /// Sets the terminal at standard input.
    ///
    /// # Errors
    /// Where it is none.
    pub fn enter() -> io::Result<Self> {
        let raw = RawMode {
            before: tcgetattr(stdin())?,
        };
        raw.again()?;
        Ok(raw)
    }

    /// Sets it once more, after somebody else has set it otherwise.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn again(&self) -> io::Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        Ok(tcsetattr(stdin(), OptionalActions::Now, &raw)?)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Where the terminal is gone, there is nothing to set.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}
