//! How the host reaches a nest's children: by a route, through proxies of the host's engine
//! on loopback, which need no privilege, or through the engine's API.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use dbmatrix_engine::privilege::{Request, ask_helper, has_helper, is_root};
use dbmatrix_engine::{Config, Engine, EngineError, Instance, config};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::sync::Mutex;

use super::forward::Forward;
use super::{Nest, key};
use crate::route::{GuardError, LocalPath, RouteError, Routes};

/// How the host reaches the children of a nest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// By a route through the nest; servers see the host's address on its bridge.
    #[default]
    Route,
    /// Through a proxy on 127.0.0.1 for each child; servers see the nest's
    /// address on the inner bridge.
    Proxy,
    /// Through the API of the host's engine; servers see the nest's address on the inner
    /// bridge.
    Forward,
}

/// An access that does not exist on an engine elsewhere.
#[derive(Debug, Error)]
#[error(
    "`access = \"{}\"` needs an engine on this machine, and `{at}` is elsewhere; leave `access` out, or make it \"forward\"", access.as_str()
)]
pub struct AccessError {
    access: Access,
    at: String,
}

impl Access {
    /// The access to the children of an engine's nests: the wanted one, if that can be.
    ///
    /// # Errors
    /// [`AccessError`] if it leads to this machine's nests only.
    pub fn of_engine(wanted: Option<Access>, engine: &Engine) -> Result<Self, AccessError> {
        match (wanted, engine.is_remote()) {
            (wanted, false) => Ok(wanted.unwrap_or_default()),
            (None | Some(Access::Forward), true) => Ok(Access::Forward),
            (Some(access), true) => Err(AccessError {
                access,
                at: engine.address(),
            }),
        }
    }

    /// The words for it in a matrix file.
    pub const WORDS: [(&'static str, Access); 3] = [
        ("route", Access::Route),
        ("proxy", Access::Proxy),
        ("forward", Access::Forward),
    ];

    /// Its word in a matrix file.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Route => "route",
            Access::Proxy => "proxy",
            Access::Forward => "forward",
        }
    }

    pub(super) fn of(nest: &Instance) -> Self {
        let noted = nest.config.get(key::ACCESS);
        let mut words = Access::WORDS.into_iter();
        let named = words.find(|(word, _)| noted.is_some_and(|noted| noted == word));
        named.map_or_else(Access::default, |(_, access)| access)
    }
}

/// Where a port of a child is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address; the child's own unless a proxy leads there.
    pub address: SocketAddr,
    /// How connections to it begin.
    pub reach: Reach,
}

/// How connections to a child's port begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// The kernel knows the way, which is checked before data is sent.
    Kernel(LocalPath),
    /// Through a port of this process.
    Forward(Forward),
}

impl Nest {
    /// Ensures the route, if the children are reached by one.
    ///
    /// # Errors
    /// As of [`Routes::ensure`].
    pub async fn ensure_route(&self) -> Result<(), RouteError> {
        match self.access {
            Access::Proxy | Access::Forward => Ok(()),
            Access::Route if !is_root() && has_helper() && !self.has_route().await => {
                let nest = self.name.clone();
                ask_helper(Request::SetRoute { nest }).await?;
                Ok(())
            }
            Access::Route => {
                let routes = Routes::open()?;
                routes.ensure(self.subnet, self.address, &self.bridge).await
            }
        }
    }

    /// Whether [`Nest::ensure_route`] would change nothing.
    pub async fn has_route(&self) -> bool {
        let is_set = async {
            let routes = Routes::open()?;
            routes.is_set(self.subnet, self.address, &self.bridge).await
        };
        self.access != Access::Route || is_set.await.unwrap_or(false)
    }

    /// Whether a connection to `port` of the child at `child` needs neither a new route nor
    /// a new proxy.
    pub async fn is_reached(&self, child: Ipv4Addr, port: u16) -> bool {
        match self.access {
            Access::Route => self.has_route().await,
            Access::Proxy => self.proxies.works((child, port).into()).await,
            Access::Forward => true,
        }
    }

    /// Removes the objects of the other kind of access. A route that this user may not
    /// remove does no harm: it still leads to the nest.
    ///
    /// # Errors
    /// As of the host's engine.
    pub(super) async fn remove_other_access(&self, nest: &Instance) -> Result<(), EngineError> {
        match self.access {
            Access::Route => remove_all(&self.host, nest).await?,
            Access::Proxy => self.remove_route().await,
            Access::Forward => {
                self.remove_route().await;
                return remove_all(&self.host, nest).await;
            }
        }
        Ok(())
    }

