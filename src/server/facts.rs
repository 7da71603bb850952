//! What a server says of its defaults.

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

/// Version, who built it, and the defaults. Servers of old have no plugin in the
/// row of a user of the built-in one.
pub(super) const QUESTION: &str = "SELECT @@version, @@version_comment, \
    @@GLOBAL.sql_mode, @@GLOBAL.collation_server, \
    (SELECT IF(COALESCE(plugin, '') = '', 'mysql_native_password', plugin) FROM mysql.user \
    WHERE CONCAT(user, '@', host) = CURRENT_USER() LIMIT 1)";
