//! Child containers: made from an image or as a copy, each with its own address.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use dbmatrix_engine::{Config, Devices, Engine, ImageSource, Instance, NewInstance, Power, config};
use dbmatrix_sql::session::Secret;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::address::{fixed_address, free_address};
use super::certificates::ClientCertificates;
use super::credential::{Credentials, UserLogin};
use super::golden::is_golden;
use super::outer::{RUNTIME, config_stage_ready, first_start, is_ready, read_key};
use super::removal::{Meant, remove};
use super::slots::Slots;
use super::{Nest, NestError, apt, inner, key, schema};
use crate::image::{ImageOrigin, ImageStore, KeyedLocks};

/// The specification of a child.
#[derive(Debug, Clone)]
pub struct ChildSpec {
    /// The name of its container.
    pub name: String,
    /// The flavour's name, for listings.
    pub flavour: String,
    /// Hash of all inputs; a child with another key is replaced.
    pub key: String,
    /// Its server, for listings, such as `mysql:9.7`.
    pub server: String,
    /// Its image.
    pub image: ImageOrigin,
    /// The exact packages that it must have, if they matter: a child with others is
    /// replaced.
    pub packages: Option<String>,
    /// The address from which its server accepts logins, if it has a server.
    pub client: Option<Ipv4Addr>,
    /// The login to its server, if it has one.
    pub access: Option<ChildAccess>,
}

/// What distinguishes a child from its golden child: its login, and the files for clients.
#[derive(Debug, Clone)]
pub struct ChildAccess {
    /// The routed user.
    pub login: UserLogin,
    /// The user's own files for clients.
    pub certificates: ClientCertificates,
    /// The file from which the server learns it.
    pub file: ChildFile,
}

/// An existing file of a container that receives new content.
#[derive(Debug, Clone)]
pub struct ChildFile {
    /// Its path.
    pub path: &'static str,
    /// Its complete content, which may include a password.
    pub content: Secret,
}

/// Whether a child was made just now or earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Just made from its image.
    New,
    /// Completed by an earlier run.
    Ready,
}

/// A child container with its address.
#[derive(Debug, Clone)]
pub struct Child {
    /// Its name.
    pub name: String,
    /// The inner engine.
    pub engine: Engine,
    /// Its fixed address.
    pub address: Ipv4Addr,
    /// The packages that make up its server, noted when it was completed.
    pub packages: String,
    /// The login to its server.
    pub credentials: Credentials,
    /// The user's own files for clients of its server.
    pub certificates: ClientCertificates,
}

/// The children of one nest. A container that is recreated under its name keeps its
/// address.
#[derive(Debug, Clone)]
pub struct Children {
    pub(super) nest: Nest,
    images: ImageStore,
    /// Addresses by container, including those of removed ones.
    addresses: Arc<Mutex<HashMap<String, Ipv4Addr>>>,
    /// Flavours that were imported.
    imported: Arc<Mutex<HashSet<String>>>,
    /// Which of a flavour's two containers is active.
    pub(super) slots: Slots,
    /// Golden children that are being made, by key.
    pub(super) making: KeyedLocks,
}

impl Children {
    /// The children of `nest`, whose images come from `images`.
    pub fn new(nest: Nest, images: ImageStore) -> Self {
        Children {
            nest,
            images,
            addresses: Arc::default(),
            imported: Arc::default(),
            slots: Slots::default(),
            making: KeyedLocks::default(),
        }
    }

