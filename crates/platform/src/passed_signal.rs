//! Signals by what they mean, whatever a system calls them.

/// A signal that a program may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-\.
    Quit,
    /// Somebody asks the program to end.
    Terminate,
    /// The terminal is gone.
    Hangup,
    /// What the program makes of it.
    User1,
    /// The same once more.
    User2,
    /// The terminal has another size.
    Resize,
    /// The program was stopped and goes on.
    Continue,
    /// Nobody reads what the program writes.
    Pipe,
}

impl Signal {
    /// Its number in a container, whose system is Linux (signal(7)).
    pub fn number(self) -> i32 {
        match self {
            Signal::Hangup => 1,
            Signal::Interrupt => 2,
            Signal::Quit => 3,
            Signal::User1 => 10,
            Signal::User2 => 12,
            Signal::Pipe => 13,
            Signal::Terminate => 15,
            Signal::Continue => 18,
            Signal::Resize => 28,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::Signal as Raw;

    use super::*;

    #[test]
    fn numbers_are_those_of_linux() {
        for (signal, raw) in [
            (Signal::Interrupt, Raw::INT),
            (Signal::Quit, Raw::QUIT),
            (Signal::Terminate, Raw::TERM),
            (Signal::Hangup, Raw::HUP),
            (Signal::User1, Raw::USR1),
            (Signal::User2, Raw::USR2),
            (Signal::Resize, Raw::WINCH),
            (Signal::Continue, Raw::CONT),
            (Signal::Pipe, Raw::PIPE),
        ] {
            assert_eq!(signal.number(), raw.as_raw(), "{signal:?}");
        }
    }
}