    async fn remove_route(&self) {
        let removed = async { Routes::open()?.remove(self.subnet).await };
        if let Err(error) = removed.await {
            tracing::info!(%error, "a route stays");
        }
    }

    /// The address from which servers see their user connect.
    ///
    /// # Errors
    /// As of [`crate::route::Guard::check`].
    pub async fn client(&self) -> Result<Ipv4Addr, GuardError> {
        match self.access {
            Access::Route => self.guard().check(self.gateway()).await,
            Access::Proxy | Access::Forward => Ok(self.gateway()),
        }
    }

    /// Returns where `port` of the child at `child` is reached; creates a missing proxy.
    ///
    /// # Errors
    /// As of the host's engine.
    pub async fn endpoint(&self, child: Ipv4Addr, port: u16) -> Result<Endpoint, EngineError> {
        match self.access {
            Access::Route => Ok(Endpoint {
                address: (child, port).into(),
                reach: Reach::Kernel(LocalPath::Route(self.guard())),
            }),
            Access::Proxy => Ok(Endpoint {
                address: self
                    .proxies
                    .ensure(&self.host, &self.name, child, port)
                    .await?,
                reach: Reach::Kernel(LocalPath::Proxy),
            }),
            Access::Forward => {
                let address = (child, port).into();
                let forward = self.forwards.ensure(&self.host, &self.name, address).await;
                let forward = forward.map_err(|error| EngineError::LocalFile {
                    what: format!("open a port that leads to {address}"),
                    path: "127.0.0.1".into(),
                    reason: error.to_string(),
                })?;
                Ok(Endpoint {
                    address,
                    reach: Reach::Forward(forward),
                })
            }
        }
    }
}

/// Ports below those that Linux assigns automatically (`ip_local_port_range`), so that an
/// assigned port never conflicts with them.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Another process may take a port between the check and its use.
const ATTEMPTS: u16 = 8;
const PREFIX: &str = "dbmatrix-port-";

/// The proxies of a nest, which are devices of its container.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Arc<Mutex<BTreeMap<SocketAddr, Proxy>>>);

/// A proxy to a child's port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Proxy {
    /// The host's end.
    listen: SocketAddr,
    /// Whether this process has checked that it works.
    is_checked: bool,
}

impl Proxies {
    /// Reads the proxies of a nest's container.
    pub fn read(nest: &Instance) -> Self {
        let all = nest.devices.iter().filter_map(|(name, device)| {
            name.starts_with(PREFIX).then_some(())?;
            let proxy = Proxy {
                listen: address(device, "listen")?,
                is_checked: false,
            };
            Some((address(device, "connect")?, proxy))
        });
        Proxies(Arc::new(Mutex::new(all.collect())))
    }

    /// Removes those that lead to none of `children`: the engine runs a process for each.
    pub(super) async fn keep(
        &self,
        host: &Engine,
        nest: &str,
        children: &[Ipv4Addr],
    ) -> Result<(), EngineError> {
        let mut known = self.0.lock().await;
        let is_over = |to: &&SocketAddr| children.iter().all(|child| to.ip() != *child);
        let over: Vec<SocketAddr> = known.keys().filter(is_over).copied().collect();
        for to in over {
            host.set_device(nest, &device_name(to), None).await?;
            known.remove(&to);
        }
        Ok(())
    }

    /// Whether there is a proxy to a child's port that works.
    async fn works(&self, to: SocketAddr) -> bool {
        let known = self.0.lock().await.get(&to).copied();
        match known {
            Some(proxy) => proxy.is_checked || LocalPath::Proxy.check(proxy.listen).await.is_ok(),
            None => false,
        }
    }

