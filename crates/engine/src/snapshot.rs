//! Snapshots of containers: their disk and settings at one moment.

use std::time::{Duration, SystemTime};

use hyper::Method;
use serde::Deserialize;
use serde_json::json;

use super::transport::escaped;
use super::{Engine, EngineError};

/// On a pool without copy-on-write, each one is a full copy.
const LIMIT: Duration = Duration::from_secs(900);

/// A snapshot as the engine shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    /// Its name, unique for the container.
    pub name: String,
    /// When it was taken, in RFC 3339.
    #[serde(default)]
    pub created_at: String,
}

impl Snapshot {
    /// When it was taken, if that can be parsed.
    pub fn taken(&self) -> Option<SystemTime> {
        humantime::parse_rfc3339(&self.created_at).ok()
    }
}

impl Engine {
    /// All snapshots of a container, oldest first.
    pub async fn snapshots(&self, instance: &str) -> Result<Vec<Snapshot>, EngineError> {
        let what = format!("list the snapshots of container `{instance}`");
        let path = format!("{}?recursion=1", address(instance));
        let mut all: Vec<Snapshot> = self.get(&what, &path).await?;
        all.sort_by_cached_key(|snapshot| (snapshot.taken(), snapshot.created_at.clone()));
        Ok(all)
    }

    /// Takes a snapshot of a container's disk and settings, whether it runs or not; the
    /// memory of its processes is not included.
    pub async fn take_snapshot(&self, instance: &str, name: &str) -> Result<(), EngineError> {
        let what = format!("take snapshot `{name}` of container `{instance}`");
        let body = json!({ "name": name, "stateful": false });
        self.change(&what, Method::POST, &address(instance), Some(body), LIMIT)
            .await
            .map(drop)
    }

    /// Restores a snapshot of a stopped container, including its settings.
    pub async fn restore_snapshot(&self, instance: &str, name: &str) -> Result<(), EngineError> {
        let what = format!("restore snapshot `{name}` of container `{instance}`");
        let path = format!("/1.0/instances/{}", escaped(instance));
        let body = json!({ "restore": name, "stateful": false });
        self.change(&what, Method::PUT, &path, Some(body), LIMIT)
            .await
            .map(drop)
    }

    /// Removes a snapshot.
    pub async fn delete_snapshot(&self, instance: &str, name: &str) -> Result<(), EngineError> {
        let what = format!("remove snapshot `{name}` of container `{instance}`");
        let path = format!("{}/{}", address(instance), escaped(name));
        self.change(&what, Method::DELETE, &path, None, LIMIT)
            .await
            .map(drop)
    }
}

fn address(instance: &str) -> String {
    format!("/1.0/instances/{}/snapshots", escaped(instance))
}
