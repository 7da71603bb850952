//! Settings for a server that uses little memory, so that ten run on a laptop.
//!
//! The server and the matrix decide whether the performance schema is on; only the space
//! that it reserves is reduced.

use dbmatrix_sql::version::Family;

use super::ServerSpec;
use super::replication::Topology;

/// Settings of both families.
const COMMON: [(&str, &str); 3] = [
    ("innodb-buffer-pool-size", "32M"),
    ("innodb-log-buffer-size", "2M"),
    ("key-buffer-size", "8M"),
];

/// MySQL 8 and later touch all of this memory at each start.
const MYSQL: [(&str, &str); 7] = [
    ("performance-schema-digests-size", "500"),
    ("performance-schema-error-size", "100"),
    ("performance-schema-max-thread-instances", "200"),
    (
        "performance-schema-events-statements-history-long-size",
        "100",
    ),
    ("performance-schema-events-stages-history-long-size", "100"),
    ("performance-schema-events-waits-history-long-size", "100"),
    (
        "performance-schema-events-transactions-history-long-size",
        "100",
    ),
];

/// A copy of a golden child rewrites its redo log. If the matrix sizes it by one of the
/// older settings, MySQL would ignore them in favour of this one.
const REDO_LOG: (&str, &str) = ("innodb-redo-log-capacity", "8M");
const OLDER: [&str; 2] = ["innodb-log-file-size", "innodb-log-files-in-group"];

const MARIADB: [(&str, &str); 1] = [("aria-pagecache-buffer-size", "8M")];

/// Messages between members of a group are kept for one that is away, by default up to
/// 1 GiB; this is the least (8.0.21).
const GROUP: (&str, &str) = ("group-replication-message-cache-size", "134217728");
/// The file of the same purpose of a Galera cluster, by default 128 MiB.
const GALERA: (&str, &str) = ("wsrep-provider-options", "gcache.size=32M");

/// Names and values. Versions that do not know one need the prefix `loose`.
pub(super) fn settings(spec: &ServerSpec) -> Vec<(&'static str, &'static str)> {
    let mut all = COMMON.to_vec();
    match spec.family {
        Family::Mariadb => all.extend(MARIADB),
        _ => {
            all.extend(MYSQL);
            if !OLDER.iter().any(|older| spec.sets(older)) {
                all.push(REDO_LOG);
            }
        }
    }
    match spec.member.map(|member| member.topology) {
        Some(Topology::Group) => all.push(GROUP),
        Some(Topology::Galera) => all.push(GALERA),
        _ => {}
    }
    all
}