    /// Returns the host's end of the proxy to a child's port; creates it if necessary.
    async fn ensure(
        &self,
        host: &Engine,
        nest: &str,
        child: Ipv4Addr,
        port: u16,
    ) -> Result<SocketAddr, EngineError> {
        let to = SocketAddr::from((child, port));
        let mut known = self.0.lock().await;
        let name = device_name(to);
        if let Some(proxy) = known.get_mut(&to) {
            let is_there = proxy.is_checked || LocalPath::Proxy.check(proxy.listen).await.is_ok();
            if is_there {
                proxy.is_checked = true;
                return Ok(proxy.listen);
            }
            // The engine does not restart a proxy that has ended.
            host.set_device(nest, &name, None).await?;
            known.remove(&to);
        }
        let mut failed = None;
        for from in free_ports(&format!("{nest}/{to}")).take(ATTEMPTS.into()) {
            let from = SocketAddr::from((Ipv4Addr::LOCALHOST, from));
            match host.add_device(nest, &name, &proxy(from, to)).await {
                // Another process may have been faster.
                Ok(device) => {
                    let from = address(&device, "listen").unwrap_or(from);
                    let proxy = Proxy {
                        listen: from,
                        is_checked: true,
                    };
                    known.insert(to, proxy);
                    return Ok(from);
                }
                Err(error) if is_taken(from) => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(failed.unwrap_or_else(|| EngineError::Unexpected {
            what: format!("set device `{name}` of container `{nest}`"),
            expected: format!(
                "a free port of 127.0.0.1 between {} and {}",
                PORTS.start, PORTS.end
            ),
            found: "none".to_owned(),
        }))
    }
}

/// Removes the proxies of a stopped nest whose ports another process has taken in the
/// meantime: the nest would not start with them. Returns the others.
///
/// # Errors
/// As of the host's engine.
pub(super) async fn remove_taken(host: &Engine, nest: &Instance) -> Result<Proxies, EngineError> {
    let is_gone = |device: &Config| address(device, "listen").is_some_and(is_taken);
    remove(host, nest, is_gone).await?;
    let mut left = nest.clone();
    left.devices.retain(|_, device| !is_gone(device));
    Ok(Proxies::read(&left))
}

async fn remove_all(host: &Engine, nest: &Instance) -> Result<(), EngineError> {
    remove(host, nest, |_| true).await
}

async fn remove(
    host: &Engine,
    nest: &Instance,
    goes: impl Fn(&Config) -> bool,
) -> Result<(), EngineError> {
    for (name, device) in &nest.devices {
        if name.starts_with(PREFIX) && goes(device) {
            host.set_device(&nest.name, name, None).await?;
        }
    }
    Ok(())
}

fn device_name(to: SocketAddr) -> String {
    let child = to.ip().to_string().replace('.', "-");
    format!("{PREFIX}{child}-{}", to.port())
}

fn proxy(from: SocketAddr, to: SocketAddr) -> Config {
    config([
        ("type", "proxy"),
        ("bind", "host"),
        ("listen", &format!("tcp:{from}")),
        ("connect", &format!("tcp:{to}")),
    ])
}

fn address(device: &Config, end: &str) -> Option<SocketAddr> {
    device.get(end)?.strip_prefix("tcp:")?.parse().ok()
}

fn is_taken(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_err()
}

/// Free ports, in an order that depends only on `seed`: a child keeps its port as long as
/// it stays free.
fn free_ports(seed: &str) -> impl Iterator<Item = u16> {
    let digest = Sha256::digest(seed.as_bytes());
    let start = u16::from_be_bytes([digest[0], digest[1]]);
    let count = PORTS.end - PORTS.start;
    let all = (0..count).map(move |step| {
        let at = (u32::from(start) + u32::from(step)) % u32::from(count);
        PORTS.start + u16::try_from(at).unwrap_or_default()
    });
    all.filter(|port| !is_taken((Ipv4Addr::LOCALHOST, *port).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_the_same_until_somebody_takes_it() {
        let first = free_ports("a/10.1.1.10:3306").next().expect("a port");
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).expect("it is free");
        let second = free_ports("a/10.1.1.10:3306").next().expect("a port");
        assert_ne!(first, second);
        assert!(PORTS.contains(&first) && PORTS.contains(&second));
        drop(held);
        assert_eq!(free_ports("a/10.1.1.10:3306").next(), Some(first));
    }

    #[test]
    fn proxies_are_read_from_the_devices() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let from = listener.local_addr().expect("an address");
        let to = "10.1.1.10:3306".parse().expect("an address");
        let nest: Instance = serde_json::from_value(serde_json::json!({
            "name": "n",
            "status": "Stopped",
            "config": { key::ACCESS: "proxy" },
            "devices": {
                "eth0": { "type": "nic" },
                "dbmatrix-port-10-1-1-10-3306": proxy(from, to),
            },
        }))
        .expect("a container");
        assert_eq!(Access::of(&nest), Access::Proxy);
        let known = Proxies::read(&nest).0;
        let read = known.blocking_lock().get(&to).map(|proxy| proxy.listen);
        assert_eq!(read, Some(from));
        assert!(is_taken(from));
    }
}
