//! One run at a time on a nest.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::event::Sender;
use crate::host::run_folder;

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
        let path = run_folder().join(format!("{name}.lock"));
        let failed = |source: io::Error| LockError {
            path: path.clone(),
            source,
        };
        let mut told = false;
        loop {
            std::fs::create_dir_all(run_folder()).map_err(failed)?;
            let mut options = File::options();
            let file = options
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path);
            let mut file = file.map_err(failed)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => {
                    let noted = file.rewind().and_then(|()| file.set_len(0));
                    noted
                        .and_then(|()| write!(file, "{}", std::process::id()))
                        .map_err(failed)?;
                    return Ok(Lock { path, file });
                }
                // Whoever held it has removed the file since it was opened.
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
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

    /// Lets go of the lock and removes its file.
    pub fn remove(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "a lock's file stays");
        }
        drop(self.file);
    }
}

/// Whether `path` still leads to the open file.
fn is_at(file: &File, path: &std::path::Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}
