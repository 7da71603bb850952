//! Makes a server a member of a flavour with several: it gets an identity and a binary
//! log of its own.

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::Exec;
use dbmatrix_sql::session::Connect;

use super::statements;
use crate::server::{Server, ServerError, ServerSpec, succeed};

/// MySQL keeps the UUID by which servers know each other in this file, and makes one where
/// it is not there. Copies of one golden child would have the same.
const RENEW: &str = r#"
systemctl stop "$SERVICE"
rm -f /var/lib/mysql/auto.cnf
"#;

/// Stops the server and forgets its identity; its next start makes another one.
///
/// # Errors
/// As of the engine.
pub(crate) async fn renew_identity(child: &Child, spec: &ServerSpec) -> Result<(), ServerError> {
    let renew = Exec::script_with_systemd(RENEW).env("SERVICE", spec.installation.service());
    succeed(child, "give the server an identity of its own", renew).await?;
    Ok(())
}

/// Begins a new binary log: what the server has now, every member has.
///
/// # Errors
/// If the server refuses that.
pub(crate) async fn begin_history(server: &Server) -> Result<(), ServerError> {
    let mut session = server.connect(None).await.map_err(ServerError::Session)?;
    let outcome = session
        .run(statements::begin_history(&server.identity))
        .await;
    let outcome = outcome.map_err(ServerError::Session)?;
    session.close().await;
    match outcome.refusal() {
        None => Ok(()),
        Some(refusal) => Err(ServerError::Step {
            step: "begin a new binary log",
            output: refusal.to_string(),
        }),
    }
}

/// The texts of what makes a member, apart from its configuration.
pub(in crate::server) fn recipe() -> String {
    RENEW.to_owned()
}
