//! What there is: nests and children, for people and for `connect`.

use std::time::SystemTime;

use thiserror::Error;

use super::golden::is_golden;
use super::outer::is_ready;
use super::{Nest, NestError, existing_nests, key};
use crate::config::hint;
use crate::engine::{Engine, EngineError, Instance};
use crate::host::Names;

/// The state of a container that was not made to its end.
pub const INCOMPLETE: &str = "Incomplete";
/// The state of a container whose processes wait; the engines say `Frozen`.
const PAUSED: &str = "Paused";

/// A nest or a child.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The nest's name.
    pub nest: String,
    /// The container's name.
    pub container: String,
    /// What it is.
    pub kind: Kind,
    /// Such as `mysql:9.7`.
    pub server: String,
    /// What the server said of itself when its golden child was made.
    pub version: String,
    /// `Running`, `Stopped`, `Paused` or [`INCOMPLETE`].
    pub state: String,
    /// Its IPv4 address.
    pub address: String,
    /// Number of snapshots; see [`super::measure`].
    pub snapshots: usize,
    /// When it was started, if it runs.
    pub started: Option<SystemTime>,
    /// Bytes of memory, if it runs; see [`super::measure`].
    pub memory: Option<u64>,
    /// The engine that it lives in.
    pub(super) engine: Engine,
}

impl Listed {
    /// Whether its processes are there and not paused.
    pub fn is_running(&self) -> bool {
        self.state == "Running"
    }
}

/// What a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A nest.
    Nest,
    /// The child of the flavour of that name.
    Flavour(String),
    /// A golden child.
    Golden,
    /// A copy that was made for a run that has not begun.
    Standby,
    /// What is incomplete, or somebody else's.
    Other,
}

impl Kind {
    pub(super) fn of_child(child: &Instance) -> Self {
        if is_golden(child) {
            return Kind::Golden;
        }
        if child.is_marked(key::STANDBY) {
            return Kind::Standby;
        }
        match child.config.get(key::FLAVOUR) {
            Some(name) if !name.is_empty() => Kind::Flavour(name.clone()),
            _ => Kind::Other,
        }
    }
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
    #[error(
        "no flavour `{name}` is up; {hint}; `dbmatrix up MATRIX` brings flavours up, `dbmatrix connect mysql:9.7` a server without a matrix"
    )]
    Unknown {
        /// The name, or the pattern.
        name: String,
        /// Which one may be meant, and what there is.
        hint: String,
    },
    /// Several nests have one.
    #[error("flavour `{name}` is in several nests; name {names}")]
    Ambiguous {
        /// The name.
        name: String,
        /// Its names with those of the nests.
        names: String,
    },
    /// No nest of that name.
    #[error("no nest `{name}` is there; {hint}; `dbmatrix up MATRIX` makes that of a matrix")]
    NoNest {
        /// The name.
        name: String,
        /// Which one may be meant, and what there is.
        hint: String,
    },
}

/// All nests of a project with their children, as far as their engines know
/// without looking at each.
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
        rows.push(listed(&instance.name, Kind::Nest, &instance, &inside));
        if !(instance.is_running() && is_ready(&instance)) {
            continue;
        }
        let nest = Nest::read(&inside, &instance, "")?;
        if nest.check_socket().is_err() {
            continue;
        }
        let children = nest.engine.instances().await?;
        let row = |child| listed(&instance.name, Kind::of_child(child), child, &nest.engine);
        rows.extend(children.iter().map(row));
    }
    Ok(rows)
}

fn listed(nest: &str, kind: Kind, instance: &Instance, engine: &Engine) -> Listed {
    let text = |key: &str| instance.config.get(key).cloned().unwrap_or_default();
    let is_ours = instance.config.contains_key(key::OWNER);
    let state = match is_ours && !is_ready(instance) {
        true => INCOMPLETE.to_owned(),
        false if instance.is_paused() => PAUSED.to_owned(),
        false => instance.status.clone(),
    };
    Listed {
        nest: nest.to_owned(),
        container: instance.name.clone(),
        kind,
        server: text(key::SERVER),
        version: text(key::VERSION),
        state,
        address: text(key::ADDRESS),
        snapshots: 0,
        started: instance.last_started().filter(|_| instance.is_running()),
        memory: None,
        engine: engine.clone(),
    }
}

/// The whole nests of a project, or the one of that name, started where they do
/// not run.
///
/// # Errors
/// As of the engines; [`FindError::NoNest`] where one is named that is not there.
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
            // Another user's nest is none of ours, unless it is asked for.
            Err(error @ NestError::Socket { .. }) if nest.is_none() => {
                tracing::info!(%error, "left out");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(nests)
}
