//! Settings of a server that takes little memory, so that ten run on a laptop.
//!
//! Whether the performance schema is on is left to the server and the matrix;
//! only the sizes of its histories are cut.

use crate::version::Family;

/// What both families have.
const COMMON: [(&str, &str); 3] = [
    ("innodb-buffer-pool-size", "32M"),
    ("innodb-log-buffer-size", "2M"),
    ("key-buffer-size", "8M"),
];

/// MySQL 8 and later touch the whole of these at each start; a copy of a
/// golden child writes its redo log anew.
const MYSQL: [(&str, &str); 8] = [
    ("innodb-redo-log-capacity", "8M"),
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

const MARIADB: [(&str, &str); 1] = [("aria-pagecache-buffer-size", "8M")];

/// Names and values. A version that does not know one must be told that it is
/// `loose`.
pub(super) fn settings(family: Family) -> impl Iterator<Item = (&'static str, &'static str)> {
    let own: &[_] = match family {
        Family::Mysql | Family::Percona => &MYSQL,
        Family::Mariadb => &MARIADB,
    };
    COMMON.iter().chain(own).copied()
}

/// The text of all settings.
pub(super) fn recipe() -> String {
    format!("{COMMON:?} {MYSQL:?} {MARIADB:?}")
}
