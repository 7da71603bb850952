//! The nests and their states, inspected without starting them.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use dbmatrix_engine::{Engine, EngineError, Instance, Limits};
use futures_util::future::join_all;
use ipnet::Ipv4Net;

use super::info::ContainerInfo;
use super::outer::{is_ready, read_key};
use super::server_socket::server_sockets;
use super::socket::{inner_engine, socket_of};
use super::{Access, existing_nests, key};
use crate::host::{Names, OWNER};

/// How long a list may take if the engine otherwise answers: a user who diagnoses a
/// problem must not wait for an engine that hangs.
const STUCK: Duration = Duration::from_secs(30);

/// The state of a nest.
#[derive(Debug, Clone)]
pub struct NestStatus {
    /// The host's engine, in the nest's project.
    pub host: Engine,
    /// Names of its project and bridge.
    pub names: Names,
    /// Its container.
    pub info: ContainerInfo,
    /// Its address on the host's bridge.
    pub address: Option<Ipv4Addr>,
    /// The subnet of its children.
    pub subnet: Option<Ipv4Net>,
    /// How its children are reached.
    pub access: Access,
    /// The socket of its engine on the host.
    pub socket: Option<PathBuf>,
    /// The sockets on the host that lead to its children's servers.
    pub server_sockets: Vec<PathBuf>,
    /// Its engine.
    pub inner: Inner,
}

/// The state of a nest's engine.
#[derive(Debug, Clone)]
pub enum Inner {
    /// The nest does not run, or is incomplete.
    Asleep,
    /// It does not answer.
    Silent {
        /// The error.
        why: String,
        /// A remedy, if one is known.
        remedy: Option<String>,
    },
    /// It answers.
    Answers {
        /// Number of its containers.
        children: usize,
        /// Those that are incomplete.
        incomplete: Vec<String>,
    },
}

/// All nests in all projects of dbmatrix in an engine. Asks their engines concurrently.
///
/// # Errors
/// As of the host's engine.
pub async fn inspect(host: &Engine) -> Result<Vec<NestStatus>, EngineError> {
    let host = with_short_limit(host);
    let mut found = Vec::new();
    for project in host.projects().await? {
        if !project.config.contains_key(OWNER) {
            continue;
        }
        let inside = host.in_project(&project.name);
        for nest in existing_nests(&inside).await? {
            found.push((inside.clone(), project.name.clone(), nest));
        }
    }
    let all = found
        .iter()
        .map(|(host, project, nest)| inspect_nest(host, project, nest));
    Ok(join_all(all).await)
}

async fn inspect_nest(host: &Engine, project: &str, nest: &Instance) -> NestStatus {
    let socket = socket_of(nest).map(PathBuf::from);
    let info = ContainerInfo::of_nest(nest, host);
    let has_engine = socket.is_some() || host.is_remote();
    let inner = match has_engine && info.is_complete && info.is_running() {
        true => probe_engine(&inner_engine(host, nest)).await,
        false => Inner::Asleep,
    };
    NestStatus {
        host: host.clone(),
        names: Names::of(project),
        info,
        address: read_key(nest, key::ADDRESS).ok(),
        subnet: read_key(nest, key::SUBNET).ok(),
        access: Access::of(nest),
        socket,
        server_sockets: server_sockets(nest),
        inner,
    }
}

fn with_short_limit(engine: &Engine) -> Engine {
    engine.with_limits(Limits {
        progress: STUCK,
        ..Limits::default()
    })
}

async fn probe_engine(engine: &Engine) -> Inner {
    match with_short_limit(engine).instances().await {
        Ok(children) => Inner::Answers {
            children: children.len(),
            incomplete: children
                .into_iter()
                .filter(|child| child.config.contains_key(key::OWNER) && !is_ready(child))
                .map(|child| child.name)
                .collect(),
        },
        Err(EngineError::Silent {
            at,
            seconds,
            remedy,
            ..
        }) => Inner::Silent {
            why: format!("`{at}` says nothing for {seconds} s"),
            remedy: Some(remedy),
        },
        Err(error) => Inner::Silent {
            why: error.to_string(),
            remedy: None,
        },
    }
}
