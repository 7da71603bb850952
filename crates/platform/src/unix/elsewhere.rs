//! Systems like Linux, on which dbmatrix makes no servers.

use std::io;
use std::os::unix::net::{SocketAddr, UnixStream};

use rustix::net::{RecvFlags, SendFlags, SocketFlags};

use super::socket::Peer;
use crate::unsupported::needs_linux;
pub use crate::unsupported::{MemoryFile, ensure_linux, is_cgroup2, uptime};

pub(super) const AT_ONCE: SocketFlags = SocketFlags::empty();
pub(super) const NO_SIGNAL: SendFlags = SendFlags::empty();
pub(super) const NOT_INHERITED: RecvFlags = RecvFlags::empty();

/// The address of a socket that is in no file system.
///
/// # Errors
/// Always.
pub fn abstract_address(_: &str) -> io::Result<SocketAddr> {
    Err(needs_linux("dbmatrix's root helper"))
}

/// Who is at the other end of a socket.
///
/// # Errors
/// Always.
pub fn peer(_: &UnixStream) -> io::Result<Peer> {
    Err(needs_linux("dbmatrix's root helper"))
}
