//! SQL text as the classic command-line client reads it in batch mode.
//!
//! Owns where statements end, what is sent of them, and which commands the
//! client itself obeys. Knows no file, no session and no expectation.
//!
//! The yardstick is `mysql` 9.7 with `--commands`: comments before and inside a
//! statement are sent with it, a comment behind it on its line too. Where the
//! other client, `mariadb`, does better it is followed instead:
//!
//! - comments that stand alone are no statement and are not sent;
//! - `/*M! … */` is code like `/*! … */`, so quotes in it count;
//! - `\-`, which stands at the head of dumps of `mariadb-dump`, is known.

mod charset;
mod command;
mod comment;
mod lexer;
mod piece;
mod place;

pub use command::Command;
pub(super) use comment::hidden_length;
pub use lexer::Lexer;
pub use piece::{Modes, Piece, Statement};
pub(super) use place::Place;
