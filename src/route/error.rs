//! What can go wrong with the machine's routes.

use ipnet::Ipv4Net;
use thiserror::Error;

use crate::privilege::PrivilegeError;

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
    /// Root's helper did not do it.
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
    /// Only root, or who has the capability `CAP_NET_ADMIN`, sets routes.
    #[error("routes to `{subnet}` need root; run: {}", by_hand(.commands))]
    NotPermitted {
        /// Where the route leads.
        subnet: Ipv4Net,
        /// What would have been done, in its order, to be run by a shell.
        commands: Vec<String>,
    },
    /// Somebody else's route leads there.
    #[error(
        "the route `{found}` was not made by dbmatrix and takes the subnet of a nest; remove the route, or remove the nest by `dbmatrix down` and the next run picks another subnet"
    )]
    Foreign {
        /// The subnet.
        subnet: Ipv4Net,
        /// The route, as `ip route` writes it.
        found: String,
    },
    /// Routes change faster than they can be set.
    #[error(
        "the routes to `{subnet}` keep changing; find out what else sets them (`ip monitor route`) and try again"
    )]
    Unsettled {
        /// The subnet.
        subnet: Ipv4Net,
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
    #[error(
        "expected a free private /24 subnet, found all of 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 taken by the machine's routes; `ip route show table all` lists them"
    )]
    NoSubnet,
}

/// As a shell runs it.
fn by_hand(commands: &[String]) -> String {
    let all: Vec<String> = commands
        .iter()
        .map(|command| format!("sudo {command}"))
        .collect();
    all.join(" && ")
}
