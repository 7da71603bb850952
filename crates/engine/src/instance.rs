//! Containers: create, start, stop, delete, inspect.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::Method;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::transport::{escaped, typed, unexpected};
use super::{Config, Devices, Engine, EngineError, ImageSource};

/// Creation unpacks an image, which takes minutes on a slow disk.
const CREATE: Duration = Duration::from_secs(900);
const CHANGE: Duration = Duration::from_secs(120);
/// How often a change is tried while another client changes the same container.
const ATTEMPTS: u32 = 8;

/// A container as the engine shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its status, such as `Running`, `Stopped`, `Frozen`.
    pub status: String,
    /// When it was created, in RFC 3339.
    #[serde(default)]
    pub created_at: String,
    /// When it was last started, in RFC 3339.
    #[serde(default)]
    pub last_used_at: String,
    /// Its own settings, without those of profiles.
    #[serde(default, deserialize_with = "or_none")]
    pub config: Config,
    /// Its own devices.
    #[serde(default, deserialize_with = "or_none")]
    pub devices: Devices,
}

/// A container that is being created or removed has `null` instead of a map.
fn or_none<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}

impl Instance {
    /// Whether it has processes that are not paused.
    pub fn is_running(&self) -> bool {
        self.status == "Running"
    }

    /// Whether it has no processes.
    pub fn is_stopped(&self) -> bool {
        self.status == "Stopped"
    }

    /// Whether its own config contains a setting that is not empty.
    pub fn is_marked(&self, setting: &str) -> bool {
        self.config
            .get(setting)
            .is_some_and(|value| !value.is_empty())
    }

    /// Whether it has processes and they are paused.
    pub fn is_paused(&self) -> bool {
        self.status == "Frozen"
    }
}

/// The specification of a new container.
#[derive(Debug, Clone)]
pub struct NewInstance {
    /// Its name, at most 63 letters, digits and hyphens.
    pub name: String,
    /// Its image.
    pub image: ImageSource,
    /// Its settings.
    pub config: Config,
    /// Its devices, in addition to those of the default profile.
    pub devices: Devices,
}

/// A change of a container's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Start a stopped one.
    Start,
    /// Ask the init system to shut down; an error if it does not within 30 s.
    Stop,
    /// Kill it at once.
    Kill,
    /// Pause all its processes.
    Pause,
    /// Resume a paused one.
    Resume,
}

impl Power {
    fn verb(self) -> &'static str {
        match self {
            Power::Start => "start",
            Power::Stop | Power::Kill => "stop",
            Power::Pause => "freeze",
            Power::Resume => "unfreeze",
        }
    }
}

impl Engine {
    /// All containers of the client's project.
    pub async fn instances(&self) -> Result<Vec<Instance>, EngineError> {
        self.get("list the containers", "/1.0/instances?recursion=1")
            .await
    }

    /// Whether any other project or any container exists here.
    pub async fn has_projects_or_instances(&self) -> Result<bool, EngineError> {
        let projects: Vec<String> = self.get("list the projects", "/1.0/projects").await?;
        let path = "/1.0/instances?all-projects=true";
        let instances: Vec<String> = self.get("list all containers", path).await?;
        Ok(projects.len() > 1 || !instances.is_empty())
    }

    /// One container, or `None`.
    pub fn instance<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Instance>, EngineError>> {
        async move {
            let what = format!("look at container `{name}`");
            self.find(&what, &format!("/1.0/instances/{}", escaped(name)))
                .await
        }
        .boxed()
    }

