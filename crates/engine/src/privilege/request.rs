//! The complete list of requests to the root helper.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A privileged operation. The engine and its project are fixed when the helper starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Connects to a socket of the engine, or of the engine in a nest, and passes the
    /// connection to the user's process.
    Connect {
        /// The socket's absolute path.
        socket: PathBuf,
    },
    /// Updates the package lists.
    RefreshPackageLists {
        /// The packages to be installed, for messages.
        packages: Vec<String>,
    },
    /// Installs packages, all of which dbmatrix may need.
    InstallPackages {
        /// Their names.
        packages: Vec<String>,
    },
    /// Starts the installed engine and waits until it answers.
    StartEngine,
    /// Stops the engine's daemon if dbmatrix started it.
    StopEngine,
    /// Has the page cache hold the file of the project's pool.
    CachePool,
    /// Creates the folder for sockets, locks and the daemon's record.
    MakeRunFolder,
    /// Removes that folder if it is empty.
    RemoveRunFolder,
    /// Locks a file in that folder, until [`Request::Unlock`] or the end of the served
    /// process.
    Lock {
        /// The lock's name.
        name: String,
    },
    /// Releases the lock of [`Request::Lock`].
    Unlock {
        /// The lock's name.
        name: String,
    },
    /// Removes a nest's socket without a listener from that folder.
    RemoveSocket {
        /// The file's name.
        name: String,
    },
    /// Sets the route to a nest's children, based on the engine's description of the
    /// nest.
    SetRoute {
        /// The nest.
        nest: String,
    },
    /// Removes dbmatrix's routes to a network.
    RemoveRoute {
        /// The network's address.
        network: Ipv4Addr,
        /// The length of its prefix.
        prefix: u8,
    },
    /// Removes the project's bridge, and disables forwarding if only that bridge needed
    /// it.
    RemoveBridge,
}

/// The helper's answer; [`Answer::Done`] may include a connection as a file descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// The request succeeded.
    Done,
    /// There was nothing to do, or another process holds the lock.
    Nothing,
    /// The request failed.
    Failed {
        /// A human-readable reason.
        message: String,
    },
}

/// The helper's first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The abstract name (unix(7)) of its socket for requests.
    pub address: String,
}
