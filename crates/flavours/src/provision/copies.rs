//! Throwaway copies of a flavour's golden child, each with a running server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dbmatrix_containers::name;
use dbmatrix_containers::nest::{Child, NestError};
use thiserror::Error;

use super::NestContext;
use super::building::START_TIMEOUT;
use crate::server::{Login, Server, ServerError, ServerSpec, access_of, log_in, started};

/// Why a copy is not available.
#[derive(Debug, Error)]
pub enum CopyError {
    /// Its container.
    #[error("no copy of the server is available: {0}")]
    Nest(#[from] NestError),
    /// Its server.
    #[error("no copy of the server is available: {0}")]
    Server(#[from] ServerError),
}

/// Makes copies of a flavour's golden child.
#[derive(Debug, Clone)]
pub struct Copies {
    context: NestContext,
    flavour: String,
    container: String,
    spec: Arc<ServerSpec>,
    /// Numbers the copies.
    next: Arc<AtomicUsize>,
}

impl Copies {
    /// Makes copies for a flavour with this container.
    pub fn new(
        context: &NestContext,
        flavour: &str,
        container: &str,
        spec: &Arc<ServerSpec>,
    ) -> Self {
        Copies {
            context: context.clone(),
            flavour: flavour.to_owned(),
            container: container.to_owned(),
            spec: Arc::clone(spec),
            next: Arc::default(),
        }
    }

    /// Makes a copy, starts it and logs in. A failure leaves nothing behind.
    ///
    /// # Errors
    /// [`CopyError`].
    pub async fn make(&self) -> Result<(Server, Child), CopyError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = name::copy(&self.container, name::Copy::Suite(number));
        let made = self.try_make(&name).await;
        if made.is_err()
            && let Err(left) = self.context.children.remove_incomplete(&name).await
        {
            tracing::debug!(%left, "the next run removes it");
        }
        made
    }

    async fn try_make(&self, name: &str) -> Result<(Server, Child), CopyError> {
        let NestContext { children, nest, .. } = &self.context;
        let of = children.current(&self.container);
        let user = self.context.user_of(&self.flavour, &self.spec.login);
        let access = access_of(&self.spec, &user);
        let child = children.throwaway(&of, name, &access).await?;
        children.start(&child).await?;
        let login = Login {
            child: &child,
            nest,
            limit: START_TIMEOUT,
        };
        let server = started(&child, &self.spec, log_in(&login)).await?;
        Ok((server, child))
    }

    /// Removes a copy.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn remove(&self, copy: &Child) -> Result<(), NestError> {
        self.context.children.remove(&copy.name).await
    }
}
