//! The nest as a container of the host's engine.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dbmatrix_engine::{
    Config, Devices, Engine, EngineError, Exec, FileMode, Instance, NewInstance, Power, config,
};
use dbmatrix_sql::session::Secret;
use ipnet::Ipv4Net;
use rand::distr::{Alphanumeric, SampleString};
use tokio::time::{Instant, sleep};

use super::access::{self, Access, Proxies};
use super::address::{
    UNMANAGED, UNMANAGED_TEXT, first_steps, fixed_address, free_address, gateway,
};
use super::forward::Forwards;
use super::limits::NestLimits;
use super::server_socket::{self, server_sockets};
use super::socket::{
    SOCKET_DEVICE, inner_engine, remove_stale_socket, socket_device, socket_of, socket_path,
};
use super::{NestError, inner, key, schema};
use crate::host::{EngineProject, make_run_folder, taken_subnets};
use crate::image::{Builder, ImageOrigin, ImageStore};
use crate::route::{Guard, Routes, pick_subnet};

/// Settings that the engine passes unchanged to the container runtime.
pub(super) const RUNTIME: &str = "raw.lxc";
const ENGINE_LIMIT: Duration = Duration::from_secs(90);

/// The settings of a nest.
#[derive(Debug, Clone)]
pub struct NestSettings {
    /// Its name.
    pub name: String,
    /// How much of the machine it may use.
    pub limits: NestLimits,
    /// Whether root in the nest is root on the host.
    pub privileged: bool,
    /// How its children are reached.
    pub access: Access,
    /// Its image; another one makes another nest.
    pub image: ImageOrigin,
    /// The same, possibly with the inner engine in it.
    pub made_of: ImageOrigin,
}

/// A nest that is up, with its inner engine.
#[derive(Debug, Clone)]
pub struct Nest {
    /// Its name.
    pub name: String,
    /// Its inner engine.
    pub engine: Engine,
    /// The host's engine, in the nest's project.
    pub host: Engine,
    /// How its children are reached.
    pub access: Access,
    /// The proxies to its children.
    pub proxies: Proxies,
    /// The ports of this process that lead to its children.
    pub forwards: Forwards,
    /// Its address on the host's bridge.
    pub address: Ipv4Addr,
    /// The subnet of its children.
    pub subnet: Ipv4Net,
    /// The routed user's password.
    pub password: Secret,
    /// The host's bridge.
    pub bridge: String,
}

impl Nest {
    /// Ensures the nest: container, inner engine, bridge and pool. An incomplete one is
    /// replaced. Calls `progress` for each step.
    pub async fn ensure(
        ground: &EngineProject,
        settings: &NestSettings,
        builder: &Builder,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, NestError> {
        let engine = &ground.engine;
        if !engine.is_remote() {
            make_run_folder().map_err(|source| NestError::File {
                step: "make the run folder",
                source,
            })?;
        }
        let mut found = engine.instance(&settings.name).await?;
        if let Some(found) = &found {
            check_owner(found)?;
        }
        if found.as_ref().is_some_and(|nest| !is_ready(nest)) {
            progress("removing an incomplete nest");
            engine.destroy_instance(&settings.name).await?;
            found = None;
        }
        let Some(instance) = &found else {
            return Self::make(ground, settings, builder, progress).await;
        };
        let nest = Self::repair(ground, settings, instance).await?;
        nest.remove_other_access(instance).await?;
        Ok(nest)
    }

    /// Finds a complete nest by name from its notes; does not start it.
    ///
    /// # Errors
    /// As of the host's engine.
    pub async fn find(host: &Engine, name: &str, bridge: &str) -> Result<Option<Self>, NestError> {
        let found = host.instance(name).await?;
        let whole = found.filter(is_ready);
        whole
            .map(|instance| Self::read(host, &instance, bridge))
            .transpose()
    }

    /// The note about repositories that its children cannot reach.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn unreached(&self) -> Result<String, EngineError> {
        let found = self.host.instance(&self.name).await?;
        let noted = found.and_then(|found| found.config.get(key::UNREACHED).cloned());
        Ok(noted.unwrap_or_default())
    }