    /// Creates a container without starting it.
    pub fn create_instance<'a>(
        &'a self,
        new: &'a NewInstance,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            let what = format!("make container `{}`", new.name);
            let body = json!({
                "name": new.name,
                "type": "container",
                "source": new.image.to_json(),
                "config": new.config,
                "devices": new.devices,
            });
            self.change(&what, Method::POST, "/1.0/instances", Some(body), CREATE)
                .await
                .map(drop)
        }
        .boxed()
    }

    /// Sets some settings of a container and keeps the others.
    pub fn configure_instance<'a>(
        &'a self,
        name: &'a str,
        config: &'a Config,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            let what = format!("set settings of container `{name}`");
            let path = format!("/1.0/instances/{}", escaped(name));
            let body = json!({ "config": config });
            self.change(&what, Method::PATCH, &path, Some(body), CHANGE)
                .await
                .map(drop)
        }
        .boxed()
    }

    /// Sets or removes one of a container's own devices.
    pub async fn set_device(
        &self,
        name: &str,
        device: &str,
        settings: Option<&Config>,
    ) -> Result<(), EngineError> {
        let what = format!("set device `{device}` of container `{name}`");
        self.change_devices(&what, name, |devices| {
            match settings {
                Some(settings) => devices.insert(device.to_owned(), json!(settings)),
                None => devices.remove(device),
            };
        })
        .await
    }

    /// Adds a device to a container, unless it has one of that name; returns the
    /// resulting device.
    pub async fn add_device(
        &self,
        name: &str,
        device: &str,
        settings: &Config,
    ) -> Result<Config, EngineError> {
        let what = format!("add device `{device}` to container `{name}`");
        let mut there = json!(settings);
        self.change_devices(&what, name, |devices| {
            let entry = devices.entry(device.to_owned());
            there = entry.or_insert_with(|| json!(settings)).clone();
        })
        .await?;
        typed(&what, there)
    }

    /// Changes a container's devices, based on their current state; other clients may
    /// change them at the same time.
    async fn change_devices(
        &self,
        what: &str,
        name: &str,
        mut change: impl FnMut(&mut Map<String, Value>),
    ) -> Result<(), EngineError> {
        let path = format!("/1.0/instances/{}", escaped(name));
        for attempt in 1.. {
            let (mut whole, tag): (Value, _) = self.get_tagged(what, &path).await?;
            let devices = whole.get_mut("devices").and_then(Value::as_object_mut);
            let devices =
                devices.ok_or_else(|| unexpected(what, "a container's `devices`", "none"))?;
            change(devices);
            let changed = self.put_tagged(what, &path, whole, tag, CHANGE).await;
            match changed {
                Err(EngineError::Refused { code: 412, .. }) if attempt < ATTEMPTS => {}
                other => return other,
            }
        }
        Ok(())
    }

    /// Starts, stops, pauses or resumes a container.
    pub fn power<'a>(
        &'a self,
        name: &'a str,
        power: Power,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            let what = format!("{} container `{name}`", power.verb());
            let path = format!("/1.0/instances/{}/state", escaped(name));
            let body = json!({
                "action": power.verb(),
                "force": power == Power::Kill,
                "timeout": if power == Power::Stop { 30 } else { -1 },
            });
            self.change(&what, Method::PUT, &path, Some(body), CHANGE)
                .await
                .map(drop)
        }
        .boxed()
    }

    /// Starts or resumes a container if necessary.
    pub async fn ensure_running(&self, instance: &Instance) -> Result<(), EngineError> {
        match instance {
            _ if instance.is_running() => Ok(()),
            _ if instance.is_paused() => self.power(&instance.name, Power::Resume).await,
            _ => self.power(&instance.name, Power::Start).await,
        }
    }

    /// Kills and removes a container, which may be absent. Retries while the container is
    /// being created or changed.
    pub fn destroy_instance<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            let what = format!("remove container `{name}`");
            let path = format!("/1.0/instances/{}", escaped(name));
            let deadline = Instant::now() + CHANGE;
            loop {
                match self.instance(name).await? {
                    None => return Ok(()),
                    Some(instance) if instance.status != "Stopped" => {
                        if let Err(error) = self.power(name, Power::Kill).await {
                            tracing::debug!(%error, "kill before removal");
                        }
                    }
                    Some(_) => {}
                }
                match self
                    .change(&what, Method::DELETE, &path, None, CHANGE)
                    .await
                {
                    Ok(_) => return Ok(()),
                    Err(error) if error.is_not_found() => return Ok(()),
                    Err(error) if Instant::now() > deadline => return Err(error),
                    Err(error) if error.is_of_the_daemon() => return Err(error),
                    Err(error) => tracing::debug!(%error, "removal is tried again"),
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        .boxed()
    }
}
