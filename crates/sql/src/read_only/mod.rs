//! Decides which statements only read, for servers that allow nothing else.
//!
//! An allow-list: a text passes if each statement in it is known to read, however a
//! server may read its quotes and comments, and calls only known functions. Everything
//! unknown is rejected. Owns the rules; knows no server, no suite and no connection.

mod functions;
mod query;
mod rules;
mod session;
mod token;

pub use token::Modes;

use thiserror::Error;

use token::{Lexing, tokens};

/// Why a statement is not sent to a read-only server: its effect, as a phrase to follow
/// `line 12` or `it`.
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

/// Checks that a text, which may contain several statements, only reads on a server whose
/// session is in these modes.
///
/// # Errors
/// [`NotReading`] for the first statement that writes or may write.
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