    /// Notes the repositories that its children cannot reach.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn note_unreached(&self, noted: &str) -> Result<(), EngineError> {
        // An engine refuses a second change of a container while the first one ends.
        static NOTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _noting = NOTING.lock().await;
        let noted = config([(key::UNREACHED, noted)]);
        self.host.configure_instance(&self.name, &noted).await
    }

    /// Opens a complete nest, started if necessary.
    pub(super) async fn wake(
        host: &Engine,
        instance: &Instance,
        bridge: &str,
    ) -> Result<Self, NestError> {
        let mut nest = Self::read(host, instance, bridge)?;
        nest.move_socket(instance).await?;
        if instance.status == "Stopped" && !host.is_remote() {
            remove_stale_socket(nest.engine.socket());
            server_socket::remove_all(host, instance).await?;
            let left = access::remove_taken(host, instance).await?;
            nest.proxies = left;
        }
        host.ensure_running(instance).await?;
        nest.check_socket()?;
        if instance.is_running() && !nest.engine.readiness().await? {
            nest.attach_socket().await?;
        }
        wait_for_engine(&nest).await?;
        Ok(nest)
    }

    /// The path that packets to the children must take.
    pub fn guard(&self) -> Guard {
        Guard {
            subnet: self.subnet,
            via: self.address,
            interface: self.bridge.clone(),
        }
    }

    /// Address of the inner bridge: the first of the children's subnet.
    pub fn gateway(&self) -> Ipv4Addr {
        gateway(self.subnet)
    }

    async fn make(
        ground: &EngineProject,
        settings: &NestSettings,
        builder: &Builder,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self, NestError> {
        let engine = &ground.engine;
        progress("base image");
        let store = ImageStore::new(engine.clone(), builder.clone());
        let image = store.provide(&settings.made_of).await?;
        progress("container");
        let config = new_config(ground, settings).await?;
        let name = settings.name.clone();
        let socket = socket_path(&ground.names.project, &name);
        let new = NewInstance {
            name: name.clone(),
            image,
            devices: devices(ground, &config, &socket),
            config,
        };
        engine.create_instance(&new).await?;
        let made = engine.instance(&name).await?;
        let made = made.ok_or_else(|| record_error(&name, key::STAGE, "nothing"))?;
        let nest = Self::read(engine, &made, &ground.names.bridge)?;
        if !engine.is_remote() {
            remove_stale_socket(nest.engine.socket());
        }
        first_start(engine, &name, ground.subnet).await?;
        progress("inner engine");
        inner::install(engine, &name).await?;
        wait_for_engine(&nest).await?;
        inner::prepare(&nest, ground.copy_on_write).await?;
        engine
            .configure_instance(&name, &config_stage_ready())
            .await?;
        Ok(nest)
    }

    async fn repair(
        ground: &EngineProject,
        settings: &NestSettings,
        instance: &Instance,
    ) -> Result<Self, NestError> {
        let engine = &ground.engine;
        let noted = schema::brought_up(instance, settings, ground.copy_on_write)?;
        let changeable = changeable(settings);
        let is_set = |(key, value): (&String, &String)| {
            let there = instance.config.get(key);
            there.map_or("", String::as_str) == value
        };
        // A nest that starts has its limits from the first moment.
        if !changeable.iter().all(is_set) {
            engine
                .configure_instance(&instance.name, &changeable)
                .await?;
        }
        let mut nest = Self::wake(engine, instance, &ground.names.bridge).await?;
        nest.access = settings.access;
        if let Some(noted) = noted {
            inner::ensure_restarts(engine, &nest.name).await?;
            engine.configure_instance(&nest.name, &noted).await?;
        }
        Ok(nest)
    }

    pub(super) fn read(
        host: &Engine,
        instance: &Instance,
        bridge: &str,
    ) -> Result<Self, NestError> {
        Ok(Nest {
            name: instance.name.clone(),
            engine: inner_engine(host, instance),
            host: host.clone(),
            access: Access::of(instance),
            proxies: Proxies::read(instance),
            forwards: Forwards::default(),
            address: read_key(instance, key::ADDRESS)?,
            subnet: read_key(instance, key::SUBNET)?,
            password: Secret::new(&read_key::<String>(instance, key::PASSWORD)?),
            // An earlier version used another bridge for projects with long names.
            bridge: bridge_of(instance).unwrap_or_else(|| bridge.to_owned()),
        })
    }
}

