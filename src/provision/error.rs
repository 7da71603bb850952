//! Why a server is not available.

use thiserror::Error;

use crate::nest::NestError;
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
}
