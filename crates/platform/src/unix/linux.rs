//! Linux itself.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;

use rustix::fs::{FsWord, MemfdFlags, Mode, fchmod, memfd_create, statfs};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};
use rustix::system::sysinfo;

use super::socket::Peer;

/// Of a socket that no program inherits and that waits for nothing.
pub(super) const AT_ONCE: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);
/// No signal where nobody reads any more.
pub(super) const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
/// What is passed is inherited by no program.
pub(super) const NOT_INHERITED: RecvFlags = RecvFlags::CMSG_CLOEXEC;
/// File system type of a cgroup2 mount (`CGROUP2_SUPER_MAGIC` in linux/magic.h).
const CGROUP2_MAGIC: FsWord = 0x6367_7270;

/// The address of a socket that is in no file system (unix(7)).
///
/// # Errors
/// Where the name is too long.
pub fn abstract_address(name: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(name)
}

/// Who is at the other end of a socket.
///
/// # Errors
/// As of the kernel.
pub fn peer(stream: &UnixStream) -> io::Result<Peer> {
    let found = socket_peercred(stream)?;
    Ok(Peer {
        user: found.uid.as_raw(),
        process: found.pid.as_raw_nonzero().get(),
    })
}

/// Returns where this system can have servers that dbmatrix makes.
///
/// # Errors
/// Never.
pub fn ensure_linux() -> io::Result<()> {
    Ok(())
}

/// How long the machine has been running, in whole seconds.
pub fn uptime() -> Option<u64> {
    u64::try_from(sysinfo().uptime).ok()
}

/// Whether a tree of control groups of version 2 is mounted there.
pub fn is_cgroup2(path: &str) -> bool {
    statfs(path).is_ok_and(|found| found.f_type == CGROUP2_MAGIC)
}

/// A file without a place on a disk, for its owner alone. Programs inherit it.
#[derive(Debug)]
pub struct MemoryFile(File);

impl MemoryFile {
    /// Makes one with these contents.
    ///
    /// # Errors
    /// As of the kernel.
    pub fn with_contents(name: &str, contents: &str) -> io::Result<Self> {
        let memory = memfd_create(name, MemfdFlags::empty())?;
        fchmod(&memory, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(memory);
        file.write_all(contents.as_bytes())?;
        Ok(MemoryFile(file))
    }

    /// Where a program that was started with the file finds it.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}
