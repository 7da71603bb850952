//! How the servers of a flavour belong together, and which servers each way takes.

use dbmatrix_sql::version::{Family, Version};

use super::galera;
use super::statements::UNLOGGED;
use crate::server::{Installation, ServerSpec};

/// How many replicas follow a source at most, so that their names keep one digit.
const MOST_REPLICAS: u32 = 9;
/// MySQL's own limit is nine members, and the source is one of them (MySQL manual, "Group
/// Replication Limitations").
const MOST_SECONDARIES: u32 = 8;

/// The first release whose members tell each other an address for distributed recovery
/// (8.0.21), and show the end of their log in a table (8.0.22).
const GROUP_SINCE: Version = Version::exact(8, 0, 22);
/// The first release with Galera 4.
const GALERA_SINCE: Version = Version::release(10, 4);

/// How the servers of a flavour belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Topology {
    /// Replicas follow the source, which waits for none.
    #[default]
    Async,
    /// A commit waits until a replica has received it, or for `rpl_semi_sync_…_timeout`.
    SemiSync,
    /// MySQL's group replication with one primary, which is the source.
    Group,
    /// A Galera cluster of MariaDB.
    Galera,
}

impl Topology {
    /// All, by their words in matrix files.
    pub const WORDS: [(&str, Topology); 4] = [
        ("async", Topology::Async),
        ("semi-sync", Topology::SemiSync),
        ("group", Topology::Group),
        ("galera", Topology::Galera),
    ];

    /// Its word in matrix files.
    pub fn as_str(self) -> &'static str {
        match self {
            Topology::Async => "async",
            Topology::SemiSync => "semi-sync",
            Topology::Group => "group",
            Topology::Galera => "galera",
        }
    }

    /// How many replicas a flavour may have.
    pub fn most_replicas(self) -> u32 {
        match self {
            Topology::Async | Topology::SemiSync | Topology::Galera => MOST_REPLICAS,
            Topology::Group => MOST_SECONDARIES,
        }
    }

    /// Whether members receive what the source has by its binary log. Members of a Galera
    /// cluster receive a copy of the data folder.
    pub(crate) fn needs_binary_log(self) -> bool {
        self != Topology::Galera
    }

    /// The statement after which those of a session stay on their server.
    pub(in crate::server) fn unreplicated(self) -> &'static str {
        match self {
            Topology::Async | Topology::SemiSync | Topology::Group => UNLOGGED,
            Topology::Galera => galera::UNREPLICATED,
        }
    }

    /// Why a server cannot be a member; `None` if it can.
    pub fn refusal(self, spec: &ServerSpec) -> Option<String> {
        let is_since = |first: Version| is_since(spec.version, first);
        match (self, spec.family) {
            (Topology::Async | Topology::SemiSync, family) => {
                let first = first_with_gtids(family);
                (!has_gtids(family, spec.version)).then(|| format!(
                    "it has no GTIDs, and its replicas lose their position in a crash; name {} {first} or later for a flavour with `replicas`",
                    family.title()
                ))
            }
            (Topology::Group, Family::Mariadb) => Some(
                "MariaDB has no group replication; use `topology = \"galera\"`".to_owned(),
            ),
            (Topology::Group, _) if !is_since(GROUP_SINCE) => Some(format!(
                "a group needs MySQL or Percona Server {GROUP_SINCE} or later; use a later one, or `topology = \"async\"`"
            )),
            (Topology::Group, _) => None,
            (Topology::Galera, Family::Mariadb) if !is_since(GALERA_SINCE) => Some(format!(
                "a cluster needs MariaDB {GALERA_SINCE} or later, which has Galera 4; use a later one, or `topology = \"async\"`"
            )),
            (Topology::Galera, Family::Mariadb) => match spec.installation {
                Installation::Packages(_) => None,
                Installation::Tarball(_) => Some(
                    "a tarball has no Galera library; use `source = \"debian\"` or `\"vendor\"`"
                        .to_owned(),
                ),
            },
            (Topology::Galera, Family::Percona) => Some(
                "Percona Server has no Galera, and dbmatrix has no Percona XtraDB Cluster; use `topology = \"group\"`"
                    .to_owned(),
            ),
            (Topology::Galera, _) => {
                Some("MySQL has no Galera; use `topology = \"group\"`".to_owned())
            }
        }
    }
}

/// Whether servers of a version follow by GTID.
pub(crate) fn has_gtids(family: Family, version: Version) -> bool {
    is_since(version, first_with_gtids(family))
}

/// Whether a version is as new as another one; a series means its newest release.
fn is_since(version: Version, first: Version) -> bool {
    version >= first || version.is_prefix_of(first)
}

/// The first release with GTIDs, and with a replica's position that survives a crash.
fn first_with_gtids(family: Family) -> Version {
    match family {
        Family::Mariadb => Version::release(10, 0),
        _ => Version::release(5, 6),
    }
}
