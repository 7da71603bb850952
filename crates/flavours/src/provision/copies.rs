//! Throwaway copies of a flavour's golden child, each with a running server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dbmatrix_containers::name;
use dbmatrix_containers::nest::{Child, NestError};
use dbmatrix_report::event::Sender;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use thiserror::Error;

use super::building::START_TIMEOUT;
use super::{NestContext, ProvisionError, Provisioner};
use crate::matrix::{Flavour, Managed, SetupFile};
use crate::server::{Login, Server, ServerError, access_of, log_in, started};

/// Why a copy is not available.
#[derive(Debug, Error)]
pub enum CopyError {
    /// Its container.
    #[error("no copy of the server is available: {0}")]
    Nest(#[from] NestError),
    /// Its server.
    #[error("no copy of the server is available: {0}")]
    Server(#[from] ServerError),
    /// The golden child with a suite's setup.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
}

/// Makes copies of a flavour's golden child.
#[derive(Debug, Clone)]
pub struct Copies {
    context: NestContext,
    flavour: Arc<Flavour>,
    managed: Arc<Managed>,
    events: Sender,
    /// Numbers the copies.
    next: Arc<AtomicUsize>,
}

impl Copies {
    /// Makes copies for a flavour that is up.
    pub fn new(
        context: &NestContext,
        flavour: &Arc<Flavour>,
        managed: &Arc<Managed>,
        events: &Sender,
    ) -> Self {
        Copies {
            context: context.clone(),
            flavour: Arc::clone(flavour),
            managed: Arc::clone(managed),
            events: events.clone(),
            next: Arc::default(),
        }
    }

    /// The same for a suite with a setup of its own.
    pub fn for_suite(&self, setup: &[SetupFile]) -> Self {
        Copies {
            managed: Arc::new(self.managed.for_suite(setup)),
            ..self.clone()
        }
    }

    /// Makes a copy, starts it and logs in. A failure leaves nothing behind.
    ///
    /// # Errors
    /// [`CopyError`].
    pub fn make(&self) -> BoxFuture<'_, Result<(Server, Child), CopyError>> {
        async move {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let name = name::copy(&self.flavour.container(), name::Copy::Suite(number));
            let made = self.try_make(&name).await;
            if made.is_err()
                && let Err(left) = self.context.children.remove_incomplete(&name).await
            {
                tracing::debug!(%left, "the next run removes it");
            }
            made
        }
        .boxed()
    }

    async fn try_make(&self, name: &str) -> Result<(Server, Child), CopyError> {
        let NestContext { children, nest, .. } = &self.context;
        let spec = &self.managed.spec;
        let user = self.context.user_of(&self.flavour.name, &spec.login);
        let access = access_of(spec, &user);
        let of = children.current(&self.flavour.container());
        let child = match self.managed.suite_setup.is_empty() {
            true => children.throwaway(&of, name, &access).await?,
            false => {
                let (context, managed) = (&self.context, &self.managed);
                let provisioner = Provisioner::new(context, &self.flavour, managed, &self.events);
                let golden = provisioner.golden().await?;
                children.throwaway_of(&golden, &of, name, &access).await?
            }
        };
        children.start(&child).await?;
        let login = Login {
            child: &child,
            nest,
            limit: START_TIMEOUT,
        };
        let server = started(&child, spec, log_in(&login)).await?;
        Ok((server, child))
    }

    /// Removes a copy.
    ///
    /// # Errors
    /// As of the engine.
    pub fn remove<'a>(&'a self, copy: &'a Child) -> BoxFuture<'a, Result<(), NestError>> {
        async move { self.context.children.remove(&copy.name).await }.boxed()
    }
}
