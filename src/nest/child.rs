//! Child containers: one a flavour.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::address::free_address;
use super::outer::{config_stage_ready, fix_address, is_ready, read_key, wait_for_address};
use super::{Nest, NestError, inner, key};
use crate::engine::{Config, Devices, Engine, ImageSource, Instance, NewInstance, Power, config};
use crate::image::{ImageOrigin, ImageStore};

/// What a child is to be.
#[derive(Debug, Clone)]
pub struct ChildSpec {
    /// Its name, that of a container.
    pub name: String,
    /// The flavour's name, for listings.
    pub flavour: String,
    /// Hash of all that goes in; a child with another one is made anew.
    pub key: String,
    /// Its server, for listings, such as `mysql:9.7`.
    pub server: String,
    /// Its image.
    pub image: ImageOrigin,
    /// The very packages that it must have, where that matters: a child with
    /// others is made anew.
    pub packages: Option<String>,
}

/// Whether a child has its server already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Fresh from its image.
    New,
    /// Installed and configured by an earlier run.
    Ready,
}

/// A child container that runs and has its address.
#[derive(Debug, Clone)]
pub struct Child {
    /// Its name.
    pub name: String,
    /// The engine that it lives in.
    pub engine: Engine,
    /// Its fixed address.
    pub address: Ipv4Addr,
    /// Whether it has its server already.
    pub stage: Stage,
    /// The packages that make its server, as they were noted when it was ready.
    pub packages: String,
}

/// The children of one nest. Addresses are given out one at a time.
#[derive(Debug, Clone)]
pub struct Children {
    nest: Nest,
    images: ImageStore,
    given: Arc<Mutex<Vec<Ipv4Addr>>>,
}

impl Children {
    /// The children of `nest`, whose images come from `images`.
    pub fn new(nest: Nest, images: ImageStore) -> Self {
        Children {
            nest,
            images,
            given: Arc::default(),
        }
    }

    /// Makes sure that the child runs and has its address. One that was half
    /// made, or of something else, is made anew.
    pub async fn ensure(&self, spec: &ChildSpec) -> Result<Child, NestError> {
        let engine = &self.nest.engine;
        let mut found = engine.instance(&spec.name).await?;
        let fits = |child: &Instance| {
            is_ready(child)
                && child.config.get(key::KEY) == Some(&spec.key)
                && (spec.packages.is_none()
                    || child.config.get(key::PACKAGES) == spec.packages.as_ref())
        };
        if found.as_ref().is_some_and(|child| !fits(child)) {
            engine.destroy_instance(&spec.name).await?;
            found = None;
        }
        let child = match found {
            Some(instance) => {
                engine.ensure_running(&instance).await?;
                self.read(&instance)?
            }
            None => self.make(spec).await?,
        };
        wait_for_address(engine, &child.name, child.address).await?;
        Ok(child)
    }

    /// The children that are there, ready or not.
    pub async fn all(&self) -> Result<Vec<Instance>, NestError> {
        let mut all = self.nest.engine.instances().await?;
        all.retain(|instance| instance.config.contains_key(key::OWNER));
        Ok(all)
    }

    /// Removes a child that was not fully made; one that was stays.
    pub async fn remove_half_made(&self, name: &str) -> Result<(), NestError> {
        match self.nest.engine.instance(name).await? {
            Some(child) if !is_ready(&child) => Ok(self.nest.engine.destroy_instance(name).await?),
            _ => Ok(()),
        }
    }

    /// Notes that the child has its server, what that says of itself, and the
    /// packages that make it.
    pub async fn mark_ready(
        &self,
        child: &Child,
        version: &str,
        packages: &str,
    ) -> Result<(), NestError> {
        let mut noted = config_stage_ready();
        noted.insert(key::VERSION.to_owned(), version.to_owned());
        noted.insert(key::PACKAGES.to_owned(), packages.to_owned());
        self.nest
            .engine
            .configure_instance(&child.name, &noted)
            .await?;
        Ok(())
    }

    /// Copies a child, which may run; the copy is not started, and counts as
    /// half made as long as it is there. One of that name is replaced.
    pub async fn copy(&self, of: &str, name: &str) -> Result<Child, NestError> {
        if self.nest.engine.instance(name).await?.is_some() {
            self.nest.engine.destroy_instance(name).await?;
        }
        let title = format!("copy of {of}");
        let config = config([(key::KEY, ""), (key::FLAVOUR, ""), (key::SERVER, &title)]);
        self.create(name, ImageSource::Container(of.to_owned()), config)
            .await
    }

    /// Starts a copy and waits for its address.
    pub async fn start(&self, child: &Child) -> Result<(), NestError> {
        child.engine.power(&child.name, Power::Start).await?;
        wait_for_address(&child.engine, &child.name, child.address).await
    }

    async fn make(&self, spec: &ChildSpec) -> Result<Child, NestError> {
        let image = self.images.provide(&spec.image).await?;
        let config = config([
            (key::KEY, &spec.key),
            (key::FLAVOUR, &spec.flavour),
            (key::SERVER, &spec.server),
        ]);
        let child = self.create(&spec.name, image, config).await?;
        child.engine.power(&child.name, Power::Start).await?;
        Ok(child)
    }

    /// Makes a container with an address of its own.
    async fn create(
        &self,
        name: &str,
        image: ImageSource,
        mut noted: Config,
    ) -> Result<Child, NestError> {
        let engine = &self.nest.engine;
        let address = self.give_address().await?;
        noted.extend(config([
            (key::OWNER, "dbmatrix"),
            (key::STAGE, "making"),
            (key::ADDRESS, &address.to_string()),
        ]));
        let new = NewInstance {
            name: name.to_owned(),
            image,
            config: noted,
            devices: Devices::from([("eth0".to_owned(), inner::child_nic(address))]),
        };
        engine.create_instance(&new).await?;
        fix_address(engine, name, address, self.nest.subnet).await?;
        Ok(Child {
            name: name.to_owned(),
            engine: engine.clone(),
            address,
            stage: Stage::New,
            packages: String::new(),
        })
    }

    /// An address that no child has and that no other task was given.
    async fn give_address(&self) -> Result<Ipv4Addr, NestError> {
        let mut given = self.given.lock().await;
        let others = self.all().await?;
        let mut taken: Vec<Ipv4Addr> = others
            .iter()
            .filter_map(|child| read_key(child, key::ADDRESS).ok())
            .collect();
        taken.extend(given.iter());
        let address = free_address(self.nest.subnet, &taken)?;
        given.push(address);
        Ok(address)
    }

    fn read(&self, instance: &Instance) -> Result<Child, NestError> {
        Ok(Child {
            name: instance.name.clone(),
            engine: self.nest.engine.clone(),
            address: read_key(instance, key::ADDRESS)?,
            stage: if is_ready(instance) {
                Stage::Ready
            } else {
                Stage::New
            },
            packages: instance
                .config
                .get(key::PACKAGES)
                .cloned()
                .unwrap_or_default(),
        })
    }
}
