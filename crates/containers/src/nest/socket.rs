//! The host's socket for a nest's engine: a proxy device of the nest's container.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dbmatrix_engine::privilege::{Request, ask_helper_now, has_helper, is_root};
use dbmatrix_engine::{Config, Engine, Instance, config};
use dbmatrix_platform::{file, user};

use super::{Nest, NestError};
use crate::host::{group_of, make_run_folder, run_folder};
use crate::name;

pub(super) const SOCKET_DEVICE: &str = "dbmatrix-engine";
/// The socket of an engine installed in the nest.
const INNER_SOCKET: &str = "/var/lib/incus/unix.socket";

impl Nest {
    /// Checks whether another user made it for themselves.
    pub(super) fn check_socket(&self) -> Result<(), NestError> {
        if self.host.is_remote() {
            return Ok(());
        }
        let socket = self.engine.socket();
        match file::denies_writing(socket) {
            // The helper can reach it.
            true if has_helper() => Ok(()),
            true => Err(NestError::Socket {
                name: self.name.clone(),
                socket: socket.to_owned(),
            }),
            false => Ok(()),
        }
    }

    /// Ensures that the socket has a folder: the folder of a user who logged out, or of
    /// the previous boot, no longer exists.
    pub(super) async fn move_socket(&mut self, instance: &Instance) -> Result<(), NestError> {
        if self.host.is_remote() {
            return Ok(());
        }
        let folder = self.engine.socket().parent().map(Path::to_owned);
        let is_gone = folder.is_none_or(|folder| {
            fs::metadata(folder).is_err_and(|error| error.kind() == ErrorKind::NotFound)
        });
        if !(is_gone || socket_of(instance).is_none()) {
            return Ok(());
        }
        make_run_folder().map_err(|source| NestError::File {
            step: "make the run folder",
            source,
        })?;
        let project = self.host.project_name().unwrap_or_default();
        let socket = socket_path(project, &self.name);
        remove_stale_socket(&socket);
        let device = socket_device(&self.host, &socket);
        self.host
            .set_device(&self.name, SOCKET_DEVICE, Some(&device))
            .await?;
        self.engine = Engine::new(socket);
        Ok(())
    }

    /// Recreates the socket, because the process that forwarded it has ended.
    pub(super) async fn attach_socket(&self) -> Result<(), NestError> {
        if self.host.is_remote() {
            return Ok(());
        }
        let device = socket_device(&self.host, self.engine.socket());
        let set = async |device: Option<&Config>| {
            self.host
                .set_device(&self.name, SOCKET_DEVICE, device)
                .await
        };
        set(None).await?;
        remove_stale_socket(self.engine.socket());
        Ok(set(Some(&device)).await?)
    }
}

/// A client of a nest's inner engine. On this machine the nest's proxy has a socket for it;
/// elsewhere that would be a socket of the other machine, so the host's engine relays.
pub(super) fn inner_engine(host: &Engine, instance: &Instance) -> Engine {
    match host.is_remote() {
        true => host.inside(&instance.name, INNER_SOCKET),
        false => Engine::new(socket_of(instance).unwrap_or_default()),
    }
}

/// The socket of a nest's inner engine on the host.
pub fn socket_of(instance: &Instance) -> Option<&str> {
    let device = instance.devices.get(SOCKET_DEVICE)?;
    device.get("listen")?.strip_prefix("unix:")
}

pub(super) fn socket_path(project: &str, nest: &str) -> PathBuf {
    run_folder().join(name::socket(project, nest))
}

/// A socket file without a listener prevents the creation of the next one.
pub(super) fn remove_stale_socket(path: &Path) {
    if !is_root()
        && has_helper()
        && path.parent() == Some(run_folder().as_path())
        && let Some(name) = path.file_name().and_then(|name| name.to_str())
    {
        let name = name.to_owned();
        if let Err(error) = ask_helper_now(Request::RemoveSocket { name }) {
            tracing::debug!(%error, "the old socket stays");
        }
        return;
    }
    if let Err(error) = fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::debug!(%error, "the old socket stays");
    }
}

/// Forwards the nest's engine to a socket of the host, for its creator and for the group
/// that may use the host's engine. With a root helper the owner is root: its user will
/// use a helper the next time too.
pub(super) fn socket_device(host: &Engine, socket: &Path) -> Config {
    let group = group_of(host.socket()).unwrap_or_default();
    let user = match has_helper() {
        true => 0,
        false => user::id(),
    };
    config([
        ("type", "proxy"),
        ("bind", "host"),
        ("listen", &format!("unix:{}", socket.display())),
        ("connect", &format!("unix:{INNER_SOCKET}")),
        ("mode", "0660"),
        ("uid", &user.to_string()),
        ("gid", &group.to_string()),
    ])
}
