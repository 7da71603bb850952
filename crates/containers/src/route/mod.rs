//! The host's route to a nest's children, and the guard before connections.
//!
//! Speaks rtnetlink (IPv4). Knows subnets, gateways and interfaces; knows
//! neither engine nor server.
//!
//! Packets to a private address without a route leave through the default gateway and may
//! reach another server. dbmatrix therefore first adds an `unreachable` route with a
//! large metric, which stays when the real one vanishes with its bridge. Before each
//! connection the [`Guard`] asks the kernel for the route. If a proxy of the engine leads
//! to a child, it checks which process listens on its port.

mod answer;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod entry;
mod error;
mod guard;
mod port;
#[cfg(target_os = "linux")]
mod reconcile;
mod subnet;
#[cfg(target_os = "linux")]
mod sudo;
#[cfg(target_os = "linux")]
mod table;

pub use answer::{ForeignNetwork, RouteLookup};
#[cfg(not(target_os = "linux"))]
use elsewhere as entry;
#[cfg(not(target_os = "linux"))]
pub use elsewhere::Routes;
pub use error::RouteError;
pub use guard::{Guard, GuardError, LocalPath};
pub use subnet::{overlap, pick_subnet};
#[cfg(target_os = "linux")]
pub use table::Routes;
