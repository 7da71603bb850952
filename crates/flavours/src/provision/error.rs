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
    #[error("setup `{}`, line {place}: {reason}, of: {statement}", file.display())]
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
