//! Projects, and a project's default profile.

use std::time::Duration;

use hyper::Method;
use serde::Deserialize;
use serde_json::json;

use super::transport::escaped;
use super::{Config, Devices, Engine, EngineError};

const LIMIT: Duration = Duration::from_secs(30);

/// A project as the engine shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its settings.
    #[serde(default)]
    pub config: Config,
}

impl Engine {
    /// Creates a project with its own images, profiles and volumes, unless it exists.
    pub async fn ensure_project(&self, name: &str, description: &str) -> Result<(), EngineError> {
        let what = format!("make project `{name}`");
        let path = format!("/1.0/projects/{}", escaped(name));
        if self
            .find::<serde_json::Value>(&what, &path)
            .await?
            .is_some()
        {
            return Ok(());
        }
        let body = json!({
            "name": name,
            "description": description,
            "config": {
                "features.images": "true",
                "features.profiles": "true",
                "features.storage.volumes": "true",
                "user.dbmatrix.owner": "dbmatrix",
            },
        });
        let made = self
            .change(&what, Method::POST, "/1.0/projects", Some(body), LIMIT)
            .await;
        match made {
            Err(error) if !error.is_conflict() => Err(error),
            _ => Ok(()),
        }
    }

    /// All projects.
    ///
    /// # Errors
    /// As any request.
    pub async fn projects(&self) -> Result<Vec<Project>, EngineError> {
        self.get("list the projects", "/1.0/projects?recursion=1")
            .await
    }

    /// Settings of a project, or `None` if it does not exist.
    pub async fn project(&self, name: &str) -> Result<Option<Config>, EngineError> {
        #[derive(Deserialize)]
        struct Found {
            config: Config,
        }
        let what = format!("look at project `{name}`");
        let path = format!("/1.0/projects/{}", escaped(name));
        let found: Option<Found> = self.find(&what, &path).await?;
        Ok(found.map(|project| project.config))
    }

    /// Removes an empty project, which may be absent.
    pub async fn delete_project(&self, name: &str) -> Result<(), EngineError> {
        let what = format!("remove project `{name}`");
        let path = format!("/1.0/projects/{}", escaped(name));
        match self.change(&what, Method::DELETE, &path, None, LIMIT).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    /// Sets the devices of the default profile of the client's project, if they differ.
    pub async fn set_default_profile(&self, devices: &Devices) -> Result<(), EngineError> {
        #[derive(Deserialize)]
        struct Profile {
            devices: Devices,
        }
        let path = "/1.0/profiles/default";
        let found: Option<Profile> = self.find("look at the default profile", path).await?;
        if found.is_some_and(|found| found.devices == *devices) {
            return Ok(());
        }
        let body = json!({ "config": {}, "devices": devices });
        self.change(
            "set the default profile",
            Method::PUT,
            path,
            Some(body),
            LIMIT,
        )
        .await
        .map(drop)
    }
}
