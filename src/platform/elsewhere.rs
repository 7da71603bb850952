//! Other systems, on which dbmatrix makes no servers.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::SocketAddr;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};
use rustix::process::{Pid, Uid};

pub(crate) type FsWord = u32;

pub(crate) const AT_ONCE: SocketFlags = SocketFlags::empty();
pub(crate) const NO_SIGNAL: SendFlags = SendFlags::empty();
pub(crate) const NOT_INHERITED: RecvFlags = RecvFlags::empty();

/// Names of sockets that are in no file system.
pub(crate) trait SocketAddrExt: Sized {
    fn from_abstract_name<N: AsRef<[u8]>>(name: N) -> io::Result<Self>;
}

impl SocketAddrExt for SocketAddr {
    fn from_abstract_name<N: AsRef<[u8]>>(_: N) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Who is at the other end of a socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UCred {
    pub(crate) pid: Pid,
    pub(crate) uid: Uid,
}

pub(crate) fn socket_peercred(_: impl AsFd) -> Result<UCred, Errno> {
    Err(Errno::NOSYS)
}

/// How long the machine runs.
pub(crate) struct Sysinfo {
    pub(crate) uptime: i64,
}

pub(crate) fn sysinfo() -> Sysinfo {
    Sysinfo { uptime: 0 }
}

pub(crate) struct MemfdFlags;

impl MemfdFlags {
    pub(crate) fn empty() -> Self {
        MemfdFlags
    }
}

pub(crate) fn memfd_create(_: &str, _: MemfdFlags) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}
