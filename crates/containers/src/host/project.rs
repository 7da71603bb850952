//! The objects of dbmatrix in the host's engine: a project, a bridge, a pool.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use dbmatrix_engine::privilege::{PrivilegeError, Request, ask_helper, has_helper, is_root};
use dbmatrix_engine::{Config, Devices, Engine, EngineError, config};
use ipnet::Ipv4Net;
use thiserror::Error;

use super::daemon::{self, DaemonError};
use super::find::EngineProbe;
use super::loop_device;
use crate::name;
use crate::route::{RouteError, Routes};

/// Key on everything that dbmatrix made; cleanup relies on it.
pub const OWNER: &str = "user.dbmatrix.owner";
const FORWARDING: &str = "user.dbmatrix.ip-forward";
const FORWARDING_FILE: &str = "/proc/sys/net/ipv4/ip_forward";

/// Names of the objects of dbmatrix in the host's engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The engine project; the pool has the same name.
    pub project: String,
    /// The bridge; Linux allows 15 characters.
    pub bridge: String,
}

impl Names {
    /// The names that belong to one engine project.
    pub fn of(project: &str) -> Self {
        Names {
            project: project.to_owned(),
            bridge: name::bridge(project),
        }
    }
}

/// The storage of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// Copy-on-write, in a sparse file of this many bytes.
    Btrfs {
        /// Size of the file.
        size: u64,
    },
    /// A plain folder, in which copies are slow.
    Folder,
}

/// The engine with everything that nests need.
#[derive(Debug, Clone)]
pub struct EngineProject {
    /// The host's engine, in dbmatrix's project.
    pub engine: Engine,
    /// The names of the objects in it.
    pub names: Names,
    /// The subnet of the bridge.
    pub subnet: Ipv4Net,
    /// The host's own address on the bridge.
    pub address: std::net::Ipv4Addr,
    /// Whether copies of containers are cheap.
    pub copy_on_write: bool,
}

/// Why the engine project could not be created or deleted.
#[derive(Debug, Error)]
pub enum ProjectError {
    /// The engine's daemon.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// A request to the engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The machine's routes.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The root helper failed.
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
    /// An object of that name exists and was not made by dbmatrix.
    #[error(
        "{kind} `{name}` is there and was not made by dbmatrix; rename it, or choose another project with `--project`"
    )]
    Foreign {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The bridge has no IPv4 subnet.
    #[error(
        "bridge `{bridge}` has no IPv4 subnet (found `{found}`); `dbmatrix down --all` removes it, the next run makes it anew"
    )]
    NoSubnet {
        /// The bridge.
        bridge: String,
        /// Its setting.
        found: String,
    },
    /// This user may not use the socket.
    #[error(
        "the engine does not trust this user; run the same command with sudo, or join the engine's group"
    )]
    NotTrusted,
    /// The engine on another machine does not know this client's certificate.
    #[error(
        "the engine at {at} does not trust this client's certificate; on that machine: incus config trust add-certificate FILE (or: lxc config trust add FILE)"
    )]
    NotTrustedThere {
        /// Its address.
        at: String,
    },
}

/// Starts the engine if necessary.
///
/// # Errors
/// [`ProjectError::NotTrusted`] if this user may not use the socket.
pub async fn running_engine(probe: &EngineProbe) -> Result<Engine, ProjectError> {
    let engine = match probe {
        EngineProbe::Running(engine) => engine.clone(),
        EngineProbe::Installed(kind) | EngineProbe::Absent(kind) => daemon::start(*kind).await?,
    };
    let info = engine.server_info().await?;
    match (info.auth.as_str(), engine.is_remote()) {
        ("trusted", _) => Ok(engine),
        (_, false) => Err(ProjectError::NotTrusted),
        (_, true) => Err(ProjectError::NotTrustedThere {
            at: engine.address(),
        }),
    }
}

