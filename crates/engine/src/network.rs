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
}

impl Engine {
    /// The network of that name, if the engine manages one.
    pub async fn network(&self, name: &str) -> Result<Option<Network>, EngineError> {
        let what = format!("look at network `{name}`");
        self.find(&what, &format!("/1.0/networks/{}", escaped(name)))
            .await
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
