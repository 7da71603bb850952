//! Storage pools and their volumes.

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
    /// Its driver; dbmatrix makes pools of `btrfs` or `dir`.
    pub driver: String,
    /// Its settings.
    #[serde(default)]
    pub config: Config,
}

/// The usage of a pool, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Space {
    /// Bytes used.
    #[serde(default)]
    pub used: u64,
    /// Bytes in total.
    #[serde(default)]
    pub total: u64,
}

impl Engine {
    /// The usage of a pool, or `None` if it does not exist.
    ///
    /// # Errors
    /// As any request.
    pub async fn pool_space(&self, name: &str) -> Result<Option<Space>, EngineError> {
        #[derive(Deserialize)]
        struct Resources {
            space: Space,
        }
        let what = format!("look at the room in storage pool `{name}`");
        let path = format!("/1.0/storage-pools/{}/resources", escaped(name));
        let found: Option<Resources> = self.find(&what, &path).await?;
        Ok(found.map(|resources| resources.space))
    }

    /// The pool of that name, if there is one.
    pub async fn pool(&self, name: &str) -> Result<Option<Pool>, EngineError> {
        let what = format!("look at storage pool `{name}`");
        self.find(&what, &format!("/1.0/storage-pools/{}", escaped(name)))
            .await
    }

    /// Creates a pool.
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

    /// Removes an unused pool, which may be absent.
    pub async fn delete_pool(&self, name: &str) -> Result<(), EngineError> {
        let what = format!("remove storage pool `{name}`");
        let path = format!("/1.0/storage-pools/{}", escaped(name));
        match self.change(&what, Method::DELETE, &path, None, LIMIT).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Names of the volumes of a pool that belong to no container and no image.
    pub async fn volumes(&self, pool: &str) -> Result<Vec<String>, EngineError> {
        let what = format!("list the volumes of storage pool `{pool}`");
        let path = format!("/1.0/storage-pools/{}/volumes/custom", escaped(pool));
        let addresses: Vec<String> = self.get(&what, &path).await?;
        let name = |address: String| {
            let name = address.split('?').next()?.rsplit('/').next()?;
            Some(name.to_owned())
        };
        Ok(addresses.into_iter().filter_map(name).collect())
    }

    /// Creates a volume for files, which may already exist.
    pub async fn ensure_volume(&self, pool: &str, name: &str) -> Result<(), EngineError> {
        if self
            .volumes(pool)
            .await?
            .iter()
            .any(|volume| volume == name)
        {
            return Ok(());
        }
        let what = format!("make volume `{name}` in storage pool `{pool}`");
        let path = format!("/1.0/storage-pools/{}/volumes/custom", escaped(pool));
        let body = json!({ "name": name, "type": "custom", "content_type": "filesystem" });
        let made = self.change(&what, Method::POST, &path, Some(body), LIMIT);
        match made.await {
            // Another process has made it in the meantime.
            Err(error)
                if self
                    .volumes(pool)
                    .await?
                    .iter()
                    .all(|volume| volume != name) =>
            {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Removes an unused volume, which may be absent.
    pub async fn delete_volume(&self, pool: &str, name: &str) -> Result<(), EngineError> {
        let what = format!("remove volume `{name}` of storage pool `{pool}`");
        let path = format!(
            "/1.0/storage-pools/{}/volumes/custom/{}",
            escaped(pool),
            escaped(name)
        );
        match self.change(&what, Method::DELETE, &path, None, LIMIT).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}
