//! What there is: nests and children, for people and for `connect`.

use std::net::Ipv4Addr;

use thiserror::Error;

use super::golden::used;
use super::outer::{is_ready, read_key};
use super::{Nest, NestError, existing_nests, key};
use crate::engine::{Engine, EngineError, Instance};
use crate::host::Names;

/// A nest or a child.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The nest's name.
    pub nest: String,
    /// The flavour's name; empty for the nest itself; a container's own name
    /// where it is no flavour.
    pub name: String,
    /// Whether it is a flavour.
    pub is_flavour: bool,
    /// Such as `mysql:9.7`.
    pub server: String,
    /// What the server said of itself when somebody last logged in.
    pub version: String,
    /// Such as `Running`.
    pub state: String,
    /// Its IPv4 address.
    pub address: String,
    /// Number of snapshots.
    pub snapshots: usize,
}

/// A flavour that can be logged in to.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its nest.
    pub nest: Nest,
    /// Its container in the nest.
    pub container: String,
    /// Its address.
    pub address: Ipv4Addr,
}

/// Why a flavour was not found.
#[derive(Debug, Error)]
pub enum FindError {
    /// A request to an engine.
    #[error(transparent)]
    Nest(#[from] NestError),
    /// A request to an engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No child of that name.
    #[error("no flavour `{name}` is up; there is {there}; `dbmatrix up MATRIX` brings flavours up")]
    Unknown {
        /// The name.
        name: String,
        /// What there is.
        there: String,
    },
    /// Several nests have one.
    #[error("flavour `{name}` is in several nests ({nests}); choose one with `--nest`")]
    Ambiguous {
        /// The name.
        name: String,
        /// The nests.
        nests: String,
    },
}

/// All nests of a project with their children.
///
/// # Errors
/// As of the engines; the children of a nest that does not run are unknown.
pub async fn list_all(engine: &Engine, project: &str) -> Result<Vec<Listed>, NestError> {
    let inside = engine.in_project(project);
    if engine.project(project).await?.is_none() {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    for instance in existing_nests(&inside).await? {
        rows.push(Listed {
            nest: instance.name.clone(),
            ..listed(&instance)
        });
        if !(instance.is_running() && is_ready(&instance)) {
            continue;
        }
        let nest = Nest::read(&instance, "")?;
        for child in nest.engine.instances().await? {
            rows.push(Listed {
                nest: instance.name.clone(),
                name: child
                    .config
                    .get(key::FLAVOUR)
                    .cloned()
                    .unwrap_or_else(|| child.name.clone()),
                ..listed(&child)
            });
        }
    }
    Ok(rows)
}

fn listed(instance: &Instance) -> Listed {
    let text = |key: &str| instance.config.get(key).cloned().unwrap_or_default();
    let state = if is_ready(instance) {
        instance.status.clone()
    } else {
        "half made".to_owned()
    };
    Listed {
        nest: String::new(),
        name: String::new(),
        is_flavour: instance.config.contains_key(key::FLAVOUR),
        server: text(key::SERVER),
        version: text(key::VERSION),
        state,
        address: text(key::ADDRESS),
        snapshots: instance.snapshots.as_ref().map_or(0, Vec::len),
    }
}

/// Finds a flavour by name and starts it where it does not run.
///
/// # Errors
/// [`FindError`].
pub async fn find_flavour(
    engine: &Engine,
    names: &Names,
    flavour: &str,
    nest: Option<&str>,
) -> Result<Found, FindError> {
    let inside = engine.in_project(&names.project);
    let nests = match engine.project(&names.project).await? {
        Some(_) => existing_nests(&inside).await?,
        None => Vec::new(),
    };
    let chosen = nests
        .iter()
        .filter(|found| is_ready(found) && nest.is_none_or(|name| found.name == name));
    let mut found = Vec::new();
    let mut there = Vec::new();
    for instance in chosen {
        let one = Nest::wake(&inside, instance, &names.bridge).await?;
        for child in one.engine.instances().await? {
            let Some(name) = child.config.get(key::FLAVOUR) else {
                continue;
            };
            there.push(format!("`{name}`"));
            if name == flavour && is_ready(&child) {
                found.push((one.clone(), child));
            }
        }
    }
    let (nest, child) = match found.as_slice() {
        [one] => one,
        [] => {
            return Err(FindError::Unknown {
                name: flavour.to_owned(),
                there: if there.is_empty() {
                    "none".to_owned()
                } else {
                    there.join(", ")
                },
            });
        }
        several => {
            let nests: Vec<String> = several
                .iter()
                .map(|(nest, _)| format!("`{}`", nest.name))
                .collect();
            return Err(FindError::Ambiguous {
                name: flavour.to_owned(),
                nests: nests.join(", "),
            });
        }
    };
    nest.engine.ensure_running(child).await?;
    if child.is_marked(key::FRESH) {
        nest.engine.configure_instance(&child.name, &used()).await?;
    }
    Ok(Found {
        nest: nest.clone(),
        container: child.name.clone(),
        address: read_key(child, key::ADDRESS)?,
    })
}
