//! Routes on systems whose kernel dbmatrix does not support.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::RouteError;
use super::answer::{ForeignNetwork, RouteLookup};

/// The same as on Linux, where it marks dbmatrix's routes.
pub(super) const PROTOCOL: u8 = 219;

/// No connection to the kernel's routing.
#[derive(Debug, Clone)]
pub struct Routes;

fn unsupported<T>() -> Result<T, RouteError> {
    Err(RouteError::Netlink {
        what: "look at the routes".to_owned(),
        reason: "dbmatrix makes servers on Linux alone".to_owned(),
    })
}

impl Routes {
    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub fn open() -> Result<Self, RouteError> {
        unsupported()
    }

    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub async fn taken(&self) -> Result<Vec<Ipv4Net>, RouteError> {
        unsupported()
    }

    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub async fn own_subnets(&self) -> Result<Vec<Ipv4Net>, RouteError> {
        unsupported()
    }

    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub async fn ensure(&self, _: Ipv4Net, _: Ipv4Addr, _: &str) -> Result<(), RouteError> {
        unsupported()
    }

    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub async fn is_set(&self, _: Ipv4Net, _: Ipv4Addr, _: &str) -> Result<bool, RouteError> {
        unsupported()
    }

    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub async fn others(&self) -> Result<Vec<ForeignNetwork>, RouteError> {
        unsupported()
    }

    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub async fn remove(&self, _: Ipv4Net) -> Result<(), RouteError> {
        unsupported()
    }

    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub async fn lookup(&self, _: Ipv4Addr) -> Result<Option<RouteLookup>, RouteError> {
        unsupported()
    }
}
