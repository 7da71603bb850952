//! Reads SQL text like the classic command-line client in batch mode.
//!
//! Owns where statements end, what is sent of them, and which commands the client itself
//! handles. Knows no file, no session and no expectation.
//!
//! The reference is `mysql` 9.7 with `--commands`: comments before and inside a statement
//! are sent with it, and so is a comment after it on its line. Where the other client,
//! `mariadb`, behaves better, it is the reference:
//!
//! - separate comments are not statements and are not sent;
//! - `/*M! … */` is code like `/*! … */`, so quotes in it count;
//! - `\-`, at the start of dumps of `mariadb-dump`, is known.

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
