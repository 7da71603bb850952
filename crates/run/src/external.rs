//! External servers: login, and the databases that dbmatrix creates there.
//!
//! The provider of external servers. It starts nothing, needs no engine, and sends only
//! queries before the first case.

use dbmatrix_flavours::matrix::{External, Flavour};
use dbmatrix_flavours::server::{Server, log_in_to_external};
use dbmatrix_report::event::{Phase, Sender, ServerFacts};
use dbmatrix_sql::session::{Connect, Tenancy};

use super::cleanup::drop_own;
use super::deployment::{Provided, Provider};
use super::guest_databases;

/// Logs in to external servers.
#[derive(Clone)]
pub(super) struct ExternalProvider {
    pub(super) events: Sender,
}

impl Provider for ExternalProvider {
    type Wanted = External;

    async fn provide(&self, flavour: &Flavour, wanted: &External) -> Result<Provided, String> {
        self.events.phase(&flavour.name, Phase::LoggingIn);
        let endpoint = wanted.endpoint(&flavour.name);
        let endpoint = endpoint.map_err(|error| error.to_string())?;
        let server = log_in_to_external(endpoint).await;
        let server = server.map_err(|error| error.to_string())?;
        Ok(Provided {
            facts: facts(&server),
            server,
            site: None,
            replicas: None,
        })
    }
}

/// Drops the databases that an interrupted run created on the external servers of a plan.
/// Returns a human-readable list of those that could not be dropped.
pub async fn drop_own_databases(flavours: &[Flavour]) -> Vec<String> {
    let mut kept = Vec::new();
    for flavour in flavours {
        let external = flavour.external();
        let endpoint = external.and_then(|external| external.endpoint(&flavour.name).ok());
        if let Some(endpoint) = endpoint {
            kept.extend(drop_own_databases_on(&endpoint, &flavour.name).await);
        }
    }
    kept
}

/// The same on one server.
pub async fn drop_own_databases_on(server: &impl Connect, flavour: &str) -> Vec<String> {
    // It is unknown here which of several servers holds which database.
    let databases = guest_databases::remaining();
    if server.tenancy() != Tenancy::Guest || databases.is_empty() {
        return Vec::new();
    }
    let left = drop_own(server, &databases).await.into_iter();
    left.map(|left| format!("{flavour}: {left}")).collect()
}

/// The server's own description of itself; its build is unknown.
fn facts(server: &Server) -> ServerFacts {
    ServerFacts {
        version: server.identity.full.clone(),
        comment: server.identity.comment.clone(),
        sql_mode: server.defaults.sql_mode.clone(),
        collation: server.defaults.collation.clone(),
        ..ServerFacts::default()
    }
}
