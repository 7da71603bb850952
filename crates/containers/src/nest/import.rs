//! Imports a child: it gets an address of this nest, and its server admits this nest's
//! user. No other process may use the nest.
//!
//! Its container has a name that no flavour of a matrix has, so that no run mistakes it
//! for its own. It counts as incomplete until [`Import::finish`].

use std::net::Ipv4Addr;

use dbmatrix_engine::{FileMode, Power, config};
use tokio::io::AsyncRead;

use super::address::{fixed_address, free_address};
use super::certificates::ClientCertificates;
use super::child::Child;
use super::credential::Credentials;
use super::incoming::IncomingContainer;
use super::info::ContainerKind;
use super::outer::{RUNTIME, config_stage_ready, is_ready, read_key};
use super::removal::{Meant, remove};
use super::{Nest, NestError, inner, key};
use crate::name;

/// A child's resolver configuration.
pub(super) const RESOLVER: &str = "/etc/resolv.conf";

/// A child that is being imported.
#[derive(Debug)]
pub struct Import {
    nest: Nest,
    flavour: String,
    arrival: IncomingContainer,
    address: Ipv4Addr,
}

impl Import {
    /// Reserves a name in the nest.
    ///
    /// # Errors
    /// [`NestError::Taken`]; as of the engine.
    pub async fn begin(nest: &Nest, flavour: &str) -> Result<Self, NestError> {
        let there = nest.engine.instances().await?;
        let wanted = ContainerKind::Flavour(flavour.to_owned());
        let container = name::imported(flavour);
        let has_it = there.iter().filter(|child| is_ready(child));
        if has_it
            .into_iter()
            .any(|child| child.name == container || ContainerKind::of_child(child) == wanted)
        {
            return Err(NestError::Taken {
                nest: nest.name.clone(),
                flavour: flavour.to_owned(),
            });
        }
        remove(&nest.engine, &container, Meant::Incomplete).await?;
        let taken: Vec<Ipv4Addr> = there
            .iter()
            .filter_map(|child| read_key(child, key::ADDRESS).ok())
            .collect();
        Ok(Import {
            address: free_address(nest.subnet, &taken)?,
            nest: nest.clone(),
            flavour: flavour.to_owned(),
            arrival: IncomingContainer::new(nest.engine.clone(), container),
        })
    }

    /// Sends a packed child, and waits until it is unpacked.
    ///
    /// # Errors
    /// As of the engine; if `packed` is truncated.
    pub async fn receive(
        &mut self,
        packed: impl AsyncRead + Send + Sync + 'static,
    ) -> Result<(), NestError> {
        Ok(self.arrival.receive(Some(inner::POOL), packed).await?)
    }

    /// Gives it its name, address and name server. Its server must admit `client` from
    /// now on; the caller ensures that.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn fit(&self, client: Ipv4Addr) -> Result<Child, NestError> {
        let IncomingContainer {
            engine, container, ..
        } = &self.arrival;
        let (name, subnet) = (container, self.nest.subnet);
        let password = self.nest.password_of(&self.flavour);
        let mut noted = config([
            (key::OWNER, "dbmatrix"),
            (key::STAGE, "making"),
            (key::IMPORTED, "true"),
            (key::FLAVOUR, &self.flavour),
            (key::ADDRESS, &self.address.to_string()),
            (key::CLIENT, &client.to_string()),
            (key::USER, ""),
            (key::PASSWORD, password.reveal()),
            (key::TRANSFER_ID, ""),
            (RUNTIME, &fixed_address(self.address, subnet)),
        ]);
        // Files of the machine that it comes from.
        noted.extend(ClientCertificates::default().noted());
        engine.configure_instance(name, &noted).await?;
        let nic = inner::child_nic(self.address);
        engine.set_device(name, "eth0", Some(&nic)).await?;
        let resolver = format!("nameserver {}\n", self.nest.gateway());
        engine
            .push(name, RESOLVER, FileMode::Public, &resolver)
            .await?;
        let whole = engine.instance(name).await?;
        let noted = whole.map(|whole| whole.config).unwrap_or_default();
        Ok(Child {
            name: name.clone(),
            engine: engine.clone(),
            address: self.address,
            packages: String::new(),
            credentials: Credentials::of_config(&self.nest, &noted),
            certificates: ClientCertificates::default(),
        })
    }

    /// Starts it; its server starts with it.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn start(&self) -> Result<(), NestError> {
        let IncomingContainer {
            engine, container, ..
        } = &self.arrival;
        Ok(engine.power(container, Power::Start).await?)
    }

    /// Marks it as complete.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn finish(&self) -> Result<(), NestError> {
        let IncomingContainer {
            engine, container, ..
        } = &self.arrival;
        let ready = config_stage_ready();
        Ok(engine.configure_instance(container, &ready).await?)
    }

    /// Removes what exists of it so far.
    ///
    /// # Errors
    /// As of the engine; the nest's next run removes what is left.
    pub async fn abandon(&self) -> Result<(), NestError> {
        self.arrival.abandon().await
    }
}
