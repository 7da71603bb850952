//! Checks the machine: what dbmatrix needs, what it has made, and what is left over.
//!
//! One file per family of checks; each check is a function that returns one [`Finding`].
//! Checks change nothing: they install, start and wake nothing, and contact only package
//! mirrors and vendors' repositories. A safe fix comes with the finding as a [`Fix`], for
//! callers that want to apply it. Prints nothing.

mod disk;
mod engine;
mod finding;
mod firewall;
mod fix;
mod inotify;
mod leftover;
mod nesting;
mod network;
mod repository;
mod ruleset;
mod snapshot;
mod subordinate;
mod way;

pub use finding::{Finding, State};
pub(crate) use firewall::{read_iptables, read_nft};
pub use fix::{Fix, FixError};
pub(crate) use ruleset::{Packet, Ruleset};

use dbmatrix_containers::host::{EngineChoice, Names};
use snapshot::HostSnapshot;

/// The extent of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Only this machine.
    Machine,
    /// Also mirrors and vendors' repositories.
    Mirrors,
}

/// Runs all checks concurrently. A mirror that does not answer takes some 6 s; an engine
/// that does not answer takes as long as for any request.
pub async fn look(choice: &EngineChoice, names: &Names, reach: Reach) -> Vec<Finding> {
    let repositories = async {
        match reach {
            Reach::Machine => Vec::new(),
            Reach::Mirrors => repository::look().await,
        }
    };
    let rest = async {
        let host = HostSnapshot::see(choice, names).await;
        let (engine, disk, network, way, leftover) = tokio::join!(
            async { engine::look(&host) },
            disk::look(&host),
            network::look(&host),
            way::look(&host),
            leftover::look(&host),
        );
        (engine, nesting::look(&host), disk, network, way, leftover)
    };
    let (repositories, rest) = tokio::join!(repositories, rest);
    let (engine, nesting, disk, network, way, leftover) = rest;
    let families = [engine, nesting, disk, network, way, repositories, leftover];
    families.into_iter().flatten().collect()
}
