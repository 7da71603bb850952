//! What can go wrong between us and an engine.

use std::path::PathBuf;

use thiserror::Error;

/// A request to an engine that did not do what was asked.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Nothing answers there.
    #[error(
        "could not {what}: nothing answers on `{at}` ({reason}); is the engine's daemon running?"
    )]
    Unreachable {
        /// What was asked, as a verb and its subject.
        what: String,
        /// The engine's socket or address.
        at: String,
        /// The system's own words.
        reason: String,
    },
    /// Another one than is known answers there.
    #[error(
        "could not {what}: what answers on `{at}` shows another certificate than the one that is configured for it; if the engine has a new one, fetch it by a way that you trust"
    )]
    CertificateMismatch {
        /// What was asked.
        what: String,
        /// The engine's address.
        at: String,
    },
    /// The connection ended before a whole reply was read.
    #[error(
        "could not {what}: the engine hung up ({reason}); its log says why, and the same command can be run again"
    )]
    Lost {
        /// What was asked.
        what: String,
        /// The transport's own words.
        reason: String,
    },
    /// A daemon takes connections and answers nothing.
    #[error(
        "could not {what}: the engine on `{at}` does not answer, not even what it is, for {seconds} s; {remedy}"
    )]
    Silent {
        /// What was asked.
        what: String,
        /// The engine's socket or address.
        at: String,
        /// How long it is silent.
        seconds: u64,
        /// Which process it is, and what to do.
        remedy: String,
    },
    /// The engine is alive, and nothing moves.
    #[error(
        "could not {what}: the engine is alive and nothing has moved for {seconds} s; its log may say why, and the same command can be run again"
    )]
    Stuck {
        /// What was asked.
        what: String,
        /// How long nothing has moved.
        seconds: u64,
    },
    /// What was being sent to the engine could not be read to its end.
    #[error("could not {what}: {reason}")]
    Source {
        /// What was asked.
        what: String,
        /// Why it breaks off.
        reason: String,
    },
    /// The engine answered with an error.
    #[error(
        "could not {what}: the engine answered {code}: {message}{}",
        hint(message)
    )]
    Refused {
        /// What was asked.
        what: String,
        /// HTTP status code.
        code: u16,
        /// The engine's own words.
        message: String,
    },
    /// The engine took the request, and the operation ended in failure.
    #[error("could not {what}: {message}{}", hint(message))]
    Failed {
        /// What was asked.
        what: String,
        /// The engine's own words.
        message: String,
    },
    /// The operation was still going on when its time was up.
    #[error("could not {what}: still not done after {seconds} s")]
    TimedOut {
        /// What was asked.
        what: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The reply is not one that the API documents.
    #[error("could not {what}: expected {expected} from the engine, found {found}")]
    Unexpected {
        /// What was asked.
        what: String,
        /// The shape that the API documents.
        expected: String,
        /// The beginning of what came.
        found: String,
    },
    /// A file on this side could not be read or written.
    #[error("could not {what}: `{}`: {reason}", path.display())]
    LocalFile {
        /// What was asked.
        what: String,
        /// The file.
        path: PathBuf,
        /// The system's own words.
        reason: String,
    },
}

/// What to do about a failure that the engine's words name.
fn hint(message: &str) -> &'static str {
    if message.to_lowercase().contains("no space left") {
        "; make room (`dbmatrix prune` removes what nothing uses), or take a larger pool"
    } else {
        ""
    }
}

impl EngineError {
    /// Whether the engine says that the thing is not there.
    pub fn is_not_found(&self) -> bool {
        match self {
            EngineError::Refused { code, .. } => *code == 404,
            EngineError::Failed { message, .. } => message.to_lowercase().contains("not found"),
            _ => false,
        }
    }

    /// Whether the engine's daemon is not there or does not answer: asking again
    /// at once is of no use.
    pub fn is_of_the_daemon(&self) -> bool {
        matches!(
            self,
            EngineError::Unreachable { .. }
                | EngineError::Silent { .. }
                | EngineError::Stuck { .. }
        )
    }

    /// Whether somebody else made the same thing first.
    pub fn is_conflict(&self) -> bool {
        match self {
            EngineError::Refused { code, message, .. } => {
                *code == 409 || message.contains("already exists")
            }
            _ => false,
        }
    }
}
