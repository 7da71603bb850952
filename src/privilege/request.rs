//! What the root helper can be asked for: the whole of it.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One thing that is root's. The engine and its project are fixed when the
/// helper starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Connects to a socket of the engine, or of the engine in a nest, and hands
    /// the connection over.
    Connect {
        /// The socket, absolute.
        socket: PathBuf,
    },
    /// Reads the package lists anew.
    RefreshPackageLists {
        /// The packages to be installed, for messages.
        packages: Vec<String>,
    },
    /// Installs packages, all of them among those that dbmatrix may need.
    InstallPackages {
        /// Their names.
        packages: Vec<String>,
    },
    /// Starts the installed engine and waits until it answers.
    StartEngine,
    /// Ends the engine's daemon, where dbmatrix started it.
    StopEngine,
    /// Makes the folder of sockets, locks and the daemon's record.
    MakeRunFolder,
    /// Removes that folder, where it is empty.
    RemoveRunFolder,
    /// Locks a file in that folder, until [`Request::Unlock`] or the end of the
    /// process that is served.
    Lock {
        /// The lock's name.
        name: String,
    },
    /// Unlocks what [`Request::Lock`] has locked.
    Unlock {
        /// The lock's name.
        name: String,
    },
    /// Removes a nest's socket on which nobody listens from that folder.
    RemoveSocket {
        /// The file's name.
        name: String,
    },
    /// Sets the route to a nest's children, as the engine describes the nest.
    SetRoute {
        /// The nest.
        nest: String,
    },
    /// Removes the routes that dbmatrix set to a network.
    RemoveRoute {
        /// The network's address.
        network: Ipv4Addr,
        /// The length of its prefix.
        prefix: u8,
    },
    /// Removes the project's bridge, and turns forwarding off where only that
    /// bridge needed it.
    RemoveBridge,
}

/// What the helper answers; a connection goes with [`Answer::Done`] as a file
/// descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It is done.
    Done,
    /// There was nothing to do, or somebody else holds the lock.
    Nothing,
    /// It could not be done.
    Failed {
        /// Why, for people.
        message: String,
    },
}

/// The helper's first words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The abstract name (unix(7)) on which it takes requests.
    pub address: String,
}
