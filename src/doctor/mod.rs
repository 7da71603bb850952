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
mod kernel;
mod leftover;
mod nesting;
mod network;
mod remote;
mod repository;
mod route;
mod ruleset;
mod snapshot;
mod subordinate;

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

/// Runs all checks concurrently; of an engine on another machine those that its API allows. A mirror that does not answer takes some 6 s; an engine
/// that does not answer takes as long as for any request.
pub async fn check_machine(choice: &EngineChoice, names: &Names, reach: Reach) -> Vec<Finding> {
    if let Some(remote) = choice.remote() {
        return remote::check_remote(remote, names).await;
    }
    let repositories = async {
        match reach {
            Reach::Machine => Vec::new(),
            Reach::Mirrors => repository::check_repositories().await,
        }
    };
    let rest = async {
        let host = HostSnapshot::collect(choice, names).await;
        let (engine, disk, network, routes, leftover) = tokio::join!(
            async { engine::check_engine(&host) },
            disk::check_disk(&host),
            network::check_network(&host),
            route::check_routes(&host),
            leftover::check_leftovers(&host),
        );
        (
            engine,
            [nesting::check_nesting(&host), kernel::check_kernel(&host)].concat(),
            disk,
            network,
            routes,
            leftover,
        )
    };
    let (repositories, rest) = tokio::join!(repositories, rest);
    let (engine, nesting, disk, network, routes, leftover) = rest;
    let families = [
        engine,
        nesting,
        disk,
        network,
        routes,
        repositories,
        leftover,
    ];
    families.into_iter().flatten().collect()
}
