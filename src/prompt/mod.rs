//! A conversation with one server, or with several at once: statements in,
//! results out.
//!
//! Owns what can be typed, how results are shown, and what Ctrl-C does. Writes
//! to what it is given; knows no nest and no command line.

mod command;
mod complete;
mod format;
mod gather;
mod line;
mod names;
mod seat;
mod status;
mod talk;
mod typed;

pub use format::{Format, View};
pub use line::Source;
pub use seat::Seat;
pub use talk::{Ended, Talk, Tone};
