//! What a server says of its defaults.

use super::Server;
use crate::session::{Connect, SessionError};

/// Defaults in which servers differ most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// `@@GLOBAL.sql_mode`.
    pub sql_mode: String,
    /// `@@GLOBAL.collation_server`.
    pub collation: String,
    /// The plugin by which the routed user is authenticated.
    pub auth_plugin: String,
}

/// Servers of old have no plugin in the row of a user of the built-in one.
const QUESTION: &str = "SELECT @@GLOBAL.sql_mode, @@GLOBAL.collation_server, \
    (SELECT IF(COALESCE(plugin, '') = '', 'mysql_native_password', plugin) FROM mysql.user \
    WHERE CONCAT(user, '@', host) = CURRENT_USER() LIMIT 1)";

/// Asks a server for its defaults.
///
/// # Errors
/// As of the session.
pub async fn ask_defaults(server: &Server) -> Result<Defaults, SessionError> {
    let mut session = server.connect(None).await?;
    let row = session.first_row(QUESTION).await;
    session.close().await;
    let mut texts = row?.into_iter().map(Option::unwrap_or_default);
    let mut text = || texts.next().unwrap_or_default();
    Ok(Defaults {
        sql_mode: text(),
        collation: text(),
        auth_plugin: text(),
    })
}
