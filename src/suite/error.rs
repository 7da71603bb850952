//! What can be wrong with a suite's file.

use std::path::PathBuf;

use thiserror::Error;

/// A file that cannot be read as a suite.
#[derive(Debug, Error)]
pub enum SuiteError {
    /// The file system's words.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// A place in the file that is not as it should be.
    #[error("{}:{line}: {message}", path.display())]
    At {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What was expected and what was found.
        message: String,
    },
}
