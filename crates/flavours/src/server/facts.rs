//! The defaults that a server reports.

/// The defaults that differ most between servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// `@@GLOBAL.sql_mode`.
    pub sql_mode: String,
    /// `@@GLOBAL.collation_server`.
    pub collation: String,
    /// The plugin that authenticates the routed user.
    pub auth_plugin: String,
}

/// Version, vendor, and the defaults. In old servers the row of a user with built-in
/// authentication has no plugin.
pub(super) const QUESTION: &str = "SELECT @@version, @@version_comment, \
    @@GLOBAL.sql_mode, @@GLOBAL.collation_server, \
    (SELECT IF(COALESCE(plugin, '') = '', 'mysql_native_password', plugin) FROM mysql.user \
    WHERE CONCAT(user, '@', host) = CURRENT_USER() LIMIT 1)";
