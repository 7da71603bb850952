//! Why a walk ended before its end.

use std::time::Duration;

use dbmatrix_containers::nest::NestError;
use dbmatrix_engine::EngineError;
use dbmatrix_flavours::provision::ProvisionError;
use dbmatrix_flavours::server::{ReplicaError, ServerError};
use dbmatrix_sql::content::ContentError;
use dbmatrix_sql::session::SessionError;
use thiserror::Error;

/// Why a step failed.
#[derive(Debug, Error)]
pub(super) enum StepError {
    /// A server that is made for the path.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// A server on the path.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A container.
    #[error(transparent)]
    Nest(#[from] NestError),
    /// The engine of the nest.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The content of a server.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// A session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A server that does not follow, or cannot be promoted.
    #[error(transparent)]
    Replica(Box<ReplicaError>),
    /// A program in a container.
    #[error("{0}")]
    Program(String),
    /// A program that does not end.
    #[error(
        "it takes longer than {}; set a longer `step-timeout` in `[[upgrade]]`",
        humantime::format_duration(*.limit)
    )]
    Timeout {
        /// How long it may take.
        limit: Duration,
    },
    /// A program whose reader ended first, and is the cause.
    #[error("its reader ended before")]
    Unread,
}

impl From<ReplicaError> for StepError {
    fn from(error: ReplicaError) -> Self {
        StepError::Replica(Box::new(error))
    }
}

/// Where a walk ended, and why.
#[derive(Debug)]
pub(super) struct WalkError {
    /// What was attempted, such as `load the dump`.
    pub(super) step: String,
    /// Why that failed.
    pub(super) error: Box<StepError>,
    /// The container whose server or program failed, if it is not that of the server in
    /// hand.
    pub(super) container: Option<String>,
    /// Whether a server is not available, which says nothing about the path.
    pub(super) is_unavailable: bool,
}

impl WalkError {
    /// The same error of a container, unless it is known of which.
    pub(super) fn in_container(self, name: &str) -> Self {
        WalkError {
            container: self.container.or_else(|| Some(name.to_owned())),
            ..self
        }
    }
}

/// Names the step that failed.
pub(super) trait InStep<T> {
    /// The same result, with what was attempted.
    fn in_step(self, step: impl Into<String>) -> Result<T, WalkError>;
}

impl<T, E: Into<StepError>> InStep<T> for Result<T, E> {
    fn in_step(self, step: impl Into<String>) -> Result<T, WalkError> {
        self.map_err(|error| WalkError {
            step: step.into(),
            error: Box::new(error.into()),
            container: None,
            is_unavailable: false,
        })
    }
}
