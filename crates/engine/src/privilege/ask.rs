//! The user's side: sends requests to the root helper of this process.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use dbmatrix_platform::socket::{AsyncStream, Stream, abstract_address, connect_at_once, peer};
use thiserror::Error;

use super::{Answer, Request, is_root, receive, send};

/// Time limit for the helper's connection to a socket.
const CONNECT: Duration = Duration::from_secs(15);

/// The helper that serves this process.
static HELPER: OnceLock<Helper> = OnceLock::new();

#[derive(Debug)]
struct Helper {
    address: String,
    /// Closing it ends the helper.
    _control: Stream,
}

/// Why a privileged operation failed.
#[derive(Debug, Error)]
pub enum PrivilegeError {
    /// There is no root helper.
    #[error(
        "expected root's privilege, found none; run the same command with sudo, or join the engine's group"
    )]
    NoHelper,
    /// The helper does not answer.
    #[error("dbmatrix's root helper does not answer: {0}; run the same command again")]
    Lost(io::Error),
    /// The helper's error.
    #[error("{0}")]
    Failed(String),
}

/// Whether this process has a root helper.
pub fn has_helper() -> bool {
    HELPER.get().is_some()
}

/// Keeps the helper for the rest of the process.
pub(super) fn keep_helper(address: String, control: Stream) {
    let _ = HELPER.set(Helper {
        address,
        _control: control,
    });
}

/// Sends a request that may take long; returns `false` if there was nothing to do.
///
/// # Errors
/// [`PrivilegeError`].
pub async fn ask_helper(request: Request) -> Result<bool, PrivilegeError> {
    // A separate thread, so that a caller that stops waiting is not delayed.
    let asked = tokio::task::spawn_blocking(move || ask_helper_now(request));
    asked
        .await
        .unwrap_or_else(|error| Err(PrivilegeError::Lost(io::Error::other(error))))
}

/// Like [`ask_helper`], for operations that finish at once.
///
/// # Errors
/// [`PrivilegeError`].
pub fn ask_helper_now(request: Request) -> Result<bool, PrivilegeError> {
    exchange(&request, None).map(|(done, _)| done)
}

/// Connects to a socket of an engine: as this user if possible, else through the helper.
/// Does not wait if the listener's queue is full.
///
/// # Errors
/// As of connect(2); the helper's error.
pub fn connect(path: &Path) -> io::Result<Stream> {
    match connect_at_once(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied && is_helped() => {
            connect_by_helper(path)
        }
        opened => opened,
    }
}

/// Like [`connect`], but waits if the listener's queue is full: it admits new connections
/// only after it has accepted some.
///
/// # Errors
/// As of connect(2); the helper's error.
pub async fn connect_async(path: &Path) -> io::Result<AsyncStream> {
    const AGAIN: Duration = Duration::from_millis(50);
    loop {
        match connect_once(path).await {
            Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::time::sleep(AGAIN).await,
            opened => return opened,
        }
    }
}

async fn connect_once(path: &Path) -> io::Result<AsyncStream> {
    match AsyncStream::connect(path).await {
        Err(error) if error.kind() == ErrorKind::PermissionDenied && is_helped() => {
            let path = path.to_owned();
            let opened = tokio::task::spawn_blocking(move || connect_by_helper(&path));
            let stream = opened.await.map_err(io::Error::other)??;
            stream.set_nonblocking(true)?;
            AsyncStream::from_std(stream)
        }
        opened => opened,
    }
}

fn is_helped() -> bool {
    !is_root() && has_helper()
}

fn connect_by_helper(path: &Path) -> io::Result<Stream> {
    let socket = path.to_owned();
    let (_, passed) =
        exchange(&Request::Connect { socket }, Some(CONNECT)).map_err(io::Error::other)?;
    passed.ok_or_else(|| io::Error::other("expected a connection from the root helper, found none"))
}

fn exchange(
    request: &Request,
    limit: Option<Duration>,
) -> Result<(bool, Option<Stream>), PrivilegeError> {
    let helper = HELPER.get().ok_or(PrivilegeError::NoHelper)?;
    match exchange_with(helper, request, limit).map_err(PrivilegeError::Lost)? {
        (Answer::Done, passed) => Ok((true, passed)),
        (Answer::Nothing, passed) => Ok((false, passed)),
        (Answer::Failed { message }, _) => Err(PrivilegeError::Failed(message)),
    }
}

fn exchange_with(
    helper: &Helper,
    request: &Request,
    limit: Option<Duration>,
) -> io::Result<(Answer, Option<Stream>)> {
    let address = abstract_address(&helper.address)?;
    let stream = Stream::connect_addr(&address)?;
    // Another process may have taken the name of a helper that has ended.
    if !peer(&stream)?.is_root() {
        return Err(io::Error::other("another program answers in its place"));
    }
    stream.set_read_timeout(limit)?;
    send(&stream, request, None)?;
    receive::<Answer>(&stream)?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
}
