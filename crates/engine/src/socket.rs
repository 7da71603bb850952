//! Websockets of an operation. An engine closes them after its last message, which may
//! still be unread. Writing to a closed one is therefore not an error here: reading finds
//! its end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::connection::AnyStream;
use super::limits::Progress;
use super::operation::Operation;
use super::transport::{escaped, read_reply, unexpected};
use super::{Engine, EngineError};

pub(super) type Socket = WebSocketStream<WsTransport>;

/// The direction of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Both,
    /// Sends nothing after the websocket is open, not even answers to an engine's `ping`,
    /// which are not required. If the engine has gone, a proxy in between would drop
    /// undelivered data as soon as something is sent.
    Out,
}

/// A connection that accepts writes as long as it can be read.
#[derive(Debug)]
pub(super) struct WsTransport {
    stream: AnyStream,
    direction: Direction,
}

impl Engine {
    /// Opens the websocket of an operation that has this secret.
    pub(super) async fn websocket(
        &self,
        what: &str,
        operation: &Operation,
        secret: &str,
        direction: Direction,
    ) -> Result<Socket, EngineError> {
        let path = operation.address() + "/websocket?secret=" + &escaped(secret);
        let (watch, progress) = (self.watch(), Progress::default());
        let stream = watch.watch_over(what, &progress, self.connect()).await?;
        let stream = stream.map_err(|error| self.not_connected(what, &error))?;
        let line = WsTransport {
            stream,
            direction: Direction::Both,
        };
        let address = format!("ws://engine{}", self.with_project(&path));
        let shaken = client_async(address, line);
        match watch.watch_over(what, &progress, shaken).await? {
            Ok((mut socket, _)) => {
                socket.get_mut().direction = direction;
                Ok(socket)
            }
            Err(Error::Http(response)) => {
                let said = response.into_body().unwrap_or_default();
                let refused = read_reply(what, &said.into()).err();
                Err(refused.unwrap_or_else(|| unexpected(what, "a websocket", "a reply")))
            }
            Err(error) => Err(connection_lost(what, &error.to_string())),
        }
    }
}

pub(super) fn connection_lost(what: &str, reason: &str) -> EngineError {
    EngineError::Lost {
        what: what.to_owned(),
        reason: reason.to_owned(),
    }
}

impl AsyncRead for WsTransport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, bytes)
    }
}

impl AsyncWrite for WsTransport {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        if line.direction == Direction::Out {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut line.stream).poll_write(context, bytes);
        written.map(|written| Ok(written.unwrap_or(bytes.len())))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = ready!(Pin::new(&mut self.get_mut().stream).poll_flush(context));
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
