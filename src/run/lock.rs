//! One run at a time on a nest, whoever runs it.
//!
//! A lock is a file in the run folder, in which only those may write who may use the
//! engine; the kernel locks it (flock(2)) and unlocks it however its holder ends. The
//! holder removes the file; one that a killed holder left is in nobody's way. For a
//! user whom the engine does not trust, their root helper is the holder.
//!
//! Whoever takes several takes those of nests first, in the order of their names, then
//! the project's, then the engine's.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use thiserror::Error;

use crate::event::Sender;
use crate::host::{make_run_folder, run_folder};
use crate::privilege::{PrivilegeError, Request, ask_now, has_helper, is_root};

/// How soon a lock that somebody else holds is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// For the engine's group too: the folder gives the file its group.
const MODE: u32 = 0o660;

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock(Held);

#[derive(Debug)]
enum Held {
    Here { path: PathBuf, _file: File },
    ByHelper { name: String },
}

/// Why there is no lock.
#[derive(Debug, Error)]
pub enum LockError {
    /// As of the file system.
    #[error("could not lock `{}`: {source}", path.display())]
    File {
        /// The lock's file.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// Root's helper did not do it.
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
}

impl Lock {
    /// Waits until nobody else holds the lock of that name, and says so.
    ///
    /// # Errors
    /// As of the file system.
    pub async fn take(name: &str, events: &Sender) -> Result<Self, LockError> {
        let mut told = false;
        loop {
            if let Some(lock) = Self::try_take(name)? {
                return Ok(lock);
            }
            if !told {
                let pid = holder(name).map(|pid| format!(" (process {pid})"));
                events.warn(format!(
                    "another dbmatrix{} is at work on `{name}`; waiting for it",
                    pid.unwrap_or_default()
                ));
                told = true;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// As [`Lock::take`], several in the order that everybody keeps.
    ///
    /// # Errors
    /// As of the file system.
    pub async fn take_all(mut names: Vec<String>, events: &Sender) -> Result<Vec<Self>, LockError> {
        names.sort_unstable();
        names.dedup();
        let mut held = Vec::new();
        for name in names {
            held.push(Self::take(&name, events).await?);
        }
        Ok(held)
    }

    /// The lock of that name, unless somebody else holds it.
    ///
    /// # Errors
    /// As of the file system.
    pub fn try_take(name: &str) -> Result<Option<Self>, LockError> {
        if is_root() || !has_helper() {
            return Self::try_take_for(name, rustix::process::getpid().as_raw_nonzero().get());
        }
        let name = name.to_owned();
        let taken = ask_now(Request::Lock { name: name.clone() })?;
        Ok(taken.then_some(Lock(Held::ByHelper { name })))
    }

    /// As [`Lock::try_take`], by this process for the one of that id.
    ///
    /// # Errors
    /// As of the file system.
    pub fn try_take_for(name: &str, holder: i32) -> Result<Option<Self>, LockError> {
        let path = path_of(name);
        let taken = try_lock(&path, holder).map_err(|source| LockError::File {
            path: path.clone(),
            source,
        })?;
        Ok(taken.map(|file| Lock(Held::Here { path, _file: file })))
    }

    /// Whether somebody holds the lock of that name.
    pub fn is_held(name: &str) -> bool {
        File::open(path_of(name))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let freed = match &self.0 {
            Held::Here { path, .. } => fs::remove_file(path),
            Held::ByHelper { name } => ask_now(Request::Unlock { name: name.clone() })
                .map(drop)
                .map_err(io::Error::other),
        };
        if let Err(error) = freed {
            tracing::debug!(%error, "the file of a lock stays");
        }
    }
}

/// Locks the file of that path with its holder's id in it; `None` where somebody
/// else has it locked.
fn try_lock(path: &Path, holder: i32) -> io::Result<Option<File>> {
    loop {
        make_run_folder()?;
        let mut file = match open(path) {
            Ok(file) => file,
            // The folder went just now, with the last of what was in it.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Its last holder may have removed it meanwhile.
        if is_at(&file, path)? {
            file.set_len(0)?;
            write!(file, "{holder}")?;
            return Ok(Some(file));
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .custom_flags(flags)
        .open(path)?;
    // The mask of this process must not keep the group out.
    if file.metadata()?.uid() == rustix::process::geteuid().as_raw() {
        file.set_permissions(Permissions::from_mode(MODE))?;
    }
    Ok(file)
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The process that holds a lock, as it says itself.
fn holder(name: &str) -> Option<u32> {
    fs::read_to_string(path_of(name)).ok()?.parse().ok()
}

fn path_of(name: &str) -> PathBuf {
    run_folder().join(format!("{name}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_at_a_time() {
        let name = format!("test-{}", std::process::id());
        assert!(!Lock::is_held(&name));
        let held = Lock::try_take(&name).expect("no error");
        assert!(held.is_some());
        assert!(Lock::is_held(&name));
        assert!(Lock::try_take(&name).expect("no error").is_none());
        assert_eq!(holder(&name), Some(std::process::id()));
        drop(held);
        assert!(!Lock::is_held(&name));
        assert!(!path_of(&name).exists());
        assert!(Lock::try_take(&name).expect("no error").is_some());
    }

    #[test]
    fn the_file_of_a_killed_holder_is_in_nobodys_way() {
        let name = format!("stale-{}", std::process::id());
        make_run_folder().expect("a folder");
        fs::write(path_of(&name), "1").expect("a file");
        assert!(!Lock::is_held(&name));
        assert!(Lock::try_take(&name).expect("no error").is_some());
    }

    #[test]
    fn a_link_is_not_followed() {
        let name = format!("link-{}", std::process::id());
        make_run_folder().expect("a folder");
        let target = tempfile::NamedTempFile::new().expect("a file");
        std::os::unix::fs::symlink(target.path(), path_of(&name)).expect("a link");
        let refused = Lock::try_take(&name);
        fs::remove_file(path_of(&name)).expect("the link");
        assert!(refused.is_err());
    }
}
