//! The machine that dbmatrix runs on: its engine, and what dbmatrix keeps in it.
//!
//! Finds, installs and starts Incus or LXD; makes and removes the engine
//! project with its bridge, pool and profile. Knows nothing of what nests hold.
//! What of it is root's goes through the module `privilege` for everybody else.

mod capacity;
mod daemon;
mod find;
mod outlive;
mod package;
mod project;
mod run_folder;

pub use capacity::{Cgroups, Limits, cgroups, free_disk, unenforced_limits};
pub use daemon::{DaemonError, DaemonRecord, daemon_record, forget_dead_daemon, stop_own_daemon};
pub(crate) use find::is_installable;
pub use find::{EngineChoice, EngineKind, EngineProbe, builds, detect_engine, is_usual, sockets};
pub use outlive::without_callers_files;
pub use package::{PackageError, install, refresh_lists};
pub use project::{EngineProject, Names, ProjectError, Storage, running_engine};
pub(crate) use project::{OWNER, bridge_config};
pub use run_folder::run_folder;
pub(crate) use run_folder::{group_of, make_run_folder};

use std::path::PathBuf;

/// Whether systemd is the init system, so that units can be started.
pub fn has_systemd() -> bool {
    std::path::Path::new("/run/systemd/system").is_dir()
}

/// Whether a program of that name is in the usual folders, which `PATH` of an
/// unprivileged user leaves out in part.
pub fn has_program(name: &str) -> bool {
    program(name).is_some()
}

/// Where a program of that name is.
pub fn program(name: &str) -> Option<PathBuf> {
    const FOLDERS: [&str; 8] = [
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
        "/usr/libexec/incus",
        "/opt/incus/bin",
    ];
    FOLDERS
        .iter()
        .map(|folder| PathBuf::from(folder).join(name))
        .find(|path| path.is_file())
}
