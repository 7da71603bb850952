//! The folder for files that last until the next boot: locks, sockets of nests, and the
//! record of a daemon that dbmatrix started.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dbmatrix_engine::privilege::{Request, ask_helper_now, has_helper, is_root};
use dbmatrix_platform::{file, user};

use super::EngineKind;

const SHARED: &str = "/run/dbmatrix";
/// For a folder that a group shares: new files in it belong to the group too.
const OF_A_GROUP: u32 = 0o2775;

/// Its path. Members of the engine's group and users with a root helper share root's
/// folder, so that all wait for each other. Until root has created it, each other user
/// has a separate one.
pub fn run_folder() -> PathBuf {
    let shared = PathBuf::from(SHARED);
    if is_root() || has_helper() || file::may_write(&shared) {
        return shared;
    }
    let name = format!("dbmatrix-{}", user::id());
    std::env::var_os("XDG_RUNTIME_DIR")
        .map(|folder| PathBuf::from(folder).join("dbmatrix"))
        .unwrap_or_else(|| std::env::temp_dir().join(name))
}

/// Ensures the folder. Root's is shared with the engine's group, whose members are
/// equivalent to root on this machine anyway.
///
/// # Errors
/// As of the file system; if it belongs to another user.
pub fn make_run_folder() -> io::Result<()> {
    let folder = run_folder();
    if !is_root() && has_helper() {
        let made = ask_helper_now(Request::MakeRunFolder);
        return made.map(drop).map_err(io::Error::other);
    }
    fs::create_dir_all(&folder)?;
    if !is_root() {
        return match folder == Path::new(SHARED) {
            true => Ok(()),
            false => keep_private(&folder),
        };
    }
    if let Some(group) = engine_group()
        && file::group(&fs::metadata(&folder)?) != Some(group)
    {
        file::set_group(&folder, group)?;
        file::set_mode(&folder, OF_A_GROUP)?;
    }
    Ok(())
}

fn keep_private(folder: &Path) -> io::Result<()> {
    if !file::is_own(&fs::symlink_metadata(folder)?) {
        let told = format!(
            "`{}` belongs to somebody else; set XDG_RUNTIME_DIR to a folder of yours",
            folder.display()
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, told));
    }
    file::set_mode(folder, 0o700)
}

/// The group that may use an engine of this machine.
fn engine_group() -> Option<u32> {
    let kinds = [EngineKind::Incus, EngineKind::Lxd];
    let mut sockets = kinds.iter().flat_map(|kind| kind.sockets());
    sockets.find_map(|socket| group_of(Path::new(socket)))
}

/// The group that a file or a socket belongs to.
pub fn group_of(path: &Path) -> Option<u32> {
    file::group(&fs::metadata(path).ok()?)
}
