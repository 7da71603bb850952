//! The host's route to a nest's children, and the guard before connections.
//!
//! Speaks rtnetlink (IPv4). Knows subnets, gateways and interfaces; knows
//! neither engine nor server.
//!
//! A private address that is not routed leads to a stranger by the default
//! gateway. So an `unreachable` route with a large metric is put in before the
//! real one and stays when that vanishes with its bridge; and before each
//! connection the [`Guard`] asks the kernel for the way. Where a proxy of the engine
//! leads to a child, the kernel is asked who listens on its port.

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
pub use guard::{Guard, GuardError, Reach};
pub use subnet::{overlap, pick_subnet};
#[cfg(target_os = "linux")]
pub use table::Routes;
