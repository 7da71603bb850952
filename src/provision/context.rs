//! The nest in which servers are made.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::nest::{Children, Nest};
use crate::server::RoutedUser;
use crate::session::Secret;

/// A nest that is up, with all that its flavours need.
#[derive(Debug, Clone)]
pub struct NestContext {
    /// The nest.
    pub nest: Nest,
    /// Its children.
    pub children: Children,
    /// The address that servers see their user come from.
    pub source: Ipv4Addr,
    /// Whether every flavour is required.
    pub strict: bool,
    /// Permits to install a server: one a processor.
    pub installing: Arc<Semaphore>,
}

impl NestContext {
    /// Who is reached in a flavour's server.
    pub fn user_of(&self, flavour: &str) -> RoutedUser {
        self.user_with(self.nest.password_of(flavour))
    }

    /// Who is reached, with a password.
    pub fn user_with(&self, password: Secret) -> RoutedUser {
        RoutedUser {
            address: self.source,
            password,
        }
    }
}
