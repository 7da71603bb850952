//! Replication between servers that dbmatrix made: their settings, the statements that
//! make one follow the other, and what a replica says of itself.
//!
//! Servers of one family follow by GTID. Across families a replica follows by file and
//! position, as far as the two understand each other. Knows no flavour and no suite.

use dbmatrix_sql::version::{Family, Version};

mod event;
mod follow;
mod identity;
mod note;
mod position;
mod promote;
mod semi_sync;
mod settings;
mod statements;
mod status;

pub use follow::{Follower, Following};
pub(in crate::server) use identity::recipe;
pub(crate) use identity::{begin_history, renew_identity};
pub use promote::{Former, LeftOut, Peer, Promoted, Promotion};
pub(in crate::server) use statements::UNLOGGED;
pub use status::ReplicaError;

/// Whether servers of a version can be members: they follow by GTID, which came with MySQL
/// 5.6 and MariaDB 10.0.
pub(crate) fn has_gtids(family: Family, version: Version) -> bool {
    match family {
        Family::Mariadb => version >= Version::release(10, 0),
        _ => version >= Version::release(5, 6),
    }
}

/// The part of a server in its flavour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Whether others follow it, or it follows.
    pub role: Role,
    /// Its `server_id`, which is unique in its flavour, from 1.
    pub number: u32,
    /// Whether the source waits for replicas.
    pub mode: ReplicationMode,
}

/// Whether a member follows another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Statements go there.
    Source,
    /// It follows the source.
    Replica,
}

/// Whether a source waits for its replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplicationMode {
    /// It does not.
    #[default]
    Async,
    /// A commit waits until a replica has received it, or for `rpl_semi_sync_…_timeout`.
    SemiSync,
}

impl ReplicationMode {
    /// All, by their words in matrix files.
    pub const WORDS: [(&str, ReplicationMode); 2] = [
        ("async", ReplicationMode::Async),
        ("semi-sync", ReplicationMode::SemiSync),
    ];

    /// Its word in matrix files.
    pub fn as_str(self) -> &'static str {
        match self {
            ReplicationMode::Async => "async",
            ReplicationMode::SemiSync => "semi-sync",
        }
    }
}
