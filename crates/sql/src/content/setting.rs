//! Global variables.

use super::catalog::Catalog;
use super::{Content, ContentError};

/// Beginnings of names that describe the server and its machine, no behaviour.
const OF_THE_MACHINE: [&str; 29] = [
    "version",
    "hostname",
    "server_uuid",
    "server_id",
    "port",
    "report_",
    "pid_file",
    "socket",
    "datadir",
    "basedir",
    "tmpdir",
    "slave_load_tmpdir",
    "replica_load_tmpdir",
    "plugin_dir",
    "character_sets_dir",
    "lc_messages_dir",
    "general_log_file",
    "slow_query_log_file",
    "log_error",
    "log_bin_basename",
    "log_bin_index",
    "relay_log",
    "gtid_",
    "innodb_version",
    "license",
    "bind_address",
    "init_file",
    "ssl_",
    "admin_",
];

/// Settings that decide what statements do and answer, or which statements are accepted.
/// Others have other defaults in almost every release, for speed and diagnosis.
const OF_STATEMENTS: [&str; 41] = [
    "sql_mode",
    // `CONVERT_TZ` of a zone that is not there is NULL.
    super::outside::TIME_ZONES,
    "character_set_server",
    "character_set_filesystem",
    "collation_server",
    "character_set_collations",
    "default_collation_for_utf8mb4",
    "explicit_defaults_for_timestamp",
    "default_authentication_plugin",
    "authentication_policy",
    "old_passwords",
    "secure_auth",
    "transaction_isolation",
    "tx_isolation",
    "transaction_read_only",
    "autocommit",
    "default_storage_engine",
    "innodb_strict_mode",
    "innodb_default_row_format",
    "innodb_file_format",
    "innodb_large_prefix",
    "innodb_autoinc_lock_mode",
    "innodb_rollback_on_timeout",
    "innodb_snapshot_isolation",
    "lower_case_table_names",
    "max_allowed_packet",
    "group_concat_max_len",
    "max_sort_length",
    "div_precision_increment",
    "default_week_format",
    "event_scheduler",
    "local_infile",
    "log_bin_trust_function_creators",
    "binlog_format",
    "sql_require_primary_key",
    "require_secure_transport",
    "query_cache_type",
    "query_cache_size",
    "alter_algorithm",
    "system_versioning_insert_history",
    "restrict_fk_on_non_standard_key",
];

/// Whether a setting decides what statements do.
pub(super) fn is_of_statements(name: &str) -> bool {
    OF_STATEMENTS.contains(&name)
}

pub(super) async fn read_settings(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let rows = catalog.texts("its settings", "SHOW GLOBAL VARIABLES".to_owned());
    for row in rows.await? {
        let Ok([name, value]) = <[String; 2]>::try_from(row) else {
            continue;
        };
        let name = name.to_lowercase();
        if !OF_THE_MACHINE.iter().any(|begin| name.starts_with(begin)) {
            content.settings.insert(name, value);
        }
    }
    Ok(())
}
