//! Sockets between programs of one machine (unix(7)).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, SendAncillaryBuffer,
    SendAncillaryMessage, SocketAddrUnix, SocketType, recvmsg, sendmsg, socket_with,
};

pub use std::os::unix::net::{UnixListener as Listener, UnixStream as Stream};
pub use tokio::net::{UnixListener as AsyncListener, UnixStream as AsyncStream};

use super::system::{AT_ONCE, NO_SIGNAL, NOT_INHERITED};
pub use super::system::{abstract_address, peer};

/// Who is at the other end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub(super) user: u32,
    pub(super) process: i32,
}

impl Peer {
    /// The number of its user.
    pub fn user(&self) -> u32 {
        self.user
    }

    /// The id of its process.
    pub fn process(&self) -> i32 {
        self.process
    }

    /// Whether it may do everything.
    pub fn is_root(&self) -> bool {
        self.user == 0
    }
}

/// Connects to a socket, and does not wait where too many others do.
///
/// # Errors
/// As of connect(2).
pub fn connect_at_once(path: &Path) -> io::Result<Stream> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, AT_ONCE, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    let stream = Stream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Sends bytes and a connection with them (`SCM_RIGHTS`). Returns how many bytes went.
///
/// # Errors
/// Where the other side is gone.
pub fn send_with(stream: &Stream, bytes: &[u8], passed: &Stream) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let all = [passed.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&all));
    Ok(sendmsg(
        stream,
        &[IoSlice::new(bytes)],
        &mut control,
        NO_SIGNAL,
    )?)
}

/// Waits for bytes, and takes the connection that comes with them. Returns how many
/// came; none at the end.
///
/// # Errors
/// As of the kernel.
pub fn receive_with(stream: &Stream, bytes: &mut [u8]) -> io::Result<(usize, Option<Stream>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let parts = &mut [IoSliceMut::new(bytes)];
    let got = recvmsg(stream, parts, &mut control, NOT_INHERITED)?;
    let mut passed = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(all) = message {
            passed = all.last().or(passed);
        }
    }
    Ok((got.bytes, passed.map(Stream::from)))
}