    /// Ensures a child that is not a copy, and starts it. An incomplete child or one with
    /// another key is replaced.
    pub fn ensure<'a>(
        &'a self,
        spec: &'a ChildSpec,
    ) -> BoxFuture<'a, Result<(Child, Stage), NestError>> {
        async move {
            let engine = &self.nest.engine;
            match engine.instance(&spec.name).await? {
                Some(found) if fits(&found, spec) => {
                    engine.ensure_running(&found).await?;
                    Ok((self.read(&found)?, Stage::Ready))
                }
                Some(_) => {
                    remove(engine, &spec.name, Meant::Tool).await?;
                    Ok((self.make(&spec.name, spec).await?, Stage::New))
                }
                None => Ok((self.make(&spec.name, spec).await?, Stage::New)),
            }
        }
        .boxed()
    }

    /// Removes what killed runs left, and notes what exists. No other process may use the
    /// nest.
    pub async fn sweep(&self) -> Result<(), NestError> {
        let mut addresses = self.addresses.lock().await;
        let mut known = HashMap::new();
        let mut all = self.nest.engine.instances().await?;
        all.retain(|child| child.config.contains_key(key::OWNER));
        let (whole, mut gone): (Vec<Instance>, Vec<Instance>) = all.into_iter().partition(is_ready);
        let over = self.slots.note_all(&whole);
        let (over, left) = whole
            .into_iter()
            .partition(|child| over.contains(&child.name));
        gone.extend::<Vec<Instance>>(over);
        for child in gone {
            self.nest.engine.destroy_instance(&child.name).await?;
        }
        let mut imported = self.imported.lock().await;
        imported.clear();
        let mut reached = Vec::new();
        for child in left {
            if child.is_marked(key::IMPORTED) {
                imported.extend(child.config.get(key::FLAVOUR).cloned());
            }
            if let Ok(address) = read_key(&child, key::ADDRESS) {
                if !is_golden(&child) {
                    reached.push(address);
                }
                known.insert(child.name, address);
            }
        }
        *addresses = known;
        let Nest {
            proxies,
            host,
            name,
            ..
        } = &self.nest;
        proxies.keep(host, name, &reached).await?;
        self.nest.keep_server_sockets(&reached).await?;
        Ok(())
    }

    /// Fails if a flavour of that name was imported: users would confuse the two.
    ///
    /// # Errors
    /// [`NestError::Imported`].
    pub async fn ensure_not_imported(&self, flavour: &str) -> Result<(), NestError> {
        match self.imported.lock().await.contains(flavour) {
            true => Err(NestError::Imported {
                nest: self.nest.name.clone(),
            }),
            false => Ok(()),
        }
    }

    /// The address of a flavour's child, by its first container's name.
    pub async fn address_of_current(&self, first: &str) -> Option<Ipv4Addr> {
        let name = self.current(first);
        self.addresses.lock().await.get(&name).copied()
    }

    /// A flavour's child, by its first container's name.
    ///
    /// # Errors
    /// As of the engine; if there is none.
    pub async fn active(&self, first: &str) -> Result<Child, NestError> {
        let name = self.current(first);
        let found = self.nest.engine.instance(&name).await?;
        let found = found.ok_or_else(|| NestError::Step {
            step: "find the container",
            output: "it is gone; the next run makes it again".to_owned(),
            name,
        })?;
        self.read(&found)
    }

    /// The engine in which they are.
    pub fn engine(&self) -> &Engine {
        &self.nest.engine
    }

    /// Starts a child that was stopped.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn start_again(&self, name: &str) -> Result<(), NestError> {
        match self.nest.engine.instance(name).await? {
            Some(found) if found.is_stopped() => {
                Ok(self.nest.engine.power(name, Power::Start).await?)
            }
            _ => Ok(()),
        }
    }

    /// Whether the flavour's child is there with its data.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn has_current(&self, spec: &ChildSpec) -> Result<bool, NestError> {
        let found = self.nest.engine.instance(&self.current(&spec.name)).await?;
        Ok(found.is_some_and(|found| fits(&found, spec)))
    }

    /// Removes a child that is incomplete; a complete one stays.
    pub async fn remove_incomplete(&self, name: &str) -> Result<(), NestError> {
        match self.nest.engine.instance(name).await? {
            Some(child) if Meant::Incomplete.is(&child) => {
                Ok(self.nest.engine.destroy_instance(name).await?)
            }
            _ => Ok(()),
        }
    }

    /// Notes that a child that is not a copy is fully installed.
    pub async fn finish(&self, child: &Child) -> Result<(), NestError> {
        apt::detach(&self.nest.engine, &child.name).await?;
        self.mark_ready(child).await
    }

    /// Marks a child as complete.
    pub async fn mark_ready(&self, child: &Child) -> Result<(), NestError> {
        let engine = &self.nest.engine;
        engine
            .configure_instance(&child.name, &config_stage_ready())
            .await?;
        Ok(())
    }

    /// Makes a container from its image as `name`, and starts it.
    pub(super) fn make<'a>(
        &'a self,
        name: &'a str,
        spec: &'a ChildSpec,
    ) -> BoxFuture<'a, Result<Child, NestError>> {
        async move {
            let image = self.images.provide(&spec.image).await?;
            let client = spec.client.map(|client| client.to_string());
            // Flavour names contain no blanks.
            let password = self.nest.password_of(&format!("golden {}", spec.key));
            let noted = config([
                (key::STAGE, "making"),
                (key::KEY, &spec.key),
                (key::SERVER, &spec.server),
                (key::CLIENT, &client.unwrap_or_default()),
                (key::PASSWORD, password.reveal()),
            ]);
            let packages = apt::device(&self.nest.engine, &spec.image).await?;
            let devices = Devices::from([packages]);
            let child = self.create(name, image, noted, devices).await?;
            first_start(&child.engine, name, self.nest.subnet).await?;
            Ok(child)
        }
        .boxed()
    }

    /// Makes a container with its own address; does not start it.
    pub(super) fn create<'a>(
        &'a self,
        name: &'a str,
        image: ImageSource,
        noted: Config,
        devices: Devices,
    ) -> BoxFuture<'a, Result<Child, NestError>> {
        async move {
            let address = self.address_of(name).await?;
            create_at(&self.nest, name, address, image, noted, devices).await
        }
        .boxed()
    }

    /// The address that a container has or had, or else a free one.
    async fn address_of(&self, name: &str) -> Result<Ipv4Addr, NestError> {
        let mut known = self.addresses.lock().await;
        if let Some(address) = known.get(name) {
            return Ok(*address);
        }
        let taken: Vec<Ipv4Addr> = known.values().copied().collect();
        let address = free_address(self.nest.subnet, &taken)?;
        known.insert(name.to_owned(), address);
        Ok(address)
    }

    pub(super) fn read(&self, instance: &Instance) -> Result<Child, NestError> {
        Child::read(&self.nest, instance)
    }
}

