//! One external flavour: a login, and what of a plan is not for it.
//!
//! The provider of servers that somebody else keeps. It starts nothing, needs no
//! engine, and sends nothing but queries before the first case.

use std::time::Instant;

use super::cleanup::drop_own;
use super::guest_databases;
use crate::event::{Event, Phase, Sender, ServerFacts};
use crate::matrix::{External, Flavour, Isolation, SuiteKind, SuiteSpec};
use crate::server::{Server, log_in_to_external};
use crate::session::{Connect, Tenancy};

/// Logs in to a flavour's server; `None` where that is not possible, which has
/// been said by then. `begun` is when the run began.
pub(super) async fn provide_external(
    flavour: &Flavour,
    external: &External,
    begun: Instant,
    events: &Sender,
) -> Option<Server> {
    events.phase(&flavour.name, Phase::LoggingIn);
    let logged_in = match external.endpoint(&flavour.name) {
        Ok(endpoint) => log_in_to_external(endpoint)
            .await
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match logged_in {
        Ok(server) => {
            events.send(Event::FlavourReady {
                flavour: flavour.name.clone(),
                server: facts(&server),
                address: server.address().to_string(),
                took: begun.elapsed(),
            });
            Some(server)
        }
        Err(reason) => {
            events.send(Event::FlavourUnavailable {
                flavour: flavour.name.clone(),
                required: flavour.required,
                reason,
            });
            None
        }
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

/// Why a whole suite is not run on a server that dbmatrix did not make.
pub(super) fn refusal(suite: &SuiteSpec, tenancy: Tenancy) -> Option<String> {
    if tenancy == Tenancy::Owner {
        return None;
    }
    if suite.isolation == Isolation::Clone {
        return Some("external: `isolation = \"clone\"` needs a copy of the server".to_owned());
    }
    match &suite.kind {
        SuiteKind::Files(_) => None,
        SuiteKind::Mysqltest(_) => {
            Some("external: the servers' own tests need copies of the server".to_owned())
        }
        SuiteKind::Command(_) if tenancy == Tenancy::Reader => Some(
            "read-only: a command may write; `permissions = \"own-databases\"` lets it run"
                .to_owned(),
        ),
        SuiteKind::Command(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::matrix::Matrix;

    #[test]
    fn suites_that_an_external_server_cannot_run_are_refused_by_their_reason() {
        let text = "\
[[flavour]]
name = 'a'
url = 'env:A'
[[suite]]
name = 'files'
files = ['sql/types.slt']
[[suite]]
name = 'copy'
files = ['sql/types.slt']
isolation = 'clone'
[[suite]]
name = 'command'
command = ['true']
[[suite]]
name = 'own'
mysqltest = 'mariadb'
tests = ['main.*']
";
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/m.toml"));
        let matrix = Matrix::parse(path, text).map_err(|error| error.lines());
        let suites = matrix.expect("a matrix").suites;
        let refused = |tenancy| {
            let all = suites
                .iter()
                .filter(|suite| refusal(suite, tenancy).is_some());
            all.map(|suite| suite.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(refused(Tenancy::Owner), [""; 0]);
        assert_eq!(refused(Tenancy::Guest), ["copy", "own"]);
        assert_eq!(refused(Tenancy::Reader), ["copy", "command", "own"]);
    }
}
