//! Replication between servers that dbmatrix made: their settings, the statements that
//! bring them together, and what a replica says of itself.
//!
//! `follow` is about replicas that follow a source, `group` about MySQL's group replication,
//! `galera` about clusters of MariaDB. Servers of one family follow by GTID. Across families a
//! replica follows by file and position, as far as the two understand each other. Knows no
//! flavour and no suite.

mod event;
mod follow;
mod galera;
mod galera_status;
mod group;
mod group_status;
mod identity;
mod note;
mod position;
mod promote;
mod semi_sync;
mod settings;
mod statements;
mod status;
mod topology;

pub use follow::{Follower, Following, replica_progress};
pub use galera::{Cluster, ClusterMember};
pub use group::{Group, GroupMember, join_group};
pub(in crate::server) use identity::recipe;
pub(crate) use identity::{begin_history, renew_identity};
pub use promote::{Former, LeftOut, Peer, Promoted, Promotion};
pub use semi_sync::await_semi_sync;
pub(crate) use semi_sync::stop_waiting_for_replicas;
pub(crate) use statements::ASSIGNS_GTIDS;
pub use status::{ReplicaError, ReplicaProgress};
pub use topology::Topology;
pub(crate) use topology::has_gtids;

/// The part of a server in its flavour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Whether others follow it, or it follows.
    pub role: Role,
    /// Its `server_id`, which is unique in its flavour, from 1.
    pub number: u32,
    /// How they belong together.
    pub topology: Topology,
}

impl Member {
    /// Whether its transactions wait until a replica has them.
    pub fn waits_for_replicas(self) -> bool {
        self.role == Role::Source && self.topology == Topology::SemiSync
    }
}

/// Whether a member follows another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Statements go there.
    Source,
    /// It follows the source.
    Replica,
}
