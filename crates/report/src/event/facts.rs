//! The environment of a run: machine and servers, in enough detail to reproduce it.

use serde::{Deserialize, Serialize};

pub use dbmatrix_sql::package::PackageVersion;

/// The environment that all flavours of a run share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The host's engine, such as `LXD 5.0.2`.
    pub engine: String,
    /// The nest's engine, such as `Incus 6.0.4`.
    pub nest_engine: String,
    /// The nest's image: `debian:trixie` and the hash of its inputs.
    pub nest_image: String,
    /// The kernel, such as `Linux 6.18.5 x86_64`.
    pub kernel: String,
}

/// What is needed to make a server again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// The complete `@@version`.
    pub version: String,
    /// `@@version_comment`: the vendor.
    pub comment: String,
    /// Its container's image: `debian:sid` and the hash of its inputs.
    pub image: String,
    /// Its repository or tarball, if that is not the image's own mirror.
    pub origin: Option<String>,
    /// The packages that its installation added.
    pub packages: Vec<PackageVersion>,
    /// `@@GLOBAL.sql_mode`.
    pub sql_mode: String,
    /// `@@GLOBAL.collation_server`.
    pub collation: String,
    /// The plugin that authenticates the routed user.
    pub auth_plugin: String,
    /// The servers that follow it, in the order of their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<ServerFacts>,
}
