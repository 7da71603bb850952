//! A server of a suite's own: a copy of the flavour's golden child, for suites
//! that change what all databases of a server share.

use thiserror::Error;

use super::flavour::STARTING;
use super::stand::Stand;
use crate::event::Sender;
use crate::name;
use crate::nest::{Child, NestError};
use crate::plan::Cell;
use crate::server::{Login, Server, ServerError, access_of, log_in, started};

/// Why a suite has no server of its own.
#[derive(Debug, Error)]
pub(super) enum IsolationError {
    #[error("the suite has no server of its own: {0}")]
    Nest(#[from] NestError),
    #[error("the suite has no server of its own: {0}")]
    Server(#[from] ServerError),
}

/// A suite's own server.
pub(super) struct Isolated {
    pub(super) server: Server,
    child: Child,
}

impl Isolated {
    /// Copies the flavour's golden child for the cell with this number, starts
    /// the copy and logs in. One that cannot be had leaves nothing.
    pub(super) async fn provide(
        stand: &Stand,
        cell: &Cell,
        number: usize,
    ) -> Result<Self, IsolationError> {
        let name = name::copy(&cell.container, name::Copy::Suite(number));
        let made = Self::try_provide(stand, cell, &name).await;
        if made.is_err()
            && let Err(left) = stand.children.remove_half_made(&name).await
        {
            tracing::debug!(%left, "the next run removes it");
        }
        made
    }

    async fn try_provide(stand: &Stand, cell: &Cell, name: &str) -> Result<Self, IsolationError> {
        let of = stand.children.current(&cell.container);
        let access = access_of(&cell.server, &stand.user_of(&cell.flavour));
        let child = stand.children.throwaway(&of, name, &access).await?;
        stand.children.start(&child).await?;
        let login = Login {
            child: &child,
            nest: &stand.nest,
            limit: STARTING,
        };
        let server = started(&child, &cell.server, log_in(&login)).await?;
        Ok(Isolated { server, child })
    }

    /// Removes it.
    pub(super) async fn dispose(self, stand: &Stand, events: &Sender) {
        if let Err(left) = stand.children.remove(&self.child.name).await {
            events.warn(format!(
                "container `{}` stays until the next run: {left}",
                self.child.name
            ));
        }
    }
}
