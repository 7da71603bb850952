//! The database server in a child: installation, configuration, start and login.
//!
//! Each step is a separate function, so that callers can report the current one. Knows
//! packages and settings; knows no suite.

mod certificate;
mod checksum;
mod configure;
mod digest;
mod error;
mod external;
mod facts;
mod fetch;
mod files;
mod hold;
mod install;
mod journal;
mod key;
mod login;
mod memory_profile;
mod packages;
pub(crate) mod recipe;
mod replication;
mod settle;
mod socket;
mod source;
mod spec;
mod start;
mod tarball;
mod time_zones;
mod tls;
mod transcript;

pub use certificate::{certificate_authority, pin};
pub use checksum::{Algorithm, Checksum};
pub use configure::{ACCESS_FILE, access_of, configure, grant_access};
pub use error::ServerError;
pub use external::log_in_to_external;
pub use facts::Defaults;
pub use files::place_files;
pub use hold::{hold_back, release, stop_server};
pub use install::{install, install_debian_packages};
pub use journal::{Log, LogSource, logs};
pub use journal::{split as split_journal, time_of as time_of_cursor};
pub use login::{Login, PORT as MYSQL_PORT, Server, check_identity, check_locked, log_in};
pub(crate) use replication::{
    ASSIGNS_GTIDS, begin_history, has_gtids, renew_identity, stop_waiting_for_replicas,
};
pub use replication::{
    Cluster, ClusterMember, Follower, Following, Former, Group, GroupMember, LeftOut, Member, Peer,
    Promoted, Promotion, ReplicaError, ReplicaProgress, Role, Topology, await_semi_sync,
    join_group, replica_progress,
};
pub use settle::settle;
pub use socket::ensure_socket;
pub use source::{Ask, SourceHost, check_source};
pub use spec::{
    Certificates, Durability, Installation, KeySource, LoginSpec, MemoryProfile, Packages,
    PlacedFile, Proof, Repository, RoutedUser, ServerSpec, Tarball, TarballSource,
};
pub use start::{repair, start, started, started_again};
pub(crate) use time_zones::{FILE as TIME_ZONES, remove_time_zones, write_time_zones};
pub use transcript::install_log;

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{Exec, ExecOutput};

/// Runs a step in the child; an exit status other than 0 is an error.
async fn succeed(child: &Child, step: &'static str, exec: Exec) -> Result<ExecOutput, ServerError> {
    let output = child.engine.exec(&child.name, &exec).await?;
    if output.success() {
        return Ok(output);
    }
    Err(ServerError::Step {
        step,
        output: output.tail(15),
    })
}
