//! A REST client for Incus and LXD, over a Unix socket or the network.
//!
//! Both have the same `/1.0` API, so one [`Engine`] serves the host's engine and the one
//! inside a nest. One file per resource around one transport. Knows containers, images,
//! networks and pools; knows no database and no matrix.

pub mod privilege;

mod backup;
mod certificate;
mod connection;
mod daemon;
mod error;
mod exec;
mod file;
mod image;
mod instance;
mod limits;
mod local;
mod network;
mod operation;
mod project;
mod relay;
mod snapshot;
mod socket;
mod state;
mod storage;
mod stream;
mod through;
mod transport;

pub use connection::{Remote, RemoteError};
pub use error::{CertificateProblem, EngineError};
pub use exec::{Exec, ExecOutput, last_lines};
pub use file::{Content, FileMode, Opened};
pub use image::{Image, ImageSource, SplitImage};
pub use instance::{Instance, NewInstance, Power};
pub use limits::Limits;
pub use network::Network;
pub use operation::Operation;
pub use project::Project;
pub use relay::{Relay, RelayStream, RelayTarget};
pub use snapshot::Snapshot;
pub use state::InstanceState;
pub use storage::{Pool, Space};
pub use stream::{Order, Size, StreamEnd, Streams};
pub use transport::{Engine, ServerInfo};
pub use transport::{Reply, read_reply, typed};

/// Settings of a resource: the engine's own keys and `user.dbmatrix.*`.
pub type Config = std::collections::BTreeMap<String, String>;

/// Devices of an instance or a profile, by name.
pub type Devices = std::collections::BTreeMap<String, Config>;

/// Builds a [`Config`] from pairs.
pub fn config<const N: usize>(pairs: [(&str, &str); N]) -> Config {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
