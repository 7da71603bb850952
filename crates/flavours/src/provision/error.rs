//! Why a server is not available.

use std::path::PathBuf;

use dbmatrix_containers::nest::NestError;
use thiserror::Error;

use crate::server::ServerError;

/// Why a flavour's server is not available.
#[derive(Debug, Error)]
pub enum ProvisionError {
    /// Its container.
    #[error(transparent)]
    Nest(#[from] NestError),
    /// Its server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Its setup by the user.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// Why a file of `setup` did not run to its end.
#[derive(Debug, Error)]
pub enum SetupError {
    /// It cannot be read, or there is no session to run it in.
    #[error("setup `{}`: {reason}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A statement failed.
    #[error("setup `{}`, line {place}: {reason}{}", file.display(), cited(statement, reason))]
    Statement {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        place: String,
        /// The statement, possibly shortened.
        statement: String,
        /// The server's error.
        reason: String,
    },
}

/// The statement for a message, unless the server's error quotes it.
fn cited(statement: &str, reason: &str) -> String {
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    match reason.contains(statement) {
        true => String::new(),
        false => format!(", of: {statement}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(statement: &str, reason: &str) -> String {
        let error = SetupError::Statement {
            file: "schema.sql".into(),
            place: "3".to_owned(),
            statement: statement.to_owned(),
            reason: reason.to_owned(),
        };
        error.to_string()
    }

    #[test]
    fn a_refused_statement_is_cited_once() {
        assert_eq!(
            told(
                "INSERT INTO t VALUES (1)",
                "ERROR 1062 (23000): Duplicate entry '1'"
            ),
            "setup `schema.sql`, line 3: ERROR 1062 (23000): Duplicate entry '1', \
             of: INSERT INTO t VALUES (1)"
        );
        let syntax = "ERROR 1064 (42000): near 'CREAT TABLE t\n  (a INT)' at line 1";
        assert_eq!(
            told("CREAT TABLE t (a INT)", syntax),
            format!("setup `schema.sql`, line 3: {syntax}")
        );
        assert_eq!(
            told("", "no session"),
            "setup `schema.sql`, line 3: no session"
        );
    }
}
