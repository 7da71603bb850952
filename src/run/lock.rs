//! One run at a time on a nest, whoever runs it.
//!
//! A lock is a Unix socket that is bound to an abstract name (unix(7)): the kernel
//! gives a name to one process at a time and takes it back however that ends, so
//! nothing is left and no user needs a folder for it.

use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::event::Sender;

/// Bytes that an abstract name may have.
const LONGEST: usize = 107;

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _listener: UnixListener,
}

/// Why there is no lock.
#[derive(Debug, Error)]
#[error("could not lock `{name}`: {source}")]
pub struct LockError {
    name: String,
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
    /// As of the kernel.
    pub async fn take(name: &str, events: &Sender) -> Result<Self, LockError> {
        let mut told = false;
        loop {
            if let Some(lock) = Self::try_take(name)? {
                return Ok(lock);
            }
            if !told {
                let holder =
                    holder(name).map_or_else(String::new, |pid| format!(" (process {pid})"));
                events.warn(format!(
                    "another dbmatrix{holder} is at work on `{name}`; waiting for it"
                ));
                told = true;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The lock of that name, unless somebody else holds it.
    ///
    /// # Errors
    /// As of the kernel.
    pub fn try_take(name: &str) -> Result<Option<Self>, LockError> {
        let bound = address(name).and_then(|address| UnixListener::bind_addr(&address));
        match bound {
            Ok(listener) => Ok(Some(Lock {
                _listener: listener,
            })),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(None),
            Err(source) => Err(LockError {
                name: name.to_owned(),
                source,
            }),
        }
    }

    /// Whether somebody holds the lock of that name.
    pub fn is_held(name: &str) -> bool {
        holder(name).is_some()
    }
}

/// The process that holds a lock.
fn holder(name: &str) -> Option<u32> {
    let stream = UnixStream::connect_addr(&address(name).ok()?).ok()?;
    let process = socket_peercred(&stream).ok()?.pid;
    u32::try_from(process.as_raw_nonzero().get()).ok()
}

fn address(name: &str) -> io::Result<SocketAddr> {
    let mut whole = format!("dbmatrix/{name}");
    if whole.len() > LONGEST {
        let digest = Sha256::digest(name.as_bytes());
        let hex = digest.iter().map(|byte| format!("{byte:02x}"));
        whole = format!("dbmatrix/{}", hex.collect::<String>());
    }
    SocketAddr::from_abstract_name(whole)
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
        assert!(Lock::try_take(&name).expect("no error").is_none());
        assert_eq!(holder(&name), Some(std::process::id()));
        drop(held);
        assert!(!Lock::is_held(&name));
        assert!(Lock::try_take(&name).expect("no error").is_some());
    }

    #[test]
    fn a_long_name_is_a_lock_of_its_own() {
        let long = |end: &str| format!("{}-{end}-{}", "x".repeat(200), std::process::id());
        let one = Lock::try_take(&long("a")).expect("no error");
        let other = Lock::try_take(&long("b")).expect("no error");
        assert!(one.is_some() && other.is_some());
        assert!(Lock::try_take(&long("a")).expect("no error").is_none());
    }
}
