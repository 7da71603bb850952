//! Sockets between programs of one machine: engines and the root helper have them, and
//! both are on Linux alone. So none of these is ever made.

use std::io::{self, Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::unsupported::needs_linux;

fn unsupported<T>() -> io::Result<T> {
    Err(needs_linux("an engine on this machine"))
}

/// The address of a socket.
#[derive(Debug)]
pub enum Address {}

/// The address of a socket that is in no file system.
///
/// # Errors
/// Always.
pub fn abstract_address(_: &str) -> io::Result<Address> {
    unsupported()
}

/// Who is at the other end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {}

impl Peer {
    /// The number of its user.
    pub fn user(&self) -> u32 {
        match *self {}
    }

    /// The id of its process.
    pub fn process(&self) -> i32 {
        match *self {}
    }

    /// Whether it may do everything.
    pub fn is_root(&self) -> bool {
        match *self {}
    }
}

/// Who is at the other end of a socket.
///
/// # Errors
/// As of the kernel.
pub fn peer(stream: &Stream) -> io::Result<Peer> {
    match *stream {}
}

/// What takes connections.
#[derive(Debug)]
pub enum Listener {}

impl Listener {
    pub fn bind_addr(address: &Address) -> io::Result<Self> {
        match *address {}
    }

    pub fn set_nonblocking(&self, _: bool) -> io::Result<()> {
        match *self {}
    }

    pub fn accept(&self) -> io::Result<(Stream, Address)> {
        match *self {}
    }

    pub fn incoming(&self) -> std::iter::Empty<io::Result<Stream>> {
        match *self {}
    }
}

/// A connection.
#[derive(Debug)]
pub enum Stream {}

impl Stream {
    pub fn connect(_: &Path) -> io::Result<Self> {
        unsupported()
    }

    pub fn connect_addr(address: &Address) -> io::Result<Self> {
        match *address {}
    }

    pub fn set_nonblocking(&self, _: bool) -> io::Result<()> {
        match *self {}
    }

    pub fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        match *self {}
    }
}

impl Read for Stream {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}

impl Write for &Stream {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match **self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match **self {}
    }
}

/// Connects to a socket, and does not wait where too many others do.
///
/// # Errors
/// Always.
pub fn connect_at_once(path: &Path) -> io::Result<Stream> {
    Stream::connect(path)
}

/// Sends bytes and a connection with them. Returns how many bytes went.
///
/// # Errors
/// Where the other side is gone.
pub fn send_with(stream: &Stream, _: &[u8], _: &Stream) -> io::Result<usize> {
    match *stream {}
}

/// Waits for bytes, and takes the connection that comes with them.
///
/// # Errors
/// As of the kernel.
pub fn receive_with(stream: &Stream, _: &mut [u8]) -> io::Result<(usize, Option<Stream>)> {
    match *stream {}
}

/// What takes connections of a program that does something else while it waits.
#[derive(Debug)]
pub enum AsyncListener {}

impl AsyncListener {
    pub fn bind(_: &Path) -> io::Result<Self> {
        unsupported()
    }

    pub async fn accept(&self) -> io::Result<(AsyncStream, Address)> {
        match *self {}
    }
}

/// A connection of a program that does something else while it waits.
#[derive(Debug)]
pub enum AsyncStream {}

impl AsyncStream {
    pub async fn connect(_: &Path) -> io::Result<Self> {
        unsupported()
    }

    pub fn from_std(stream: Stream) -> io::Result<Self> {
        match stream {}
    }

    pub fn into_std(self) -> io::Result<Stream> {
        match self {}
    }
}

impl AsyncRead for AsyncStream {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match *self {}
    }
}

impl AsyncWrite for AsyncStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match *self {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }
}

impl Connection for AsyncStream {
    fn connected(&self) -> Connected {
        match *self {}
    }
}
