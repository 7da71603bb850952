//! The machine that dbmatrix runs on: its engine, and the objects of dbmatrix in it.
//!
//! Finds, installs and starts Incus or LXD; makes and removes the engine project with its
//! bridge, pool and profile. Knows nothing of the content of nests. For other users, the
//! module `privilege` performs the operations that need root.

mod capacity;
mod daemon;
mod find;
mod loop_device;
mod outlive;
mod package;
mod project;
mod run_folder;

pub use capacity::{Cgroups, Limits, cgroups, free_disk, unenforced_limits};
pub use daemon::{DaemonError, DaemonRecord, daemon_record, forget_dead_daemon, stop_own_daemon};
pub use find::is_installable;
pub use find::{
    EngineChoice, EngineKind, EngineProbe, RemoteChoice, builds, detect_engine, is_usual, sockets,
};
pub use loop_device::{LoopDevice, loop_devices};
pub use outlive::without_callers_files;
pub use package::{PackageError, install, refresh_lists};
pub(crate) use project::taken_subnets;
pub use project::{EngineProject, Names, ProjectError, Storage, running_engine};
pub use project::{OWNER, bridge_config};
pub use run_folder::run_folder;
pub use run_folder::{group_of, make_run_folder};

use std::path::PathBuf;

/// Whether systemd is the init system, so that units can be started.
pub fn has_systemd() -> bool {
    std::path::Path::new("/run/systemd/system").is_dir()
}

/// Whether a program of that name is in the usual folders, some of which are missing from
/// an unprivileged user's `PATH`.
pub fn has_program(name: &str) -> bool {
    program(name).is_some()
}

/// The path of a program of that name.
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
