//! A Unix socket of this machine that leads to a server, for programs that expect one. It
//! passes bytes on: to the server, its clients come from this machine's address.

use std::io;
use std::path::{Path, PathBuf};

use dbmatrix_flavours::server::Server;
use dbmatrix_platform::file;
use dbmatrix_platform::socket::{AsyncListener, AsyncStream};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A socket that is there until this is dropped, with all its connections.
pub(super) struct ServerSocket {
    path: PathBuf,
    _folder: TempDir,
    _accepting: JoinSet<()>,
}

impl ServerSocket {
    /// Opens a socket that leads to a server.
    ///
    /// # Errors
    /// As of the system; `TMPDIR` may be too long a path for a socket.
    pub(super) fn open(server: &Server) -> io::Result<Self> {
        let server = server.clone();
        Self::leading_to(move || {
            let server = server.clone();
            async move { server.open_connection().await.map_err(io::Error::other) }
        })
    }

    fn leading_to<F>(dial: impl Fn() -> F + Clone + Send + 'static) -> io::Result<Self>
    where
        F: Future<Output = io::Result<TcpStream>> + Send + 'static,
    {
        let folder = TempDir::with_prefix("dbmatrix-")?;
        let path = folder.path().join("mysql.sock");
        let listener = AsyncListener::bind(&path)?;
        // The program may run as another user, who needs the password all the same.
        file::set_mode(folder.path(), 0o755)?;
        file::set_mode(&path, 0o777)?;
        let mut accepting = JoinSet::new();
        accepting.spawn(accept_all(listener, dial));
        Ok(ServerSocket {
            path,
            _folder: folder,
            _accepting: accepting,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

async fn accept_all<F>(listener: AsyncListener, dial: impl Fn() -> F)
where
    F: Future<Output = io::Result<TcpStream>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    connections.spawn(pass_on(client, dial()));
                }
                Err(error) => {
                    tracing::debug!(%error, "no more connections by the socket");
                    return;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The client sees a connection that ends where the server cannot be reached.
async fn pass_on(mut client: AsyncStream, dialling: impl Future<Output = io::Result<TcpStream>>) {
    let passed = async {
        let mut server = dialling.await?;
        server.set_nodelay(true)?;
        copy_bidirectional(&mut client, &mut server).await
    };
    if let Err(error) = passed.await {
        tracing::debug!(%error, "a connection by the socket ended");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn bytes_are_passed_on_until_it_is_dropped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"hello ").await;
                let mut name = [0; 3];
                let _ = stream.read_exact(&mut name).await;
                let _ = stream.write_all(&name).await;
            }
        });
        let socket = ServerSocket::leading_to(move || TcpStream::connect(address));
        let socket = socket.expect("a socket");
        for name in [b"one", b"two"] {
            let mut client = AsyncStream::connect(socket.path()).await.expect("a way");
            client.write_all(name).await.expect("a server");
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.expect("an answer");
            assert_eq!(answer.as_bytes(), [b"hello ", &name[..]].concat());
        }
        let path = socket.path().to_owned();
        drop(socket);
        assert!(!path.exists());
    }
}
