//! External servers: logins to them, and databases that dbmatrix has made there.
//!
//! The provider of servers that somebody else keeps. It starts nothing, needs no
//! engine, and sends nothing but queries before the first case.

use super::cleanup::drop_own;
use super::deployment::{Provided, Provider};
use super::guest_databases;
use crate::event::{Phase, Sender, ServerFacts};
use crate::matrix::{External, Flavour};
use crate::server::{Server, log_in_to_external};
use crate::session::{Connect, Tenancy};

/// Logs in to servers that somebody else keeps.
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
        })
    }
}

/// Drops the databases that an interrupted run has made on the external servers
/// of a plan and has not dropped. What cannot be dropped is returned, for people.
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
    // Which of several servers has which of them is not known here.
    let databases = guest_databases::remaining();
    if server.tenancy() != Tenancy::Guest || databases.is_empty() {
        return Vec::new();
    }
    let left = drop_own(server, &databases).await.into_iter();
    left.map(|left| format!("{flavour}: {left}")).collect()
}

/// What the server says of itself; of what it is made nobody knows.
fn facts(server: &Server) -> ServerFacts {
    ServerFacts {
        version: server.identity.full.clone(),
        comment: server.identity.comment.clone(),
        sql_mode: server.defaults.sql_mode.clone(),
        collation: server.defaults.collation.clone(),
        ..ServerFacts::default()
    }
}
