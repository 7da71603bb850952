//! The safe fixes for findings.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use dbmatrix_containers::host::{Names, forget_dead_daemon};
use dbmatrix_containers::name::{lock_of_socket, nest_lock};
use dbmatrix_containers::nest::{NestError, remove_incomplete};
use dbmatrix_containers::route::{RouteError, Routes};
use dbmatrix_engine::Engine;
use dbmatrix_platform::socket::Stream;
use ipnet::Ipv4Net;
use thiserror::Error;

use dbmatrix_run::{Lock, LockError};

/// A fix that needs no further confirmation: it loses nothing that cannot be recreated,
/// and affects only dbmatrix's own objects.
#[derive(Debug, Clone)]
pub enum Fix {
    /// Set the route to a nest's children.
    Route {
        /// Their subnet.
        subnet: Ipv4Net,
        /// The nest.
        via: Ipv4Addr,
        /// The bridge.
        interface: String,
    },
    /// Remove dbmatrix's routes that lead to no nest.
    StaleRoutes(Vec<Ipv4Net>),
    /// Remove what is incomplete in a nest, or the nest itself if it is incomplete.
    HalfMade {
        /// The host's engine, in the nest's project.
        host: Engine,
        /// Names of its project and bridge.
        names: Names,
        /// The nest.
        nest: String,
    },
    /// Remove sockets of nests that no longer exist.
    StaleSockets(Vec<PathBuf>),
    /// Remove the record of a daemon that has ended.
    DeadDaemon,
    /// Remove folders of unfinished image builds.
    WorkFolders(Vec<PathBuf>),
    /// Let the kernel forward packets.
    Forwarding,
}

/// Why a fix failed.
#[derive(Debug, Error)]
pub enum FixError {
    /// The machine's routes.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The nest or its children.
    #[error(transparent)]
    Nest(#[from] NestError),
    /// The lock of a nest.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Another process is using the nest.
    #[error("another dbmatrix is at work on nest `{nest}`: nothing was done there")]
    Busy {
        /// The nest.
        nest: String,
    },
    /// A file.
    #[error("could not {what} `{}`: {source}", path.display())]
    File {
        /// The attempted operation.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl Fix {
    /// Applies the fix, and returns a line for each change.
    ///
    /// # Errors
    /// [`FixError`]; earlier changes stay.
    pub async fn apply(&self) -> Result<Vec<String>, FixError> {
        match self {
            Fix::Route {
                subnet,
                via,
                interface,
            } => {
                Routes::open()?.ensure(*subnet, *via, interface).await?;
                Ok(vec![format!(
                    "set the route to {subnet} via {via} dev {interface}"
                )])
            }
            Fix::StaleRoutes(subnets) => remove_routes(subnets).await,
            Fix::HalfMade { host, names, nest } => remove_half(host, names, nest).await,
            Fix::StaleSockets(sockets) => remove_sockets(sockets),
            Fix::DeadDaemon => {
                forget_dead_daemon();
                Ok(vec![
                    "removed the record of the daemon that has ended".to_owned(),
                ])
            }
            Fix::WorkFolders(folders) => remove_folders(folders),
            Fix::Forwarding => {
                let path = Path::new("/proc/sys/net/ipv4/ip_forward");
                fs::write(path, "1").map_err(failed("write to", path))?;
                Ok(vec!["turned forwarding on".to_owned()])
            }
        }
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FixError {
    let path = path.to_owned();
    move |source| FixError::File { what, path, source }
}

async fn remove_routes(subnets: &[Ipv4Net]) -> Result<Vec<String>, FixError> {
    let routes = Routes::open()?;
    let mut done = Vec::new();
    for subnet in subnets {
        routes.remove(*subnet).await?;
        done.push(format!("removed the routes to {subnet}"));
    }
    Ok(done)
}

/// A process that creates something holds the nest's lock all the while.
async fn remove_half(host: &Engine, names: &Names, nest: &str) -> Result<Vec<String>, FixError> {
    let lock = Lock::try_take(&nest_lock(&names.project, nest))?;
    let _lock = lock.ok_or_else(|| FixError::Busy {
        nest: nest.to_owned(),
    })?;
    remove_incomplete(host, nest, &names.bridge).await?;
    Ok(vec![format!(
        "removed the incomplete parts of nest `{nest}`"
    )])
}

/// A socket is stale if it has no listener and no process is creating its nest.
pub(super) fn is_stale(socket: &Path) -> bool {
    let name = socket.file_stem().unwrap_or_default().to_string_lossy();
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    !Lock::is_held(&lock_of_socket(&name)) && Stream::connect(socket).err().is_some_and(refused)
}

fn remove_sockets(sockets: &[PathBuf]) -> Result<Vec<String>, FixError> {
    let mut done = Vec::new();
    for socket in sockets.iter().filter(|socket| is_stale(socket)) {
        fs::remove_file(socket).map_err(failed("remove", socket))?;
        done.push(format!("removed `{}`", socket.display()));
    }
    Ok(done)
}

fn remove_folders(folders: &[PathBuf]) -> Result<Vec<String>, FixError> {
    let mut done = Vec::new();
    for folder in folders {
        fs::remove_dir_all(folder).map_err(failed("remove", folder))?;
        done.push(format!("removed `{}`", folder.display()));
    }
    Ok(done)
}