/// The bridge of a nest.
fn bridge_of(nest: &Instance) -> Option<String> {
    nest.devices.get("eth0")?.get("network").cloned()
}

/// The nests of a project, with their settings and states.
pub async fn existing_nests(engine: &Engine) -> Result<Vec<Instance>, EngineError> {
    let mut all = engine.instances().await?;
    all.retain(|instance| instance.config.contains_key(key::OWNER));
    Ok(all)
}

/// The subnet of a nest's children, from its notes.
pub fn subnet_of(nest: &Instance) -> Option<Ipv4Net> {
    read_key(nest, key::SUBNET).ok()
}

/// Removes a nest, its children, and the host's route to them.
pub async fn destroy_nest(engine: &Engine, instance: &Instance) -> Result<(), NestError> {
    if engine.is_remote() {
        return Ok(engine.destroy_instance(&instance.name).await?);
    }
    if let Some(subnet) = subnet_of(instance) {
        Routes::open()?.remove(subnet).await?;
    }
    engine.destroy_instance(&instance.name).await?;
    let own = socket_of(instance).map(PathBuf::from);
    for socket in own.into_iter().chain(server_sockets(instance)) {
        remove_stale_socket(&socket);
    }
    Ok(())
}

/// Removes an incomplete nest, or the incomplete children of a complete one.
///
/// # Errors
/// As of the engines; the nest may be absent.
pub async fn remove_incomplete(engine: &Engine, name: &str, bridge: &str) -> Result<(), NestError> {
    let Some(instance) = engine.instance(name).await? else {
        return Ok(());
    };
    check_owner(&instance)?;
    if !is_ready(&instance) {
        return destroy_nest(engine, &instance).await;
    }
    if !instance.is_running() {
        return Ok(());
    }
    let nest = Nest::read(engine, &instance, bridge)?;
    for child in nest.engine.instances().await? {
        if child.config.contains_key(key::OWNER) && !is_ready(&child) {
            nest.engine.destroy_instance(&child.name).await?;
        }
    }
    Ok(())
}

pub(super) fn is_ready(instance: &Instance) -> bool {
    instance
        .config
        .get(key::STAGE)
        .is_some_and(|stage| stage == "ready")
}

/// Fails for a container that dbmatrix did not make.
fn check_owner(instance: &Instance) -> Result<(), NestError> {
    match instance.config.contains_key(key::OWNER) {
        true => Ok(()),
        false => Err(NestError::Foreign {
            name: instance.name.clone(),
        }),
    }
}

pub(super) fn config_stage_ready() -> Config {
    config([(key::STAGE, "ready")])
}

pub(super) fn read_key<T: std::str::FromStr>(
    instance: &Instance,
    key: &'static str,
) -> Result<T, NestError> {
    let found = instance.config.get(key).cloned().unwrap_or_default();
    found
        .parse()
        .map_err(|_| record_error(&instance.name, key, &found))
}

fn record_error(name: &str, key: &'static str, found: &str) -> NestError {
    NestError::Record {
        name: name.to_owned(),
        key,
        found: found.to_owned(),
    }
}

/// The settings that can change in an existing nest.
fn changeable(settings: &NestSettings) -> Config {
    let mut changeable = settings.limits.config();
    changeable.extend(config([(key::ACCESS, settings.access.as_str())]));
    changeable
}

