//! Why a server was not provided.

use std::path::PathBuf;

use thiserror::Error;

use dbmatrix_containers::nest::NestError;
use dbmatrix_engine::EngineError;
use dbmatrix_sql::session::SessionError;
use dbmatrix_sql::version::{Family, Version};

/// What a user may do where somebody else than the vendor has signed.
pub(super) const OTHER_SIGNER: &str = "if you trust who signed this copy, name their key: `key` of `[[mirror]]` in a matrix, or `--key` of `connect`";

/// Why a server is not available.
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
        /// The attempted operation.
        step: &'static str,
        /// The end of its output.
        output: String,
    },
    /// The repository does not answer.
    #[error("repository `{url}` is not reached from here: {reason}")]
    Unreachable {
        /// The repository.
        url: String,
        /// apt's error.
        reason: String,
    },
    /// The key's address does not answer, or has no key.
    #[error(
        "signing key `{url}` is not reached from here: {reason}; give it as a file: `key` of `[[mirror]]` or `repository` in a matrix, or `--key` of `connect`"
    )]
    UnreachableKey {
        /// The key's address.
        url: String,
        /// apt's error.
        reason: String,
    },
    /// The repository's signature does not match the key.
    #[error(
        "repository `{url}` is not signed by the key that the matrix or the catalogue names: {reason}; {}",
        OTHER_SIGNER
    )]
    Signature {
        /// The repository.
        url: String,
        /// apt's error.
        reason: String,
    },
    /// The key has another fingerprint.
    #[error(
        "signing key of `{url}`: expected fingerprint {expected}, found {found}; if the vendor has changed its key, set `fingerprints` in its `repository`"
    )]
    Fingerprint {
        /// The repository.
        url: String,
        /// The expected fingerprints.
        expected: String,
        /// The fingerprints in the key file.
        found: String,
    },
    /// It does not match the lock file.
    #[error("not as it is locked: {reason}; `dbmatrix lock` writes down what there is now")]
    Locked {
        /// The difference.
        reason: String,
    },
    /// A file of this machine.
    #[error("could not read `{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The tarball has another checksum.
    #[error("tarball `{name}`: expected {algorithm} {expected}, found {found}")]
    Checksum {
        /// The file or its address.
        name: String,
        /// How the checksum is computed.
        algorithm: &'static str,
        /// The checksum in the matrix or the catalogue.
        expected: String,
        /// The file's checksum.
        found: String,
    },
    /// The tarball is not signed as it should be.
    #[error("tarball `{url}` is not signed by its vendor: {reason}")]
    TarballSignature {
        /// Its address.
        url: String,
        /// What is wrong with the signature.
        reason: String,
    },
    /// No address has the tarball.
    #[error("the tarball is not reached from here:\n{reasons}")]
    NowhereFound {
        /// Each address, and why it does not have it.
        reasons: String,
    },
    /// The server did not start, or ended after its start.
    #[error("service `{service}` did not start; its log ends so:\n{log}")]
    NotStarted {
        /// The unit.
        service: String,
        /// The end of its log.
        log: String,
    },
    /// No login succeeded.
    #[error("the routed user could not log in at {address}: {source}")]
    Login {
        /// The server's address.
        address: std::net::SocketAddr,
        /// The last error.
        source: SessionError,
    },
    /// The nest.
    #[error(transparent)]
    Nest(#[from] NestError),
    /// A socket of this machine that should lead to the server.
    #[error("`{}` does not lead to the server: {reason}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The server's certificate is not known.
    #[error("the server's certificate cannot be pinned: {reason}")]
    Certificate {
        /// The reason.
        reason: String,
    },
    /// The server is not the one that the matrix specifies.
    #[error(
        "expected {expected_family} {expected_version}, found {found_family} {found}; correct `server` in the matrix file, or choose another `source`"
    )]
    Identity {
        /// As the matrix says.
        expected_family: Family,
        /// As the matrix says.
        expected_version: Version,
        /// As reported by the server.
        found_family: Family,
        /// As reported by the server.
        found: String,
    },
}
