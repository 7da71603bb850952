//! Settings of members, which come before those of the matrix.

use dbmatrix_containers::digest::Digest;
use dbmatrix_sql::version::{Family, Version};

use super::{Member, Role, Topology, galera, group};

/// Names of logs that do not depend on a container's name, as the servers' own would.
const LOGS: [(&str, &str); 2] = [("log-bin", "dbmatrix-bin"), ("relay-log", "dbmatrix-relay")];

/// A replica that is made later starts from the beginning of the source's log, so the log
/// is kept. Debian's packages of MariaDB keep it for ten days.
const MARIADB: [(&str, &str); 2] = [("log-slave-updates", "ON"), ("expire-logs-days", "0")];

/// GTIDs need both on MySQL; a relay log may end anywhere after a kill.
const MYSQL: [(&str, &str); 3] = [
    ("gtid-mode", "ON"),
    ("enforce-gtid-consistency", "ON"),
    ("relay-log-recovery", "ON"),
];
const MYSQL_TO_5_7: [(&str, &str); 4] = [
    ("log-slave-updates", "ON"),
    ("expire-logs-days", "0"),
    ("master-info-repository", "TABLE"),
    ("relay-log-info-repository", "TABLE"),
];
const MYSQL_FROM_8: [(&str, &str); 1] = [("binlog-expire-logs-seconds", "0")];

/// The release of MySQL that calls masters and slaves sources and replicas.
pub(super) const RENAMED: Version = Version::release(8, 1);

impl Member {
    /// Its lines in the section `[mysqld]`.
    pub(in crate::server) fn settings(self, family: Family, version: Version) -> String {
        let mut all = match self.topology {
            Topology::Galera => galera::SETTINGS.to_vec(),
            _ => logs(family, version),
        };
        // Group replication sets it by itself, and each member of a cluster takes writes.
        let follows = matches!(self.topology, Topology::Async | Topology::SemiSync);
        if follows && self.role == Role::Replica {
            all.push(("read-only", "ON"));
        }
        match self.topology {
            Topology::Async | Topology::Galera => {}
            Topology::SemiSync => all.extend(self.semi_sync(family, version)),
            Topology::Group => all.extend(group::SETTINGS),
        }
        let mut text = format!("server-id = {}\n", self.number);
        for (name, value) in all {
            text.push_str(&format!("{name} = {value}\n"));
        }
        text
    }

    /// MariaDB has it built in since 10.3; MySQL renamed its plugins in 8.0.26, and all of
    /// 8.0 has the old ones.
    fn semi_sync(self, family: Family, version: Version) -> Vec<(&'static str, &'static str)> {
        let is_source = self.role == Role::Source;
        let enabled = match is_source {
            true => ("rpl-semi-sync-master-enabled", "ON"),
            false => ("rpl-semi-sync-slave-enabled", "ON"),
        };
        let plugin = match is_source {
            true => ("plugin-load-add", "semisync_master.so"),
            false => ("plugin-load-add", "semisync_slave.so"),
        };
        match family {
            Family::Mariadb if version >= Version::release(10, 3) => vec![enabled],
            Family::Mariadb => vec![plugin, enabled],
            _ if version < RENAMED => vec![plugin, enabled],
            _ if is_source => vec![
                ("plugin-load-add", "semisync_source.so"),
                ("rpl-semi-sync-source-enabled", "ON"),
            ],
            _ => vec![
                ("plugin-load-add", "semisync_replica.so"),
                ("rpl-semi-sync-replica-enabled", "ON"),
            ],
        }
    }

    /// Adds what distinguishes golden children of members.
    pub(crate) fn digest(self, digest: &mut Digest) {
        let Member {
            role,
            number,
            topology,
        } = self;
        digest
            .flag("replica", role == Role::Replica)
            .number("server-id", number.into())
            .text("mode", topology.as_str());
    }
}

/// What a binary log needs by which others follow.
fn logs(family: Family, version: Version) -> Vec<(&'static str, &'static str)> {
    let mut all = LOGS.to_vec();
    match family {
        Family::Mariadb => all.extend(MARIADB),
        _ => {
            all.extend(MYSQL);
            match version < Version::release(8, 0) {
                true => all.extend(MYSQL_TO_5_7),
                false => all.extend(MYSQL_FROM_8),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(role: Role, topology: Topology, family: Family, version: &str) -> String {
        let member = Member {
            role,
            number: 2,
            topology,
        };
        member.settings(family, version.parse().expect("a version"))
    }

    #[test]
    fn each_family_gets_the_settings_that_it_knows() {
        let mariadb = |role| settings(role, Topology::Async, Family::Mariadb, "10.5");
        insta::assert_snapshot!(mariadb(Role::Source), @r"
        server-id = 2
        log-bin = dbmatrix-bin
        relay-log = dbmatrix-relay
        log-slave-updates = ON
        expire-logs-days = 0
        ");
        assert!(mariadb(Role::Replica).ends_with("read-only = ON\n"));
        let mysql = |version| settings(Role::Source, Topology::SemiSync, Family::Mysql, version);
        insta::assert_snapshot!(mysql("9.7"), @r"
        server-id = 2
        log-bin = dbmatrix-bin
        relay-log = dbmatrix-relay
        gtid-mode = ON
        enforce-gtid-consistency = ON
        relay-log-recovery = ON
        binlog-expire-logs-seconds = 0
        plugin-load-add = semisync_source.so
        rpl-semi-sync-source-enabled = ON
        ");
        let old = mysql("5.6");
        assert!(old.contains("log-slave-updates = ON\n"), "{old}");
        assert!(old.contains("rpl-semi-sync-master-enabled = ON\n"), "{old}");
    }

    #[test]
    fn members_of_groups_and_clusters_are_no_replicas() {
        let group = settings(Role::Replica, Topology::Group, Family::Mysql, "9.7");
        assert!(
            group.contains("plugin-load-add = group_replication.so\n"),
            "{group}"
        );
        assert!(
            group.contains("gtid-mode = ON\n") && !group.contains("read-only"),
            "{group}"
        );
        let cluster = settings(Role::Replica, Topology::Galera, Family::Mariadb, "11.8");
        insta::assert_snapshot!(cluster, @r"
        server-id = 2
        binlog-format = ROW
        innodb-autoinc-lock-mode = 2
        wsrep-provider = /usr/lib/galera/libgalera_smm.so
        wsrep-sst-method = rsync
        ");
    }
}
