//! The ways of an upgrade, and which of them a vendor supports.

use dbmatrix_sql::version::Family;

use super::UpgradePath;
use crate::matrix::{Flavour, Managed};
use crate::server::{Member, Role, Topology, has_gtids};

/// How a server's data gets to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UpgradeMethod {
    /// The newer server starts on the older one's data folder.
    InPlace,
    /// What the older server's client writes, the newer one's client reads.
    Dump,
    /// `mydumper` reads the older server, and `myloader` writes to the newer one, where a
    /// container of the two has them.
    Mydumper,
    /// The newer server follows the older one, and takes its place.
    Replica,
}

impl UpgradeMethod {
    /// All methods.
    pub const ALL: [UpgradeMethod; 4] = [
        UpgradeMethod::InPlace,
        UpgradeMethod::Dump,
        UpgradeMethod::Mydumper,
        UpgradeMethod::Replica,
    ];

    /// The word used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            UpgradeMethod::InPlace => "in-place",
            UpgradeMethod::Dump => "dump",
            UpgradeMethod::Mydumper => "mydumper",
            UpgradeMethod::Replica => "replica",
        }
    }

    /// Whether it goes from one series to the next where a vendor demands that.
    pub fn takes_steps(self) -> bool {
        match self {
            UpgradeMethod::InPlace | UpgradeMethod::Replica => true,
            UpgradeMethod::Dump | UpgradeMethod::Mydumper => false,
        }
    }
}

impl UpgradePath {
    /// Its servers in their order, as this way needs them: by replica, all of them replicate
    /// and the first one is the source.
    pub fn servers(&self, method: UpgradeMethod) -> Vec<(&Flavour, Managed)> {
        let through = match method.takes_steps() {
            true => self.through.as_slice(),
            false => &[],
        };
        let all = std::iter::once(&self.from).chain(through).chain([&self.to]);
        let all = all.filter_map(|flavour| Some((flavour, flavour.managed()?.clone())));
        let mut all: Vec<(&Flavour, Managed)> = all.collect();
        if method == UpgradeMethod::Replica {
            for ((_, managed), number) in all.iter_mut().zip(1..) {
                managed.spec.member = Some(Member {
                    role: match number {
                        1 => Role::Source,
                        _ => Role::Replica,
                    },
                    number,
                    topology: Topology::Async,
                });
            }
        }
        all
    }
}

/// MySQL's series from which the next one can be reached in place (MySQL 9.7 manual,
/// "Upgrade Paths") and by replication ("Replication Compatibility Between MySQL
/// Versions"): from a series with long-term support to the next one, and within
/// what lies between two of them.
const MYSQL_LADDER: [(u32, u32); 6] = [(5, 5), (5, 6), (5, 7), (8, 0), (8, 4), (9, 7)];

/// What the vendors support: in place and by replica to a newer server of the same line,
/// and by dump to that or to another family.
pub(super) fn supported(from: &Flavour, to: &Flavour) -> Vec<UpgradeMethod> {
    let (Some(from), Some(to)) = (from.managed(), to.managed()) else {
        return Vec::new();
    };
    let can_replicate = replicates(from) && replicates(to);
    let (from, to) = (&from.spec, &to.spec);
    let is_newer = to.version > from.version;
    let is_line = to.family == from.family
        // Percona Server starts on the data of the MySQL that it is built from.
        || (from.family, to.family) == (Family::Mysql, Family::Percona);
    match (is_line, is_newer) {
        (true, true) => {
            let by_replica = can_replicate.then_some(UpgradeMethod::Replica);
            let others = [UpgradeMethod::InPlace, UpgradeMethod::Dump];
            others.into_iter().chain(by_replica).collect()
        }
        (true, false) => Vec::new(),
        (false, _) => vec![UpgradeMethod::Dump],
    }
}

/// Whether a server can be a source or a replica.
pub(super) fn replicates(server: &Managed) -> bool {
    has_gtids(server.spec.family, server.spec.version)
}

/// The series of the ladder that lie between two series.
pub(super) fn steps_between(from: (u32, u32), to: (u32, u32)) -> Vec<(u32, u32)> {
    let between = MYSQL_LADDER
        .into_iter()
        .filter(|step| from < *step && *step < to);
    between.collect()
}
