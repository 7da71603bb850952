//! Allows one run at a time on a nest, across all users.
//!
//! A lock is a file in the run folder, to which only users of the engine may write. The
//! kernel locks it (flock(2)) and unlocks it however its holder ends. The holder removes
//! the file; a file that a killed holder left does no harm. For a user whom the engine
//! does not trust, their root helper holds the lock.
//!
//! Several locks are taken in a fixed order: those of nests by name, then the project's,
//! then the engine's.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;

use dbmatrix_containers::host::{make_run_folder, run_folder};
use dbmatrix_engine::privilege::{PrivilegeError, Request, ask_helper_now, has_helper, is_root};
use dbmatrix_platform::file;
use dbmatrix_report::event::{Event, Sender};

/// Retry interval for a lock that another process holds.
const AGAIN: Duration = Duration::from_millis(200);
/// Retry interval for a lock that a keeper holds, which ends soon.
const SOON: Duration = Duration::from_millis(10);
/// Writable for the engine's group too: the file inherits the folder's group.
const MODE: u32 = 0o660;

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub struct Lock(Held);

#[derive(Debug)]
enum Held {
    Here {
        path: PathBuf,
        file: File,
        /// Whether a keeper also holds it, and removes its file.
        handed_over: AtomicBool,
    },
    ByHelper {
        name: String,
    },
}

/// The holder of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A command, by its process id.
    Command(i32),
    /// The keeper of a finished run, by its process id.
    Keeper(i32),
}

/// Follows the process id of a keeper.
const KEEPER: &str = " keeper";

impl Holder {
    fn read(text: &str) -> Option<Self> {
        match text.strip_suffix(KEEPER) {
            Some(id) => id.parse().ok().map(Holder::Keeper),
            None => text.parse().ok().map(Holder::Command),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Command(id) => write!(f, "{id}"),
            Holder::Keeper(id) => write!(f, "{id}{KEEPER}"),
        }
    }
}

/// Why a lock was not taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// As of the file system.
    #[error("could not lock `{}`: {source}", path.display())]
    File {
        /// The lock's file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The root helper failed.
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
}

impl Lock {
    /// Takes the lock of that name; reports that it waits for another holder.
    ///
    /// # Errors
    /// As of the file system.
    pub async fn take(name: &str, events: &Sender) -> Result<Self, LockError> {
        let mut told = false;
        loop {
            if let Some(lock) = Self::try_take(name)? {
                return Ok(lock);
            }
            let holder = Self::holder(name);
            let again = match holder {
                Some(Holder::Keeper(_)) => SOON,
                Some(Holder::Command(_)) | None => AGAIN,
            };
            if !told {
                report_holder(name, holder, events);
                told = true;
            }
            tokio::time::sleep(again).await;
        }
    }

    /// Like [`Lock::take`] for several locks, in the order that every process keeps.
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

    /// Takes the lock of that name unless another process holds it.
    ///
    /// # Errors
    /// As of the file system.
    pub fn try_take(name: &str) -> Result<Option<Self>, LockError> {
        if is_root() || !has_helper() {
            return Self::try_take_as(name, Holder::Command(own_id()));
        }
        let name = name.to_owned();
        let taken = ask_helper_now(Request::Lock { name: name.clone() })?;
        Ok(taken.then_some(Lock(Held::ByHelper { name })))
    }

    /// Like [`Lock::try_take`], on behalf of the process with that id.
    ///
    /// # Errors
    /// As of the file system.
    pub fn try_take_for(name: &str, holder: i32) -> Result<Option<Self>, LockError> {
        Self::try_take_as(name, Holder::Command(holder))
    }

    fn try_take_as(name: &str, holder: Holder) -> Result<Option<Self>, LockError> {
        let path = path_of(name);
        let taken = try_lock(&path, holder).map_err(failed(&path))?;
        Ok(taken.map(|file| Lock::here(path, file)))
    }

    fn here(path: PathBuf, file: File) -> Self {
        Lock(Held::Here {
            path,
            file,
            handed_over: AtomicBool::new(false),
        })
    }

    /// Duplicates the locked file for a keeper that will hold it too.
    ///
    /// # Errors
    /// As of the file system; if the root helper holds the lock.
    pub(super) fn duplicate(&self) -> io::Result<File> {
        match &self.0 {
            Held::Here { file, .. } => file.try_clone(),
            Held::ByHelper { .. } => Err(ErrorKind::Unsupported.into()),
        }
    }

