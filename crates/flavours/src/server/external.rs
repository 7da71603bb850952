//! Logs in to an external server and reads what it reports.
//!
//! No answer is a reason to reject the server: unknown values stay empty.

use std::time::Duration;

use dbmatrix_sql::session::{Connect, Endpoint, Session, SessionError};
use dbmatrix_sql::version::Identity;
use tokio::time::{Instant, sleep};

use super::facts::Defaults;
use super::login::Server;

/// How long a port without a listener is tried: the server may be starting, like the
/// services of a CI job.
const STARTING: Duration = Duration::from_secs(5);
/// Retry interval.
const AGAIN: Duration = Duration::from_millis(200);

/// Logs in to an external server and reads its identity.
///
/// # Errors
/// [`SessionError`]: at once if the server rejects the login, after some seconds if
/// nothing listens.
pub async fn log_in_to_external(endpoint: Endpoint) -> Result<Server, SessionError> {
    let deadline = Instant::now() + STARTING;
    let mut session = loop {
        match endpoint.connect(None).await {
            Err(SessionError::Connect {
                is_refused: true, ..
            }) if Instant::now() < deadline => sleep(AGAIN).await,
            other => break other?,
        }
    };
    let asked = ask(&mut session).await;
    session.close().await;
    let (identity, defaults) = asked?;
    Ok(Server::external(endpoint, identity, defaults))
}

async fn ask(session: &mut Session) -> Result<(Identity, Defaults), SessionError> {
    let version = match value(session, "SELECT @@version").await? {
        Some(version) => Some(version),
        None => value(session, "SELECT VERSION()").await?,
    };
    let comment = value(session, "SELECT @@version_comment").await?;
    let aurora = value(session, "SELECT @@aurora_version").await?;
    let identity = Identity::of_external(
        &version.unwrap_or_default(),
        &comment.unwrap_or_default(),
        aurora.as_deref(),
    );
    let sql_mode = value(session, "SELECT @@GLOBAL.sql_mode").await?;
    let collation = value(session, "SELECT @@GLOBAL.collation_server").await?;
    let defaults = Defaults {
        sql_mode: sql_mode.unwrap_or_default(),
        collation: collation.unwrap_or_default(),
        auth_plugin: String::new(),
    };
    Ok((identity, defaults))
}

/// The only value of a query, if the server supports it.
async fn value(session: &mut Session, sql: &str) -> Result<Option<String>, SessionError> {
    let outcome = session.run(sql).await?;
    let value = outcome.rows().and_then(|set| set.rows.values().next());
    let value = value.flatten();
    Ok(value.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}
