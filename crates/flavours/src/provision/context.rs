//! The nest in which servers are made.

use std::net::Ipv4Addr;
use std::sync::Arc;

use dbmatrix_containers::nest::{Children, Nest};
use dbmatrix_sql::session::Secret;
use tokio::sync::Semaphore;

use crate::server::{LoginSpec, RoutedUser};

/// A nest that is up, with all resources of its flavours.
#[derive(Debug, Clone)]
pub struct NestContext {
    /// The nest.
    pub nest: Nest,
    /// Its children.
    pub children: Children,
    /// The address from which servers see their user connect.
    pub source: Ipv4Addr,
    /// Whether every flavour is required.
    pub strict: bool,
    /// Permits to install a server: one per processor.
    pub installing: Arc<Semaphore>,
}

impl NestContext {
    /// The routed user of a flavour's server.
    pub fn user_of(&self, flavour: &str, fixed: &LoginSpec) -> RoutedUser {
        RoutedUser::new(self.source, fixed, self.nest.password_of(flavour))
    }

    /// The password by which a flavour's replicas log in to their source.
    pub fn replication_password(&self, flavour: &str) -> Secret {
        replication_password(&self.nest, flavour)
    }

    /// The UUID by which a flavour's servers know their group.
    pub fn group_name(&self, flavour: &str) -> String {
        let hex = self.nest.password_of(&format!("group {flavour}"));
        let hex = hex.reveal();
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &hex[range]);
        parts.join("-")
    }
}

/// The same of a nest that was found.
pub fn replication_password(nest: &Nest, flavour: &str) -> Secret {
    // Flavour names contain no blanks.
    nest.password_of(&format!("replication {flavour}"))
}