impl EngineProject {
    /// Ensures the project, the bridge, the pool and the profile.
    pub async fn ensure(
        engine: &Engine,
        names: &Names,
        storage: Storage,
    ) -> Result<Self, ProjectError> {
        let described = "Nests of dbmatrix; `dbmatrix down --all` removes them";
        match engine.project(&names.project).await? {
            Some(found) if !found.contains_key(OWNER) => {
                return Err(foreign("project", &names.project));
            }
            Some(_) => {}
            None => engine.ensure_project(&names.project, described).await?,
        }
        let address = ensure_bridge(engine, &names.bridge).await?;
        let copy_on_write = ensure_pool(engine, &names.project, storage).await?;
        let engine = engine.in_project(&names.project);
        engine.set_default_profile(&default_devices(names)).await?;
        Ok(EngineProject {
            engine,
            names: names.clone(),
            subnet: address.trunc(),
            address: address.addr(),
            copy_on_write,
        })
    }

    /// Removes images, pool, bridge and project. The nests must already be removed.
    pub async fn delete(engine: &Engine, names: &Names) -> Result<(), ProjectError> {
        let Some(found) = engine.project(&names.project).await? else {
            return Ok(());
        };
        if !found.contains_key(OWNER) {
            return Err(foreign("project", &names.project));
        }
        let inside = engine.in_project(&names.project);
        for image in inside.images().await? {
            inside.delete_image(&image.fingerprint).await?;
        }
        inside.set_default_profile(&Devices::new()).await?;
        if let Some(pool) = engine.pool(&names.project).await?
            && pool.config.contains_key(OWNER)
        {
            engine.delete_pool(&pool.name).await?;
        }
        match !is_root() && has_helper() && !engine.is_remote() {
            true => drop(ask_helper(Request::RemoveBridge).await?),
            false => Self::remove_bridge(engine, names).await?,
        }
        engine.delete_project(&names.project).await?;
        Ok(())
    }

    /// Removes the bridge if dbmatrix made it, and disables forwarding again if nothing
    /// else needs it.
    pub async fn remove_bridge(engine: &Engine, names: &Names) -> Result<(), ProjectError> {
        if let Some(bridge) = engine.network(&names.bridge).await?
            && bridge.config.contains_key(OWNER)
        {
            engine.delete_network(&bridge.name).await?;
            if !engine.is_remote() {
                restore_forwarding(&bridge.config);
            }
        }
        if let Some(former) = name::former_bridge(&names.project)
            && let Some(bridge) = engine.network(&former).await?
            && bridge.config.contains_key(OWNER)
            && let Err(error) = engine.delete_network(&bridge.name).await
        {
            // It may contain another project's nests.
            tracing::info!(%error, bridge = former, "a bridge of an earlier version stays");
        }
        Ok(())
    }

    /// Has the page cache hold the file of the project's pool.
    pub async fn cache_pool(engine: &Engine, names: &Names) -> Result<(), ProjectError> {
        if let Some(pool) = engine.pool(&names.project).await?
            && pool.config.contains_key(OWNER)
            && !engine.is_remote()
        {
            loop_device::cache(&pool).await;
        }
        Ok(())
    }

    /// Checks that the project belongs to dbmatrix.
    ///
    /// # Errors
    /// [`ProjectError::Foreign`] if it does not.
    pub async fn check_owner(engine: &Engine, names: &Names) -> Result<(), ProjectError> {
        match engine.project(&names.project).await? {
            Some(found) if found.contains_key(OWNER) => Ok(()),
            Some(_) | None => Err(foreign("project", &names.project)),
        }
    }
}

fn foreign(kind: &'static str, name: &str) -> ProjectError {
    ProjectError::Foreign {
        kind,
        name: name.to_owned(),
    }
}

fn default_devices(names: &Names) -> Devices {
    let root = config([("type", "disk"), ("path", "/"), ("pool", &names.project)]);
    let eth0 = config([
        ("type", "nic"),
        ("name", "eth0"),
        ("network", &names.bridge),
    ]);
    Devices::from([("root".to_owned(), root), ("eth0".to_owned(), eth0)])
}

async fn ensure_bridge(engine: &Engine, name: &str) -> Result<Ipv4Net, ProjectError> {
    let mut bridge = engine.network(name).await?;
    if bridge.is_none() {
        let taken = taken_subnets::<ProjectError>(engine).await?;
        let subnet = crate::route::pick_subnet(&taken, name)?;
        let mut settings = bridge_config(subnet);
        if !engine.is_remote() {
            settings.insert(FORWARDING.to_owned(), forwarding());
        }
        engine.create_bridge(name, &settings).await?;
        bridge = engine.network(name).await?;
    }
    let settings = bridge.map(|bridge| bridge.config).unwrap_or_default();
    if !settings.contains_key(OWNER) {
        return Err(foreign("bridge", name));
    }
    let found = settings.get("ipv4.address").cloned().unwrap_or_default();
    found.parse().map_err(|_| ProjectError::NoSubnet {
        bridge: name.to_owned(),
        found,
    })
}

