//! Errors of requests to an engine.

use std::path::PathBuf;

use thiserror::Error;

/// Why a request to an engine failed.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Nothing answers at the address.
    #[error(
        "could not {what}: nothing answers on `{at}` ({reason}); is the engine's daemon running?"
    )]
    Unreachable {
        /// The request, as a verb and its subject.
        what: String,
        /// The engine's socket or address.
        at: String,
        /// The system's error.
        reason: String,
    },
    /// The engine's certificate is not accepted.
    #[error("could not {what}: {problem}")]
    Certificate {
        /// The request.
        what: String,
        /// What is wrong with it.
        problem: Box<CertificateProblem>,
    },
    /// The connection ended before the reply was complete.
    #[error(
        "could not {what}: the engine hung up ({reason}); its log says why, and the same command can be run again"
    )]
    Lost {
        /// The request.
        what: String,
        /// The transport's error.
        reason: String,
    },
    /// A daemon accepts connections and does not answer.
    #[error(
        "could not {what}: the engine on `{at}` does not answer, not even what it is, for {seconds} s; {remedy}"
    )]
    Silent {
        /// The request.
        what: String,
        /// The engine's socket or address.
        at: String,
        /// How long it has been silent.
        seconds: u64,
        /// The process, and what to do.
        remedy: String,
    },
    /// The engine is alive, but the request makes no progress.
    #[error(
        "could not {what}: the engine is alive and nothing has moved for {seconds} s; its log may say why, and the same command can be run again"
    )]
    Stuck {
        /// The request.
        what: String,
        /// How long there was no progress.
        seconds: u64,
    },
    /// The data to be sent to the engine could not be read completely.
    #[error("could not {what}: {reason}")]
    Source {
        /// The request.
        what: String,
        /// The reason.
        reason: String,
    },
    /// The engine answered with an error.
    #[error(
        "could not {what}: the engine answered {code}: {message}{}",
        hint(message)
    )]
    Refused {
        /// The request.
        what: String,
        /// HTTP status code.
        code: u16,
        /// The engine's message.
        message: String,
    },
    /// The engine accepted the request, and the operation failed.
    #[error("could not {what}: {message}{}", hint(message))]
    Failed {
        /// The request.
        what: String,
        /// The engine's message.
        message: String,
    },
    /// The operation exceeded its time limit.
    #[error("could not {what}: still not done after {seconds} s")]
    TimedOut {
        /// The request.
        what: String,
        /// How long dbmatrix waited.
        seconds: u64,
    },
    /// The reply does not match the API documentation.
    #[error("could not {what}: expected {expected} from the engine, found {found}")]
    Unexpected {
        /// The request.
        what: String,
        /// The documented shape.
        expected: String,
        /// The start of the reply.
        found: String,
    },
    /// Connections cannot be passed into a container.
    #[error(
        "could not relay connections into `{instance}`: {reason}; a Debian image has the `perl` that it takes, and `dbmatrix down` and another run make the nest anew"
    )]
    Relay {
        /// The container.
        instance: String,
        /// Why the program does not run there.
        reason: String,
    },
    /// A local file could not be read or written.
    #[error("could not {what}: `{}`: {reason}", path.display())]
    LocalFile {
        /// The request.
        what: String,
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: String,
    },
}

/// Why a certificate of an engine is not accepted.
#[derive(Debug, Error)]
pub enum CertificateProblem {
    /// It is another one than the configured one.
    #[error(
        "what answers on `{at}` shows another certificate than the one that is configured for it: expected fingerprint {expected}, found {shown}; if the engine has a new one, fetch it by a way that you trust into `{}`",
        file.display()
    )]
    Other {
        /// The engine's address.
        at: String,
        /// The fingerprint of the configured certificate.
        expected: String,
        /// That of the presented one.
        shown: String,
        /// The file of the configured one.
        file: PathBuf,
    },
    /// None is configured.
    #[error(
        "no certificate is configured for `{at}`, so nothing was sent; it shows one with fingerprint {shown}: if `incus info` (or `lxc info`) on that machine shows the same, put that certificate into `{}`",
        file.display()
    )]
    Unknown {
        /// The engine's address.
        at: String,
        /// The fingerprint of the presented certificate.
        shown: String,
        /// Where the certificate belongs.
        file: PathBuf,
    },
    /// It is not valid now.
    #[error(
        "the certificate of the engine on `{at}` {why}; let the engine make another, and put it into `{}`",
        file.display()
    )]
    Invalid {
        /// The engine's address.
        at: String,
        /// Since when, or until when.
        why: String,
        /// Where the certificate belongs.
        file: PathBuf,
    },
}

/// What to do about a failure with this message.
fn hint(message: &str) -> &'static str {
    if message.to_lowercase().contains("no space left") {
        "; make room (`dbmatrix prune` removes what nothing uses), or take a larger pool"
    } else {
        ""
    }
}

impl EngineError {
    /// Whether the engine reports that the object does not exist.
    pub fn is_not_found(&self) -> bool {
        match self {
            EngineError::Refused { code, .. } => *code == 404,
            EngineError::Failed { message, .. } => message.to_lowercase().contains("not found"),
            _ => false,
        }
    }

    /// Whether the engine's daemon is missing or silent, so that an immediate retry is
    /// useless.
    pub fn is_of_the_daemon(&self) -> bool {
        matches!(
            self,
            EngineError::Unreachable { .. }
                | EngineError::Silent { .. }
                | EngineError::Stuck { .. }
        )
    }

    /// Whether another process made the same object first.
    pub fn is_conflict(&self) -> bool {
        match self {
            EngineError::Refused { code, message, .. } => {
                *code == 409 || message.contains("already exists")
            }
            _ => false,
        }
    }
}
