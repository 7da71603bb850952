//! Where a connection enters on its way to a server, if the server's own address is not what
//! this machine connects to.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

/// The entry of one connection.
#[derive(Debug, Clone)]
pub struct Via {
    /// What to connect to.
    pub address: SocketAddr,
    /// What happens to the connection behind it.
    pub trouble: Trouble,
}

/// Why one connection broke on its way; the driver sees only that it did.
#[derive(Debug, Clone, Default)]
pub struct Trouble(Arc<OnceLock<(io::ErrorKind, String)>>);

impl Trouble {
    /// Notes the reason; the first one counts.
    pub fn note(&self, error: &io::Error) {
        let _ = self.0.set((error.kind(), error.to_string()));
    }

    /// The reason, if it broke.
    pub fn reason(&self) -> Option<&str> {
        self.0.get().map(|(_, reason)| reason.as_str())
    }

    /// Whether the server's port has no listener.
    pub fn is_refused(&self) -> bool {
        matches!(self.0.get(), Some((io::ErrorKind::ConnectionRefused, _)))
    }
}
