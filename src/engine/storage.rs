//! Storage pools.

use std::time::Duration;

use hyper::Method;
use serde::Deserialize;
use serde_json::json;

use super::transport::escaped;
use super::{Config, Engine, EngineError};

const LIMIT: Duration = Duration::from_secs(120);

/// A storage pool as the engine shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// `btrfs` or `dir`, of those that dbmatrix makes.
    pub driver: String,
    /// Its settings.
    #[serde(default)]
    pub config: Config,
}

impl Engine {
    /// The pool of that name, if there is one.
    pub async fn pool(&self, name: &str) -> Result<Option<Pool>, EngineError> {
        let what = format!("look at storage pool `{name}`");
        self.find(&what, &format!("/1.0/storage-pools/{}", escaped(name)))
            .await
    }

    /// Makes a pool.
    pub async fn create_pool(
        &self,
        name: &str,
        driver: &str,
        config: &Config,
    ) -> Result<(), EngineError> {
        let what = format!("make {driver} storage pool `{name}`");
        let body = json!({ "name": name, "driver": driver, "config": config });
        self.change(&what, Method::POST, "/1.0/storage-pools", Some(body), LIMIT)
            .await
            .map(drop)
    }

    /// Removes a pool that nothing uses; absent is fine.
    pub async fn delete_pool(&self, name: &str) -> Result<(), EngineError> {
        let what = format!("remove storage pool `{name}`");
        let path = format!("/1.0/storage-pools/{}", escaped(name));
        match self.change(&what, Method::DELETE, &path, None, LIMIT).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}
