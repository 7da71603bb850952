//! What the kernel answers about routes, as data.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The way that the kernel would send a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteLookup {
    /// Name of the interface that it would leave by.
    pub interface: String,
    /// The next hop; none where the address is on the interface's own link.
    pub gateway: Option<Ipv4Addr>,
    /// The source address that the kernel would choose.
    pub source: Option<Ipv4Addr>,
}

/// A network that is none of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignNetwork {
    /// Its addresses.
    pub subnet: Ipv4Net,
    /// The interface that leads there; none where there are several.
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