impl Child {
    pub(super) fn read(nest: &Nest, instance: &Instance) -> Result<Self, NestError> {
        let packages = instance.config.get(key::PACKAGES);
        Ok(Child {
            name: instance.name.clone(),
            engine: nest.engine.clone(),
            address: read_key(instance, key::ADDRESS)?,
            packages: packages.cloned().unwrap_or_default(),
            credentials: Credentials::read(nest, instance),
            certificates: ClientCertificates::of_config(&instance.config),
        })
    }
}

/// Makes a container at a given address; does not start it.
pub(super) async fn create_at(
    nest: &Nest,
    name: &str,
    address: Ipv4Addr,
    image: ImageSource,
    mut noted: Config,
    mut devices: Devices,
) -> Result<Child, NestError> {
    noted.extend(config([
        (key::OWNER, "dbmatrix"),
        (key::ADDRESS, &address.to_string()),
        (RUNTIME, &fixed_address(address, nest.subnet)),
    ]));
    noted.extend(schema::noted());
    // A copy of what a cache held is something else.
    noted.entry(key::CACHE.to_owned()).or_default();
    devices.insert("eth0".to_owned(), inner::child_nic(address));
    let credentials = Credentials::of_config(nest, &noted);
    let certificates = ClientCertificates::of_config(&noted);
    let new = NewInstance {
        name: name.to_owned(),
        image,
        config: noted,
        devices,
    };
    nest.engine.create_instance(&new).await?;
    Ok(Child {
        name: name.to_owned(),
        engine: nest.engine.clone(),
        address,
        packages: String::new(),
        credentials,
        certificates,
    })
}

/// Whether a container is complete and matches `spec`.
pub(super) fn fits(found: &Instance, spec: &ChildSpec) -> bool {
    let has = |key: &str, wanted: &String| found.config.get(key) == Some(wanted);
    let client = spec.client.map(|client| client.to_string());
    is_ready(found)
        && has(key::KEY, &spec.key)
        && (spec.packages.iter()).all(|packages| has(key::PACKAGES, packages))
        && client.iter().all(|client| has(key::CLIENT, client))
}
