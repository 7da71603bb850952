//! Errors with the machine's routes.

use ipnet::Ipv4Net;
use thiserror::Error;

use dbmatrix_engine::privilege::PrivilegeError;

/// Why a route is missing or could not be checked.
#[derive(Debug, Error)]
pub enum RouteError {
    /// The kernel's interface for routes.
    #[error("could not {what}: {reason}")]
    Netlink {
        /// The request.
        what: String,
        /// The kernel's error.
        reason: String,
    },
    /// The root helper failed.
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
    /// Only root, or a user with the capability `CAP_NET_ADMIN`, can set routes.
    #[error("routes to `{subnet}` need root; run: {}", by_hand(.commands))]
    NotPermitted {
        /// The route's destination.
        subnet: Ipv4Net,
        /// The required shell commands, in order.
        commands: Vec<String>,
    },
    /// A route that dbmatrix did not make leads there.
    #[error(
        "the route `{found}` was not made by dbmatrix and takes the subnet of a nest; remove the route, or remove the nest by `dbmatrix down` and the next run picks another subnet"
    )]
    Foreign {
        /// The subnet.
        subnet: Ipv4Net,
        /// The route, as `ip route` writes it.
        found: String,
    },
    /// Other processes keep changing the routes.
    #[error(
        "the routes to `{subnet}` keep changing; find out what else sets them (`ip monitor route`) and try again"
    )]
    Unsettled {
        /// The subnet.
        subnet: Ipv4Net,
    },
    /// There is no network interface of that name.
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

/// Formats the commands for a shell.
fn by_hand(commands: &[String]) -> String {
    let all: Vec<String> = commands
        .iter()
        .map(|command| format!("sudo {command}"))
        .collect();
    all.join(" && ")
}
