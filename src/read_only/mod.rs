//! Which statements only read, for servers to which nothing else is sent.
//!
//! An allow-list: a text passes where each statement in it is known to read,
//! however a server may take its quotes and comments, and calls none but known
//! functions. What is not known is refused. Owns the rules; knows no server, no
//! suite and no connection.

mod functions;
mod query;
mod rules;
mod session;
mod token;

pub use token::Modes;

use thiserror::Error;

use token::{Lexing, tokens};

/// Why a statement is not sent where only statements that read are: what it
/// does, to be put behind `line 12` or `it`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NotReading(String);

impl NotReading {
    fn writes(what: &str) -> Self {
        NotReading(format!("writes ({})", what.to_ascii_uppercase()))
    }

    fn may_write(what: &str) -> Self {
        NotReading(format!("is not known to read ({what})"))
    }

    fn calls(function: &str) -> Self {
        NotReading(format!(
            "calls `{function}`, which is not known to read only"
        ))
    }

    fn locks(what: &str) -> Self {
        NotReading(format!("locks what others may write ({what})"))
    }

    fn unclear(what: &str) -> Self {
        NotReading(format!("cannot be read with certainty ({what})"))
    }
}

/// Checks that a text, which may hold several statements, only reads on a
/// server whose session is in these modes.
///
/// # Errors
/// [`NotReading`] for the first statement that writes, or that may.
pub fn check(sql: &[u8], modes: Modes) -> Result<(), NotReading> {
    let text = std::str::from_utf8(sql).map_err(|_| NotReading::unclear("it is not UTF-8"))?;
    for lexing in Lexing::all(text, modes)? {
        let tokens = tokens(text, lexing)?;
        for statement in tokens.split(|token| token.is_sign(b';')) {
            rules::check_statement(statement, modes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
