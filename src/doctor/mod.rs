//! Looking at the machine: what dbmatrix needs, what it has made, what is left
//! over.
//!
//! A file a family of checks; each check is a function that returns one
//! [`Finding`]. Looking changes nothing: nothing is installed, started or woken,
//! and nothing is sent but to package mirrors and vendors' repositories. What is
//! safe to do about a finding goes along as a [`Fix`], for who asks for it.
//! Prints nothing.

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

use crate::host::{EngineChoice, Names};
use snapshot::HostSnapshot;

/// How far is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This machine.
    Machine,
    /// Mirrors and vendors' repositories besides.
    Mirrors,
}

/// Looks at everything, side by side. A mirror that does not answer takes some 6 s,
/// an engine that does not as long as any request does.
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
