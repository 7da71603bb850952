//! Checks which requests of a user's process root accepts.

use std::fs;
use std::path::Path;

use dbmatrix_containers::host::{
    EngineChoice, EngineProbe, Names, detect_engine, is_installable, run_folder, sockets,
};
use dbmatrix_containers::name::{ENGINE_LOCK, project_lock};
use dbmatrix_containers::nest::{Nest, existing_nests, socket_of};
use dbmatrix_engine::Engine;
use dbmatrix_platform::file;
use ipnet::Ipv4Net;

use super::Scope;

/// The name of Incus's and LXD's socket.
const ENGINES: &str = "unix.socket";
/// The widest network of a nest's children.
const WIDEST: u8 = 16;

/// Accepts only packages that dbmatrix itself may need.
pub(super) fn check_packages(packages: &[String]) -> Result<(), String> {
    match packages.iter().find(|name| !is_installable(name)) {
        None => Ok(()),
        Some(other) => Err(format!(
            "expected packages that dbmatrix needs, found {other:?}; install it by hand"
        )),
    }
}

/// Accepts a valid name of a nest: no path, no query.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match !name.is_empty() && name.len() <= 63 && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(format!(
            "expected a nest's name of letters, digits and `-`, found {name:?}"
        )),
    }
}

/// Accepts the name of a lock: of a nest, the project or the engine.
pub(super) fn check_lock(scope: &Scope, name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let is_nests = name.strip_prefix("nest.").is_some_and(|rest| {
        (1..=100).contains(&rest.len()) && !rest.starts_with('.') && rest.bytes().all(is_plain)
    });
    match is_nests || name == ENGINE_LOCK || name == project_lock(&scope.project) {
        true => Ok(()),
        false => Err(format!("expected the name of a lock, found {name:?}")),
    }
}

/// Accepts the name of a nest's socket in the run folder.
pub(super) fn check_socket_name(name: &str) -> Result<(), String> {
    let is_socket =
        |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| file::is_socket(&found));
    let is_plain = name.ends_with(".socket") && !name.contains('/') && !name.starts_with('.');
    let path = run_folder().join(name);
    match is_plain && (is_socket(&path) || !path.exists()) {
        true => Ok(()),
        false => Err(format!(
            "expected the name of a nest's socket in `{}`, found {name:?}",
            run_folder().display()
        )),
    }
}

/// Accepts a socket of the chosen engine, or of a nest.
pub(super) async fn check_socket(scope: &Scope, socket: &Path) -> Result<(), String> {
    let other = |why: &str| {
        Err(format!(
            "expected a socket of the engine or of a nest, found `{}`, {why}",
            socket.display()
        ))
    };
    let is_engines = sockets(&scope.engine).iter().any(|known| known == socket);
    if is_engines {
        check_engine(scope)?;
    } else if !(is_in_run_folder(socket) || is_of_a_nest(scope, socket).await) {
        return other("which is neither");
    }
    let found = fs::symlink_metadata(socket);
    match found.is_ok_and(|found| file::is_socket(&found)) {
        true => Ok(()),
        false => other("which is no socket"),
    }
}

/// A socket named on the command line must have the engines' name for it, so that it
/// belongs to no other program. It must be in folders owned by root, so that no user can
/// replace it.
pub(super) fn check_engine(scope: &Scope) -> Result<(), String> {
    match &scope.engine {
        EngineChoice::Socket(path) if !(path.ends_with(ENGINES) && is_roots(path)) => Err(format!(
            "expected an engine's `{ENGINES}` in folders of root's, found `{}`; \
             `sudo env -u SUDO_UID dbmatrix` is root throughout and takes any",
            path.display()
        )),
        EngineChoice::Remote(remote) => Err(format!(
            "`{}` is on another machine, where this one's root can do nothing",
            remote.name
        )),
        EngineChoice::Any | EngineChoice::Kind(_) | EngineChoice::Socket(_) => Ok(()),
    }
}

fn is_in_run_folder(socket: &Path) -> bool {
    socket.parent() == Some(run_folder().as_path())
}

