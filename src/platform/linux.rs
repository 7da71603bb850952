//! Linux itself.

pub(crate) use std::os::linux::net::SocketAddrExt;

pub(crate) use rustix::fs::{FsWord, MemfdFlags, memfd_create};
pub(crate) use rustix::net::UCred;
pub(crate) use rustix::net::sockopt::socket_peercred;
pub(crate) use rustix::system::sysinfo;

use rustix::net::{RecvFlags, SendFlags, SocketFlags};

/// Of a socket that no program inherits and that waits for nothing.
pub(crate) const AT_ONCE: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);
/// No signal where nobody reads any more.
pub(crate) const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
/// What is passed is inherited by no program.
pub(crate) const NOT_INHERITED: RecvFlags = RecvFlags::CMSG_CLOEXEC;
