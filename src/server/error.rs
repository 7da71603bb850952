//! Why a server could not be provided.

use std::path::PathBuf;

use thiserror::Error;

use crate::engine::EngineError;
use crate::session::SessionError;
use crate::version::{Family, Version};

/// A server that is not there.
#[derive(Debug, Error)]
pub enum ServerError {
    /// A request to the inner engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A session with the server.
    #[error(transparent)]
    Session(SessionError),
    /// A step in the child failed.
    #[error("could not {step}:\n{output}")]
    Step {
        /// What was being done.
        step: &'static str,
        /// The end of its output.
        output: String,
    },
    /// The repository does not answer.
    #[error("repository `{url}` is not reached from here: {reason}")]
    Unreachable {
        /// The repository or the key's address.
        url: String,
        /// apt's own words.
        reason: String,
    },
    /// The repository's signature does not fit the key.
    #[error(
        "repository `{url}` is not signed by the key that the matrix or the catalogue names: {reason}"
    )]
    Signature {
        /// The repository.
        url: String,
        /// apt's own words.
        reason: String,
    },
    /// The key is another one.
    #[error(
        "signing key of `{url}`: expected fingerprint {expected}, found {found}; if the vendor has changed its key, set `repository.fingerprint`"
    )]
    Fingerprint {
        /// The repository.
        url: String,
        /// What is listed.
        expected: String,
        /// What the key file holds.
        found: String,
    },
    /// Not what the lock file says.
    #[error("not as it is locked: {reason}; `dbmatrix lock` writes down what there is now")]
    Locked {
        /// What is other.
        reason: String,
    },
    /// A file of this machine.
    #[error("could not read `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// The tarball is another one.
    #[error("tarball `{}`: expected sha256 {expected}, found {found}", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// What the matrix says.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// The server was started and ended, or was not started.
    #[error("service `{service}` did not start; its log ends so:\n{log}")]
    NotStarted {
        /// The unit.
        service: String,
        /// The end of its log.
        log: String,
    },
    /// Nobody could log in.
    #[error("the routed user could not log in at {address}: {source}")]
    Login {
        /// Where to.
        address: std::net::SocketAddr,
        /// The last reason.
        source: SessionError,
    },
    /// The server's certificate is not known.
    #[error("the server's certificate cannot be pinned: {reason}")]
    Certificate {
        /// Why not.
        reason: String,
    },
    /// Another server than the matrix says.
    #[error(
        "expected {expected_family} {expected_version}, found {found_family} {found}; correct `server` in the matrix file, or choose another `source`"
    )]
    Identity {
        /// As the matrix says.
        expected_family: Family,
        /// As the matrix says.
        expected_version: Version,
        /// As the server says.
        found_family: Family,
        /// As the server says.
        found: String,
    },
}
