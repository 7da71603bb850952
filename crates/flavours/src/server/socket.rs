//! A socket of this machine that leads to a child's server, for programs that expect one
//! and run longer than dbmatrix.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dbmatrix_containers::nest::{Child, Nest};
use dbmatrix_platform::socket::AsyncStream;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::ServerError;
use super::login::PORT;

/// How long a server that runs may take to send its greeting.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes before the first packet's own: its length and its number.
const HEADER: usize = 4;
/// The first byte of a greeting: the protocol's version.
const GREETING: u8 = 10;
/// The first byte of an error, which comes instead where the server accepts no login from
/// there.
const ERROR: u8 = 0xFF;

/// The socket that leads to a child's server, made where there is none that works.
///
/// # Errors
/// As of the host's engine and of the nest; [`ServerError::Socket`] for one that leads
/// nowhere, which is removed.
pub async fn ensure_socket(nest: &Nest, child: &Child) -> Result<PathBuf, ServerError> {
    if let Some(path) = nest.server_socket(child.address).await? {
        match await_greeting(&path).await {
            Ok(()) => return Ok(path),
            Err(error) => tracing::info!(%error, path = %path.display(), "made anew"),
        }
    }
    let path = nest.make_server_socket(child.address, PORT).await?;
    if let Err(error) = await_greeting(&path).await {
        nest.remove_server_socket(child.address).await?;
        return Err(ServerError::Socket {
            path,
            reason: error.to_string(),
        });
    }
    Ok(path)
}

async fn await_greeting(path: &Path) -> io::Result<()> {
    let read = async {
        let mut stream = AsyncStream::connect(path).await?;
        let mut first = [0; HEADER + 1];
        stream.read_exact(&mut first).await?;
        match first[HEADER] {
            GREETING => Ok(()),
            ERROR => Err(io::Error::other(
                "the server accepts no login from the nest's address",
            )),
            other => Err(io::Error::other(format!(
                "expected a server's greeting, found a packet that begins with {other}"
            ))),
        }
    };
    match timeout(LIMIT, read).await {
        Ok(read) => read,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use dbmatrix_platform::socket::AsyncListener;
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn told(packet: &'static [u8]) -> Result<(), String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.socket");
        let listener = AsyncListener::bind(&path).expect("a socket");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            stream.write_all(packet).await.expect("written");
        });
        await_greeting(&path)
            .await
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn only_a_servers_greeting_counts() {
        assert_eq!(told(b"\x4a\0\0\0\x0a11.8.9-MariaDB").await, Ok(()));
        let refused = told(b"\x43\0\0\0\xff\x6a\x04Host '10.1.1.1'").await;
        assert!(refused.expect_err("an error").contains("no login"));
        assert!(told(b"HTTP/1.1 400").await.is_err());
        assert!(told(b"").await.is_err());
    }
}