/// Another user's nest may have its socket in that user's folder, if the engine says so.
async fn is_of_a_nest(scope: &Scope, socket: &Path) -> bool {
    if check_engine(scope).is_err() {
        return false;
    }
    let EngineProbe::Running(engine) = detect_engine(&scope.engine).await else {
        return false;
    };
    let nests = existing_nests(&engine.in_project(&scope.project)).await;
    let nests = nests.unwrap_or_default();
    nests
        .iter()
        .any(|nest| socket_of(nest).is_some_and(|known| Path::new(known) == socket))
}

/// Whether only root can replace the object at the path.
fn is_roots(path: &Path) -> bool {
    path.is_absolute()
        && path.ancestors().all(|part| {
            fs::symlink_metadata(part).is_ok_and(|found| {
                let is_link = found.file_type().is_symlink();
                let is_open = found.file_type().is_dir() && file::mode(&found) & 0o022 != 0;
                file::owner(&found) == Some(0) && !is_link && !is_open
            })
        })
}

/// A route must lead to a private network, through an address of dbmatrix's bridge.
pub(super) async fn check_route(engine: &Engine, names: &Names, nest: &Nest) -> Result<(), String> {
    let subnet = nest.subnet;
    let is_private = subnet.network().is_private() && subnet.broadcast().is_private();
    if !is_private || subnet.prefix_len() < WIDEST {
        return Err(format!(
            "expected nest `{}` to have a private network of at most /{WIDEST}, found `{subnet}`",
            nest.name
        ));
    }
    let bridge = engine.network(&names.bridge).await;
    let bridge = bridge.map_err(|error| error.to_string())?;
    let found = bridge.and_then(|bridge| bridge.config.get("ipv4.address").cloned());
    let own: Option<Ipv4Net> = found.as_deref().and_then(|text| text.parse().ok());
    match own.is_some_and(|own| own.contains(&nest.address)) {
        true => Ok(()),
        false => Err(format!(
            "expected nest `{}` in the network of bridge `{}`, found it at {}",
            nest.name, names.bridge, nest.address
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(engine: EngineChoice) -> Scope {
        Scope {
            engine,
            project: "p".to_owned(),
        }
    }

    #[test]
    fn only_packages_that_dbmatrix_needs_are_installed() {
        let named = |name: &str| check_packages(&[name.to_owned()]);
        assert!(named("btrfs-progs").is_ok());
        for other in [
            "netcat",
            "--allow-downgrades",
            "btrfs-progs=1",
            "btrfs-progs/sid",
        ] {
            assert!(named(other).is_err(), "{other}");
        }
    }

    #[test]
    fn names_are_no_paths() {
        assert!(check_name("mysql-9").is_ok());
        for other in ["", "a/../b", "a?project=default", "a b", "ä"] {
            assert!(check_name(other).is_err(), "{other}");
        }
        for lock in ["nest.p.mysql-9", "project.p", "engine"] {
            assert!(
                check_lock(&scope(EngineChoice::Any), lock).is_ok(),
                "{lock}"
            );
        }
        for other in [
            "",
            "nest.",
            "nest./x",
            "nest...",
            "project.q",
            "daemon",
            "../engine",
        ] {
            assert!(
                check_lock(&scope(EngineChoice::Any), other).is_err(),
                "{other}"
            );
        }
        for other in ["daemon.json", "../x.socket", ".x.socket", "a/b.socket"] {
            assert!(check_socket_name(other).is_err(), "{other}");
        }
    }

    #[tokio::test]
    async fn root_connects_to_no_socket_of_anybody_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("unix.socket");
        let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
        let chosen = |path: &Path| scope(EngineChoice::Socket(path.to_owned()));
        // Below a world-writable folder.
        assert!(check_socket(&chosen(&path), &path).await.is_err());
        assert!(
            check_socket(&scope(EngineChoice::Any), &path)
                .await
                .is_err()
        );
        let bus = Path::new("/run/dbus/system_bus_socket");
        assert!(check_socket(&scope(EngineChoice::Any), bus).await.is_err());
        assert!(check_socket(&chosen(bus), bus).await.is_err());
        assert!(!is_roots(Path::new("relative")) && is_roots(Path::new("/etc/passwd")));
    }
}
