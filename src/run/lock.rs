//! One run at a time on a nest.

use std::fs::{File, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::event::Sender;
use crate::host::{make_run_folder, run_folder};

/// Held as long as it lives; let go by the kernel however the process ends.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

/// Why there is no lock.
#[derive(Debug, Error)]
#[error("could not lock `{}`: {source}", path.display())]
pub struct LockError {
    path: PathBuf,
    source: io::Error,
}

/// The name of a nest's lock. Who takes that of the project as well takes it
/// after this.
pub fn nest_lock(project: &str, nest: &str) -> String {
    format!("{project}-{nest}")
}

impl Lock {
    /// Waits until nobody else holds the lock of that name, and says so.
    ///
    /// # Errors
    /// As of the file system.
    pub async fn take(name: &str, events: &Sender) -> Result<Self, LockError> {
        let path = path_of(name);
        let failed = |source: io::Error| LockError {
            path: path.clone(),
            source,
        };
        let mut told = false;
        loop {
            let mut file = match attempt(&path).map_err(failed)? {
                Attempt::Held(lock) => return Ok(lock),
                Attempt::Busy(file) => file,
            };
            if !told {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(failed)?;
                events.warn(format!(
                    "another dbmatrix (process {holder}) is at work on `{name}`; waiting for it"
                ));
                told = true;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The lock of that name, unless somebody else holds it.
    ///
    /// # Errors
    /// As of the file system.
    pub fn try_take(name: &str) -> Result<Option<Self>, LockError> {
        let path = path_of(name);
        match attempt(&path) {
            Ok(Attempt::Held(lock)) => Ok(Some(lock)),
            Ok(Attempt::Busy(_)) => Ok(None),
            Err(source) => Err(LockError { path, source }),
        }
    }

    /// Whether somebody holds the lock of that name. Makes no file.
    pub fn is_held(name: &str) -> bool {
        let Ok(file) = File::open(path_of(name)) else {
            return false;
        };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Removes the files of locks that nobody holds: whoever was killed has left
    /// them, and who needs one makes it anew.
    pub fn remove_abandoned() {
        let Ok(files) = std::fs::read_dir(run_folder()) else {
            return;
        };
        for file in files.flatten() {
            let name = file.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".lock"));
            if let Some(Ok(Some(lock))) = name.map(Self::try_take) {
                lock.remove();
            }
        }
    }

    /// Lets go of the lock and removes its file.
    pub fn remove(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "a lock's file stays");
        }
        drop(self.file);
    }
}

fn path_of(name: &str) -> PathBuf {
    run_folder().join(format!("{name}.lock"))
}

/// What comes of an attempt to take a lock.
enum Attempt {
    Held(Lock),
    /// Somebody else holds it.
    Busy(File),
}

fn attempt(path: &Path) -> io::Result<Attempt> {
    loop {
        make_run_folder()?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path)?;
        // Others of the group lock it too; only its owner may say so.
        let _ = file.set_permissions(Permissions::from_mode(0o664));
        match file.try_lock() {
            Ok(()) if is_at(&file, path) => {
                file.rewind()?;
                file.set_len(0)?;
                write!(file, "{}", std::process::id())?;
                let path = path.to_owned();
                return Ok(Attempt::Held(Lock { path, file }));
            }
            // Whoever held it has removed the file since it was opened.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Attempt::Busy(file)),
            Err(TryLockError::Error(source)) => return Err(source),
        }
    }
}

/// Whether `path` still leads to the open file.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}
