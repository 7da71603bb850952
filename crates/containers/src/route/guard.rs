//! Ensures that nothing is sent to a child unless the route leads through its nest.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ipnet::Ipv4Net;
use thiserror::Error;

use super::entry::PROTOCOL;
use super::{RouteError, Routes, port};

/// The path that packets to a nest's children must take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Subnet of the children.
    pub subnet: Ipv4Net,
    /// Address of the nest.
    pub via: Ipv4Addr,
    /// The host's bridge.
    pub interface: String,
}

/// Why nothing was sent.
#[derive(Debug, Error)]
pub enum GuardError {
    /// The kernel has another route, or none.
    #[error(
        "refused to connect to {address}: expected the way via {via} dev {interface}, the kernel would go {found}; `dbmatrix up` sets the route anew, or run: {command}"
    )]
    OtherWay {
        /// The destination.
        address: Ipv4Addr,
        /// The nest.
        via: Ipv4Addr,
        /// The bridge.
        interface: String,
        /// The kernel's route.
        found: String,
        /// Sets the route manually.
        command: String,
    },
    /// Another program listens in place of the engine's proxy.
    #[error(
        "refused to connect to {address}: expected the engine's proxy to listen there, found {found}; nothing was sent; the same command again takes another port"
    )]
    OtherListener {
        /// The destination.
        address: SocketAddr,
        /// The listener.
        found: String,
    },
    /// The kernel could not be queried.
    #[error(transparent)]
    Route(#[from] RouteError),
}

/// The condition for sending data to a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalPath {
    /// The route leads through the nest.
    Route(Guard),
    /// The engine's proxy listens on the port.
    Proxy,
}

impl LocalPath {
    /// Checks that no data goes to another server.
    ///
    /// # Errors
    /// [`GuardError`], which names the actual receiver.
    pub fn check(&self, address: SocketAddr) -> BoxFuture<'_, Result<(), GuardError>> {
        async move {
            match (self, address) {
                (LocalPath::Route(guard), SocketAddr::V4(address)) => {
                    guard.check(*address.ip()).await.map(drop)
                }
                (LocalPath::Route(_), SocketAddr::V6(_)) => Ok(()),
                (LocalPath::Proxy, address) => port::check(address),
            }
        }
        .boxed()
    }
}

impl Guard {
    /// Asks the kernel for the route to `address` and returns the source address that it
    /// would use.
    ///
    /// # Errors
    /// [`GuardError::OtherWay`] unless the route leads through the nest.
    pub async fn check(&self, address: Ipv4Addr) -> Result<Ipv4Addr, GuardError> {
        let way = Routes::open()?.lookup(address).await?;
        let Some(way) = way else {
            return Err(self.other_way(address, "nowhere".to_owned()));
        };
        let leads_there = way.gateway == Some(self.via) && way.interface == self.interface;
        match way.source {
            Some(source) if leads_there => Ok(source),
            _ => Err(self.other_way(address, way.to_string())),
        }
    }

    fn other_way(&self, address: Ipv4Addr, found: String) -> GuardError {
        GuardError::OtherWay {
            address,
            via: self.via,
            interface: self.interface.clone(),
            found,
            command: format!(
                "sudo ip route replace {} via {} dev {} proto {PROTOCOL}",
                self.subnet, self.via, self.interface
            ),
        }
    }
}
