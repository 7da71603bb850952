//! The kernel's answers about routes, as data.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The path on which the kernel would send a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteLookup {
    /// Name of the outgoing interface.
    pub interface: String,
    /// The next hop; `None` if the address is on the interface's own link.
    pub gateway: Option<Ipv4Addr>,
    /// The source address that the kernel would choose.
    pub source: Option<Ipv4Addr>,
}

/// A network that dbmatrix did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignNetwork {
    /// Its subnet.
    pub subnet: Ipv4Net,
    /// The interface that leads there; `None` if there are several.
    pub interface: Option<String>,
    /// Its route, as `ip route` writes it.
    pub route: String,
}

impl fmt::Display for RouteLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.gateway {
            Some(gateway) => write!(f, "via {gateway} dev {}", self.interface),
            None => write!(f, "dev {}", self.interface),
        }
    }
}