async fn new_config(ground: &EngineProject, settings: &NestSettings) -> Result<Config, NestError> {
    let others = existing_nests(&ground.engine).await?;
    let taken: Vec<Ipv4Addr> = others
        .iter()
        .filter_map(|nest| read_key(nest, key::ADDRESS).ok())
        .collect();
    let address = free_address(ground.subnet, &taken)?;
    let mut nets = taken_subnets::<NestError>(&ground.engine).await?;
    nets.extend(others.iter().filter_map(subnet_of));
    let seed = format!("{}/{}", ground.names.project, settings.name);
    let subnet = pick_subnet(&nets, &seed)?;
    let password = Alphanumeric.sample_string(&mut rand::rng(), 32);
    let key = schema::settings_key(settings, ground.copy_on_write);
    let mut noted = schema::noted();
    noted.extend(changeable(settings));
    noted.retain(|_, value| !value.is_empty());
    noted.extend(config([
        ("security.nesting", "true"),
        (
            "security.privileged",
            if settings.privileged { "true" } else { "false" },
        ),
        ("boot.autostart", "false"),
        (RUNTIME, &fixed_address(address, ground.subnet)),
        (key::OWNER, "dbmatrix"),
        (key::STAGE, "making"),
        (key::KEY, &key),
        (key::ADDRESS, &address.to_string()),
        (key::SUBNET, &subnet.to_string()),
        (key::PASSWORD, &password),
    ]));
    Ok(noted)
}

/// The nest's own `eth0` with its fixed address, and its engine's socket on the host, for
/// its creator and for the group that may use the host's engine.
fn devices(ground: &EngineProject, settings: &Config, socket: &Path) -> Devices {
    let address = settings.get(key::ADDRESS).cloned().unwrap_or_default();
    let eth0 = config([
        ("type", "nic"),
        ("name", "eth0"),
        ("network", &ground.names.bridge),
        ("ipv4.address", &address),
    ]);
    let mut devices = Devices::from([("eth0".to_owned(), eth0)]);
    if !ground.engine.is_remote() {
        let proxy = socket_device(&ground.engine, socket);
        devices.insert(SOCKET_DEVICE.to_owned(), proxy);
    }
    devices
}

/// Starts a container for the first time, with its fixed address. Keeps the image's own
/// network services away from `eth0`.
pub(super) async fn first_start(
    engine: &Engine,
    name: &str,
    subnet: Ipv4Net,
) -> Result<(), NestError> {
    if let Some((folder, _)) = UNMANAGED.rsplit_once('/') {
        engine.push_folder(name, folder).await?;
    }
    engine
        .push(name, UNMANAGED, FileMode::Public, UNMANAGED_TEXT)
        .await?;
    engine.power(name, Power::Start).await?;
    let steps = first_steps(subnet);
    // A command that runs when the container's init has hardly started may end without
    // any message.
    for _ in 0..2 {
        let output = engine.exec(name, &steps).await?;
        if output.success() {
            return Ok(());
        }
        tracing::info!(
            name,
            status = output.status,
            "the first boot is looked at again"
        );
        sleep(Duration::from_millis(300)).await;
    }
    succeed(engine, name, "finish the first boot", &steps).await
}

/// Runs a step in a container; an exit status other than 0 is an error.
pub(super) async fn succeed(
    engine: &Engine,
    name: &str,
    step: &'static str,
    exec: &Exec,
) -> Result<(), NestError> {
    let output = engine.exec(name, exec).await?;
    if output.success() {
        return Ok(());
    }
    Err(NestError::Step {
        step,
        name: name.to_owned(),
        output: output.tail(15),
    })
}

/// Waits for an engine that is about to listen or reports that it is starting. An engine
/// that accepts connections but never answers is subject to the time limit of any
/// request.
async fn wait_for_engine(nest: &Nest) -> Result<(), NestError> {
    let deadline = Instant::now() + ENGINE_LIMIT;
    while !nest.engine.readiness().await? {
        if Instant::now() > deadline {
            return Err(NestError::InnerEngine {
                name: nest.name.clone(),
                seconds: ENGINE_LIMIT.as_secs(),
            });
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
