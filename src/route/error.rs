//! What can go wrong with the machine's routes.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use thiserror::Error;

/// A route that is not there, or could not be looked at.
#[derive(Debug, Error)]
pub enum RouteError {
    /// The kernel's interface for routes.
    #[error("could not {what}: {reason}")]
    Netlink {
        /// What was asked.
        what: String,
        /// The kernel's own words.
        reason: String,
    },
    /// Only root, or who has the capability `CAP_NET_ADMIN`, sets routes.
    #[error(
        "setting a route needs root; run: sudo ip route add unreachable {subnet} metric {metric}; sudo ip route add {subnet} via {via} dev {interface}"
    )]
    NotPermitted {
        /// Where the route leads.
        subnet: Ipv4Net,
        /// The nest.
        via: Ipv4Addr,
        /// The bridge.
        interface: String,
        /// Metric of the fallback.
        metric: u32,
    },
    /// Somebody else's route leads there.
    #[error(
        "a route to `{subnet}` is there and was not made by dbmatrix ({found}); remove it, or `dbmatrix down` and another run choose another subnet"
    )]
    Foreign {
        /// The subnet.
        subnet: Ipv4Net,
        /// Where it leads now.
        found: String,
    },
    /// No network interface of that name.
    #[error(
        "network interface `{name}` is not there; `dbmatrix down --all` and another run make it anew"
    )]
    NoInterface {
        /// Its name.
        name: String,
    },
    /// All candidates collide with a route of this machine.
    #[error("no free /24 subnet is left in 10.0.0.0/8; the machine's routes take them all")]
    NoSubnet,
}