/// The prefix of a network whose own is unknown.
const WIDTH: u8 = 16;

/// The networks that a new one must not overlap: those of this machine, as the kernel knows
/// them, or of the machine of an engine elsewhere, as far as that engine shows them.
pub(crate) async fn taken_subnets<E>(engine: &Engine) -> Result<Vec<Ipv4Net>, E>
where
    E: From<EngineError> + From<RouteError>,
{
    if !engine.is_remote() {
        return Ok(Routes::open()?.taken().await?);
    }
    let mut taken = Vec::new();
    for network in engine.networks().await? {
        let noted = network.config.get("ipv4.address");
        taken.extend(noted.and_then(|net| net.parse::<Ipv4Net>().ok()));
        for found in engine.network_addresses(&network.name).await? {
            let net = format!("{}/{}", found.address, found.netmask);
            taken.extend(net.parse::<Ipv4Net>().ok());
        }
    }
    // An interface that the engine does not list, as of a container in which it runs. How wide
    // its network is, nobody says.
    let listens = engine.server_info().await?.environment.addresses;
    for address in listens.unwrap_or_default() {
        if let Ok(SocketAddr::V4(address)) = address.parse() {
            taken.push(Ipv4Net::new_assert(*address.ip(), WIDTH));
        }
    }
    Ok(taken.iter().map(Ipv4Net::trunc).collect())
}

/// Settings of a bridge with `subnet`, whose first address it takes, and with access to
/// the mirrors.
pub fn bridge_config(subnet: Ipv4Net) -> Config {
    let gateway = subnet.hosts().next().unwrap_or(subnet.addr());
    let address = format!("{gateway}/{}", subnet.prefix_len());
    config([
        ("ipv4.address", &address),
        ("ipv4.nat", "true"),
        ("ipv6.address", "none"),
        (OWNER, "dbmatrix"),
    ])
}

/// Ensures the pool; returns whether it is copy-on-write.
async fn ensure_pool(engine: &Engine, name: &str, storage: Storage) -> Result<bool, ProjectError> {
    let mut pool = engine.pool(name).await?;
    if pool.is_none() {
        let mut settings = config([(OWNER, "dbmatrix")]);
        let driver = match storage {
            Storage::Btrfs { size } => {
                settings.insert("size".to_owned(), format!("{size}B"));
                "btrfs"
            }
            Storage::Folder => "dir",
        };
        engine.create_pool(name, driver, &settings).await?;
        pool = engine.pool(name).await?;
    }
    match pool {
        Some(pool) if pool.config.contains_key(OWNER) => {
            if !engine.is_remote() {
                loop_device::cache(&pool).await;
            }
            Ok(pool.driver == "btrfs")
        }
        _ => Err(foreign("storage pool", name)),
    }
}

fn forwarding() -> String {
    let text = fs::read_to_string(FORWARDING_FILE).unwrap_or_default();
    text.trim().to_owned()
}

/// Disables forwarding again if it was off before the bridge was made, and no other
/// bridge may need it now.
fn restore_forwarding(bridge: &Config) {
    let was_off = bridge.get(FORWARDING).is_some_and(|value| value == "0");
    let interfaces = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten();
    let other_bridge = interfaces
        .map(|entry| entry.path())
        .any(|path| Path::new(&path).join("bridge").is_dir());
    if was_off
        && !other_bridge
        && let Err(error) = fs::write(FORWARDING_FILE, "0")
    {
        tracing::debug!(%error, "forwarding stays on");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_name_fits_into_fifteen_characters() {
        assert_eq!(Names::of("dbmatrix").bridge, "dbmatrix0");
        assert_eq!(Names::of("a-very-long-project-name").bridge.len(), 15);
    }

    #[test]
    fn a_bridge_takes_the_first_address_of_its_subnet() {
        let subnet = "10.7.8.0/24".parse().expect("a subnet of this test");
        assert_eq!(bridge_config(subnet)["ipv4.address"], "10.7.8.1/24");
    }
}
