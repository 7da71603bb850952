//! What flavours stand on: a running engine, the ground, the nest, the route.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

use crate::event::{Event, Machine, Sender};
use crate::host::{
    EngineChoice, Ground, GroundError, Limits, Names, PackageError, Survey, free_disk, install,
    running_engine, unenforced_limits,
};
use crate::image::{Builder, ImageStore, cache_folder};
use crate::matrix::NestSpec;
use crate::nest::{Children, Nest, NestError, NestSettings};
use crate::route::{GuardError, RouteError, Routes};

use super::lock::{Lock, LockError};

/// A nest that is up, with all that its flavours need.
#[derive(Debug, Clone)]
pub struct Stand {
    /// The nest.
    pub nest: Nest,
    /// Its children.
    pub children: Children,
    /// The source address that the kernel takes towards the children.
    pub source: Ipv4Addr,
    _lock: Arc<Lock>,
}

/// Why nothing stands.
#[derive(Debug, Error)]
pub enum StandError {
    /// System packages.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The engine and what dbmatrix keeps in it.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// The nest.
    #[error(transparent)]
    Nest(#[from] NestError),
    /// The way to the children.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The machine's routes.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// Another run's lock.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// What was chosen on the command line.
#[derive(Debug, Clone)]
pub struct StandOptions {
    /// Which engine.
    pub engine: EngineChoice,
    /// The engine project that holds everything.
    pub project: String,
    /// What the survey found.
    pub survey: Survey,
    /// Packages that the user lets us install.
    pub packages: Vec<String>,
}

impl Stand {
    /// Makes sure of everything up to the route, in order.
    pub async fn ensure(
        options: &StandOptions,
        spec: &NestSpec,
        events: &Sender,
    ) -> Result<Self, StandError> {
        let begun = Instant::now();
        let step = |step: &str| {
            events.send(Event::SetupStarted {
                step: step.to_owned(),
            })
        };
        let names = Names::of(&options.project);
        let lock = Lock::take(&format!("{}-{}", names.project, spec.name), events).await?;
        let ground_lock = Lock::take(&names.project, events).await?;
        if !options.packages.is_empty() {
            step(&format!("installing {}", options.packages.join(", ")));
            install(&options.packages).await?;
        }
        step("engine");
        let engine = running_engine(&options.survey).await?;
        step("project, bridge and pool");
        let ground = Ground::lay(&engine, &names, spec.storage).await?;
        warn_of(spec, &ground, events);
        let builder = Builder::new(cache_folder());
        let settings = NestSettings {
            name: spec.name.clone(),
            cpus: spec.cpus,
            memory: spec.memory,
            privileged: spec.privileged,
            image: spec.image.clone(),
        };
        step(&format!("nest `{}`", spec.name));
        let progress = |part: &str| step(&format!("nest `{}`: {part}", spec.name));
        let nest = Nest::ensure(&ground, &settings, &builder, &progress).await?;
        step("route");
        let routes = Routes::open()?;
        routes
            .ensure(nest.subnet, nest.address, &nest.bridge)
            .await?;
        let source = nest.guard().check(nest.gateway()).await?;
        drop(ground_lock);
        let info = engine.server_info().await.map_err(GroundError::from)?;
        let inner = nest.engine.server_info().await.map_err(GroundError::from)?;
        events.send(Event::SetupFinished {
            machine: Machine {
                engine: info.title(),
                nest_engine: inner.title(),
                nest_image: spec.image.title(),
                kernel: info.kernel(),
            },
            took: begun.elapsed(),
        });
        let images = ImageStore::new(nest.engine.clone(), builder);
        Ok(Stand {
            children: Children::new(nest.clone(), images),
            nest,
            source,
            _lock: Arc::new(lock),
        })
    }
}

/// What the nest, its images and a few servers take.
const ROOM: u64 = 6 << 30;

fn warn_of(spec: &NestSpec, ground: &Ground, events: &Sender) {
    let wanted = Limits {
        cpus: spec.cpus.is_some(),
        memory: spec.memory.is_some(),
    };
    for controller in unenforced_limits(wanted) {
        events.warn(format!(
            "this machine's cgroup2 tree has no `{controller}` controller: the nest's limit is set and not enforced"
        ));
    }
    if let Some(free) = free_disk()
        && free < ROOM
    {
        let free = bytesize::ByteSize(free);
        events.warn(format!(
            "only {free} are free in /var/lib; a matrix of five flavours takes some 5 GiB"
        ));
    }
    if !ground.copy_on_write {
        events.warn("the pool is a plain folder: copies of containers are slow (`storage = \"btrfs\"` is fast)");
    }
}
