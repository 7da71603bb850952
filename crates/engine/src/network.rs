//! Bridges.

use std::time::Duration;

use hyper::Method;
use serde::Deserialize;
use serde_json::json;

use super::transport::escaped;
use super::{Config, Engine, EngineError};

const LIMIT: Duration = Duration::from_secs(60);

/// A network as the engine shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct Network {
    /// The bridge's name; also that of its interface.
    pub name: String,
    /// Its settings.
    #[serde(default)]
    pub config: Config,
    /// Its kind, such as `bridge`, `physical` or `loopback`.
    #[serde(default, rename = "type")]
    pub kind: String,
}

#[derive(Deserialize)]
struct NetworkState {
    #[serde(default)]
    addresses: Option<Vec<NetworkAddress>>,
}

/// An address of an interface of the engine's machine.
#[derive(Debug, Clone, Deserialize)]
pub struct NetworkAddress {
    /// `inet` or `inet6`.
    pub family: String,
    /// The address.
    pub address: String,
    /// The length of its network's prefix, in decimal.
    pub netmask: String,
}

impl Engine {
    /// The network of that name, if the engine manages one.
    pub async fn network(&self, name: &str) -> Result<Option<Network>, EngineError> {
        let what = format!("look at network `{name}`");
        self.find(&what, &format!("/1.0/networks/{}", escaped(name)))
            .await
    }

    /// The networks of the engine's machine, those included that the engine does not manage.
    pub async fn networks(&self) -> Result<Vec<Network>, EngineError> {
        self.get("list networks", "/1.0/networks?recursion=1").await
    }

    /// The addresses of a network's interface; empty if it has none.
    pub async fn network_addresses(&self, name: &str) -> Result<Vec<NetworkAddress>, EngineError> {
        let what = format!("look at the addresses of network `{name}`");
        let path = format!("/1.0/networks/{}/state", escaped(name));
        let state: Option<NetworkState> = self.find(&what, &path).await?;
        Ok(state.and_then(|state| state.addresses).unwrap_or_default())
    }

    /// Creates a bridge.
    pub async fn create_bridge(&self, name: &str, config: &Config) -> Result<(), EngineError> {
        let what = format!("make bridge `{name}`");
        let body = json!({ "name": name, "type": "bridge", "config": config });
        self.change(&what, Method::POST, "/1.0/networks", Some(body), LIMIT)
            .await
            .map(drop)
    }

    /// Removes a network, which may be absent.
    pub async fn delete_network(&self, name: &str) -> Result<(), EngineError> {
        let what = format!("remove network `{name}`");
        let path = format!("/1.0/networks/{}", escaped(name));
        match self.change(&what, Method::DELETE, &path, None, LIMIT).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}
