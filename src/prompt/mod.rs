//! An interactive session with one server or several at once: statements in, results out.
//!
//! Owns the accepted input, the format of results, and the handling of Ctrl-C. Writes to
//! the given outputs; knows no nest and no command line.

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