    /// Marks the lock as held by a keeper, which has the file too.
    pub(super) fn hand_over(&self, keeper: i32) {
        let Held::Here {
            file, handed_over, ..
        } = &self.0
        else {
            return;
        };
        handed_over.store(true, Ordering::Relaxed);
        if let Err(error) = write_holder(file, Holder::Keeper(keeper)) {
            tracing::debug!(%error, "nobody knows that a keeper holds the lock");
        }
    }

    /// The lock of that name, whose file this process has inherited; `None` if it is
    /// another file.
    ///
    /// # Errors
    /// As of the file system.
    pub(super) fn inherited(name: &str, file: File) -> Result<Option<Self>, LockError> {
        let path = path_of(name);
        let is_it = file::is_at(&file, &path).map_err(failed(&path))?;
        Ok(is_it.then(|| Lock::here(path, file)))
    }

    /// The current or last holder of a lock, as it recorded itself.
    pub fn holder(name: &str) -> Option<Holder> {
        Holder::read(&fs::read_to_string(path_of(name)).ok()?)
    }

    /// Whether a process holds the lock of that name.
    pub fn is_held(name: &str) -> bool {
        File::open(path_of(name))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let freed = match &self.0 {
            Held::Here { handed_over, .. } if handed_over.load(Ordering::Relaxed) => Ok(()),
            Held::Here { path, .. } => fs::remove_file(path),
            Held::ByHelper { name } => ask_helper_now(Request::Unlock { name: name.clone() })
                .map(drop)
                .map_err(io::Error::other),
        };
        if let Err(error) = freed {
            tracing::debug!(%error, "the file of a lock stays");
        }
    }
}

/// Locks the file at that path and writes the holder's id into it; `None` if another
/// process has locked it.
fn try_lock(path: &Path, holder: Holder) -> io::Result<Option<File>> {
    loop {
        make_run_folder()?;
        let file = match open(path) {
            Ok(file) => file,
            // The folder was just removed together with its last file.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Its last holder may have removed it in the meantime.
        if file::is_at(&file, path)? {
            write_holder(&file, holder)?;
            return Ok(Some(file));
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    file::open_with_mode(&mut options, MODE);
    file::open_no_link(&mut options);
    let file = options.open(path)?;
    // This process's umask must not lock out the group.
    if file::is_own(&file.metadata()?) {
        file::set_mode_of(&file, MODE)?;
    }
    Ok(file)
}

/// Writes the holder of a lock to its file.
fn write_holder(mut file: &File, holder: Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{holder}")
}

fn failed(path: &Path) -> impl Fn(io::Error) -> LockError {
    let path = path.to_owned();
    move |source| LockError::File {
        path: path.clone(),
        source,
    }
}

fn own_id() -> i32 {
    i32::try_from(std::process::id()).unwrap_or_default()
}

/// Reports whom a command waits for.
fn report_holder(name: &str, holder: Option<Holder>, events: &Sender) {
    match holder {
        Some(Holder::Keeper(_)) => events.send(Event::SetupStarted {
            step: "waiting until the run before has put its servers away".to_owned(),
        }),
        Some(Holder::Command(id)) => events.warn(format!(
            "another dbmatrix (process {id}) is at work on `{name}`; waiting for it"
        )),
        None => events.warn(format!(
            "another dbmatrix is at work on `{name}`; waiting for it"
        )),
    }
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
        assert_eq!(Lock::holder(&name), Some(Holder::Command(own_id())));
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
    fn a_lock_that_was_handed_over_is_the_keepers() {
        let name = format!("handed-{}", std::process::id());
        let held = Lock::try_take(&name).expect("no error").expect("a lock");
        let file = held.duplicate().expect("a file");
        held.hand_over(own_id());
        drop(held);
        assert!(Lock::is_held(&name));
        let kept = Lock::inherited(&name, file).expect("no error");
        assert!(kept.is_some());
        assert_eq!(Lock::holder(&name), Some(Holder::Keeper(own_id())));
        assert!(Lock::try_take(&name).expect("no error").is_none());
        drop(kept);
        assert!(!path_of(&name).exists());
    }

    #[test]
    fn another_file_is_no_inherited_lock() {
        let name = format!("other-{}", std::process::id());
        let _held = Lock::try_take(&name).expect("no error").expect("a lock");
        let file = tempfile::tempfile().expect("a file");
        assert!(Lock::inherited(&name, file).expect("no error").is_none());
        assert_eq!(Lock::holder(&name), Some(Holder::Command(own_id())));
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
