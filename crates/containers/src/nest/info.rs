//! What the engines know of a container that belongs to dbmatrix: the one model for
//! lists, commands and checks.

use std::time::SystemTime;

use dbmatrix_engine::{Engine, Instance};

use super::golden::is_golden;
use super::key;
use super::outer::is_ready;
use super::role::MemberRole;
use super::{Located, Nest};

/// A nest or a child.
#[derive(Debug, Clone)]
pub struct ContainerInfo {
    /// The nest's name.
    pub nest: String,
    /// The container's name.
    pub container: String,
    /// Its kind.
    pub kind: ContainerKind,
    /// The name of the flavour for which it was made, as far as its keys have it.
    flavour: Option<String>,
    /// Such as `mysql:9.7`.
    pub server: String,
    /// The version that the server reported when its golden child was made.
    pub version: String,
    /// Whether it has processes.
    pub state: ContainerState,
    /// Whether its making was completed.
    pub is_complete: bool,
    /// The engine's word for its status.
    status: String,
    /// Its IPv4 address.
    pub address: String,
    /// Number of snapshots; see [`super::measure`].
    pub snapshots: usize,
    /// Its part in a flavour of several servers since a promotion, if there was one.
    pub role: Option<MemberRole>,
    /// When it was started, if it runs.
    pub started: Option<SystemTime>,
    /// Bytes of memory, if it runs; see [`super::measure`].
    pub memory: Option<u64>,
    /// Whether it is cut off from the network of its nest; see [`super::measure`].
    pub is_disconnected: bool,
    /// The flavour's child, if it is one and complete.
    pub located: Option<Located>,
    /// The engine that it lives in.
    pub(super) engine: Engine,
}

impl ContainerInfo {
    /// A nest, in the host's engine.
    pub(super) fn of_nest(nest: &Instance, host: &Engine) -> Self {
        ContainerInfo::read(&nest.name, ContainerKind::Nest, nest, host)
    }

    /// A container in the engine of a nest.
    pub(super) fn of_child(nest: &Nest, child: &Instance) -> Self {
        let kind = ContainerKind::of_child(child);
        ContainerInfo {
            located: Located::read(nest, child).and_then(Result::ok),
            ..ContainerInfo::read(&nest.name, kind, child, &nest.engine)
        }
    }

    fn read(nest: &str, kind: ContainerKind, instance: &Instance, engine: &Engine) -> Self {
        let text = |key: &str| instance.config.get(key).cloned().unwrap_or_default();
        ContainerInfo {
            nest: nest.to_owned(),
            container: instance.name.clone(),
            kind,
            flavour: instance.config.get(key::FLAVOUR).cloned(),
            server: text(key::SERVER),
            version: text(key::VERSION),
            state: ContainerState::of(instance),
            is_complete: is_ready(instance) || !instance.config.contains_key(key::OWNER),
            status: instance.status.clone(),
            address: text(key::ADDRESS),
            snapshots: 0,
            role: MemberRole::of(instance),
            started: instance.last_started().filter(|_| instance.is_running()),
            memory: None,
            is_disconnected: false,
            located: None,
            engine: engine.clone(),
        }
    }

    /// Its name for users: that of the flavour whose child or standby copy it is,
    /// otherwise the container's.
    pub fn name(&self) -> &str {
        let flavour = self.flavour.as_ref().filter(|name| !name.is_empty());
        match (&self.kind, flavour) {
            (ContainerKind::Flavour(name), _) => name,
            (ContainerKind::Standby, Some(name)) => name,
            (
                ContainerKind::Nest
                | ContainerKind::Golden
                | ContainerKind::Standby
                | ContainerKind::Other,
                _,
            ) => &self.container,
        }
    }

    /// Whether it has processes that are not paused.
    pub fn is_running(&self) -> bool {
        self.state == ContainerState::Running
    }

    /// Its human-readable state: `Running`, `Disconnected`, `Stopped`, `Paused`,
    /// `Incomplete`, or another word of the engine.
    pub fn shown_state(&self) -> &str {
        match self.state {
            _ if !self.is_complete => "Incomplete",
            ContainerState::Running if self.is_disconnected => "Disconnected",
            ContainerState::Paused => "Paused",
            ContainerState::Running | ContainerState::Stopped => &self.status,
        }
    }
}

/// The kind of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerKind {
    /// A nest.
    Nest,
    /// The child of the flavour with that name.
    Flavour(String),
    /// A golden child.
    Golden,
    /// A copy for a future run.
    Standby,
    /// An incomplete container, or one that dbmatrix did not make.
    Other,
}

impl ContainerKind {
    pub(super) fn of_child(child: &Instance) -> Self {
        if is_golden(child) {
            return ContainerKind::Golden;
        }
        if child.is_marked(key::STANDBY) {
            return ContainerKind::Standby;
        }
        match child.config.get(key::FLAVOUR) {
            Some(name) if !name.is_empty() => ContainerKind::Flavour(name.clone()),
            _ => ContainerKind::Other,
        }
    }
}

/// Whether a container has processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerState {
    /// It runs.
    Running,
    /// It has paused processes; the engines say `Frozen`.
    Paused,
    /// It has none.
    Stopped,
}

impl ContainerState {
    pub(super) fn of(instance: &Instance) -> Self {
        match instance {
            _ if instance.is_running() => ContainerState::Running,
            _ if instance.is_paused() => ContainerState::Paused,
            _ => ContainerState::Stopped,
        }
    }
}
