//! A conversation with one server, or with several at once: statements in,
//! results out.
//!
//! Owns what can be typed, how results are shown, and what Ctrl-C does. Writes
//! to what it is given; knows no nest and no command line.

mod command;
mod complete;
mod format;
mod input_buffer;
mod line;
mod merge;
mod names;
mod repl;
mod session;
mod status;

pub use format::{Format, View};
pub use line::Source;
pub use repl::{Ended, InputMode, Repl};
pub use session::ReplSession;
