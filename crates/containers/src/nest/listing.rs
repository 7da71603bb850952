//! Lists nests and children, for users and for `connect`.

use dbmatrix_config::hint;
use dbmatrix_engine::{Engine, EngineError};
use thiserror::Error;

use super::info::ContainerInfo;
use super::outer::is_ready;
use super::{Nest, NestError, existing_nests};
use crate::host::Names;

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
    #[error(
        "no flavour `{name}` is up; {hint}; `dbmatrix up MATRIX` brings flavours up, `dbmatrix connect mysql:9.7` a server without a matrix"
    )]
    Unknown {
        /// The name, or the pattern.
        name: String,
        /// A similar name, and the existing ones by state.
        hint: String,
    },
    /// Several nests have a flavour of that name.
    #[error("flavour `{name}` is in several nests; name {names}")]
    Ambiguous {
        /// The name.
        name: String,
        /// The full names, with those of the nests.
        names: String,
    },
    /// No nest of that name.
    #[error("no nest `{name}` is there; {hint}; `dbmatrix up MATRIX` makes that of a matrix")]
    NoNest {
        /// The name.
        name: String,
        /// Similar names, and the existing ones.
        hint: String,
    },
}

/// All nests of a project with their children, as far as their engines report them in a
/// list.
///
/// # Errors
/// As of the engines; the children of a nest that does not run are unknown.
pub async fn list_all(engine: &Engine, project: &str) -> Result<Vec<ContainerInfo>, NestError> {
    let inside = engine.in_project(project);
    if engine.project(project).await?.is_none() {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    for instance in existing_nests(&inside).await? {
        rows.push(ContainerInfo::of_nest(&instance, &inside));
        if !(instance.is_running() && is_ready(&instance)) {
            continue;
        }
        let nest = Nest::read(&inside, &instance, "")?;
        if nest.check_socket().is_err() {
            continue;
        }
        let children = nest.engine.instances().await?;
        let row = |child| ContainerInfo::of_child(&nest, child);
        rows.extend(children.iter().map(row));
    }
    Ok(rows)
}

/// The complete nests of a project, or the one of that name; starts them if necessary.
///
/// # Errors
/// As of the engines; [`FindError::NoNest`] if the named nest does not exist.
pub async fn wake_nests(
    engine: &Engine,
    names: &Names,
    nest: Option<&str>,
) -> Result<Vec<Nest>, FindError> {
    let inside = engine.in_project(&names.project);
    let there = match engine.project(&names.project).await? {
        Some(_) => existing_nests(&inside).await?,
        None => Vec::new(),
    };
    let is_there = |name: &str| there.iter().any(|nest| nest.name == name);
    if let Some(name) = nest.filter(|name| !is_there(name)) {
        return Err(FindError::NoNest {
            name: name.to_owned(),
            hint: hint(name, there.iter().map(|nest| nest.name.as_str())),
        });
    }
    let mut nests = Vec::new();
    for instance in there {
        if !is_ready(&instance) || nest.is_some_and(|name| instance.name != name) {
            continue;
        }
        match Nest::wake(&inside, &instance, &names.bridge).await {
            Ok(awake) => nests.push(awake),
            // Another user's nest is skipped, unless it was requested by name.
            Err(error @ NestError::Socket { .. }) if nest.is_none() => {
                tracing::info!(%error, "left out");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(nests)
}
