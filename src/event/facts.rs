//! What a run stands on: machine and servers, as far as they must be made again.

use serde::{Deserialize, Serialize};

pub use crate::server::PackageVersion;

/// What all flavours of a run stand on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The host's engine, such as `LXD 5.0.2`.
    pub engine: String,
    /// The nest's engine, such as `Incus 6.0.4`.
    pub nest_engine: String,
    /// The nest's image: `debian:trixie` and the hash of what went into it.
    pub nest_image: String,
    /// Such as `Linux 6.18.5 x86_64`.
    pub kernel: String,
}

/// What is needed to make a server again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// `@@version`, whole.
    pub version: String,
    /// `@@version_comment`: who built it.
    pub comment: String,
    /// Its container's image: `debian:sid` and the hash of what went into it.
    pub image: String,
    /// The repository or tarball that it comes from, where that is not the
    /// image's own mirror.
    pub origin: Option<String>,
    /// What its installation added.
    pub packages: Vec<PackageVersion>,
    /// `@@GLOBAL.sql_mode`.
    pub sql_mode: String,
    /// `@@GLOBAL.collation_server`.
    pub collation: String,
    /// The plugin by which the routed user is authenticated.
    pub auth_plugin: String,
}
