//! Runs a program in a container and passes its streams through, over the websockets of
//! an `exec` operation. Knows streams; knows no terminal.
//!
//! Binary messages carry a program's input and output; an empty text message ends a
//! stream. Orders to the program go as JSON over a separate websocket (`control`), and an
//! engine that loses that one ends the program.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::exec::ExecResult;
use super::operation::Operation;
use super::socket::{Direction, Socket, connection_lost};
use super::transport::{Reply, escaped, typed, unexpected};
use super::{Engine, EngineError, Exec};

/// Bytes read at a time.
const CHUNK: usize = 32 * 1024;
/// An interactive program has no time limit; this is some years.
const ENDLESS: Duration = Duration::from_secs(100_000_000);
/// How long one half of the engine's answer may follow the other: the end of the streams
/// after that of the program, and the program's status after the end of the streams.
const GRACE: Duration = Duration::from_secs(5);

/// Columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// An order to a running program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// A new size of its terminal.
    Resize(Size),
    /// A signal, by its number.
    Signal(i32),
}

/// How a program's streams ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// It ended with this status; 128 plus the signal's number if it was killed.
    Exited(i64),
    /// The reader of its output has gone (a closed pipe).
    Unread,
    /// The local terminal has gone.
    Gone,
}

/// A running program in a container, with its streams. The engine ends it when this is
/// dropped.
#[derive(Debug)]
pub struct Streams {
    pub(super) engine: Engine,
    pub(super) what: String,
    pub(super) operation: Operation,
    pub(super) input: Input,
    pub(super) output: SplitStream<Socket>,
    pub(super) errors: Option<SplitStream<Socket>>,
    pub(super) control: Socket,
}

pub(super) type Input = SplitSink<Socket, Message>;

/// What an `exec` operation returns at its start.
#[derive(Deserialize)]
struct Begun {
    metadata: Secrets,
}

/// The secrets that open its websockets, by their names.
#[derive(Deserialize)]
struct Secrets {
    fds: BTreeMap<String, String>,
}

impl Engine {
    /// Runs a program in a running container and opens its streams: a single one at a
    /// terminal of the engine if `terminal` gives its size, else three.
    ///
    /// # Errors
    /// As any request.
    pub async fn attach(
        &self,
        instance: &str,
        exec: &Exec,
        terminal: Option<Size>,
    ) -> Result<Streams, EngineError> {
        let what = format!("stay with a program in `{instance}`");
        let path = format!("/1.0/instances/{}/exec", escaped(instance));
        let body = request(exec, terminal);
        let reply = self.send(&what, Method::POST, &path, Some(body)).await?;
        let Reply::Async(operation, begun) = reply else {
            return Err(unexpected(&what, "an operation", "a direct reply"));
        };
        let begun: Begun = typed(&what, begun)?;
        let open = async |name: &str, direction: Direction| {
            let secret = begun.metadata.fds.get(name);
            let secret = secret.ok_or_else(|| {
                unexpected(&what, &format!("a websocket `{name}`"), "none of that name")
            })?;
            self.websocket(&what, &operation, secret, direction).await
        };
        let control = open("control", Direction::Both).await?;
        let (input, both) = open("0", Direction::Both).await?.split();
        let (output, errors) = match terminal {
            Some(_) => (both, None),
            None => {
                let (_, output) = open("1", Direction::Out).await?.split();
                let (_, errors) = open("2", Direction::Out).await?.split();
                (output, Some(errors))
            }
        };
        Ok(Streams {
            engine: self.clone(),
            what,
            operation,
            input,
            output,
            errors,
            control,
        })
    }
}

fn request(exec: &Exec, terminal: Option<Size>) -> Value {
    let mut body = json!({
        "command": exec.command,
        "environment": exec.environment,
        "wait-for-websocket": true,
        "interactive": terminal.is_some(),
    });
    if let Some(Size { width, height }) = terminal {
        body["width"] = width.into();
        body["height"] = height.into();
    }
    body
}

/// Why output stopped.
enum StreamError {
    /// The engine failed.
    Lost(EngineError),
    /// The local reader has gone.
    Unread,
    /// The local output cannot be written.
    Local(EngineError),
}

/// The result of one output stream; an error if the engine has cut it, which does not
/// affect the other one.
type OutputResult = Result<(), EngineError>;

/// Why input stopped.
enum Sent {
    /// It was sent completely.
    All,
    /// The engine accepts no more.
    RemoteClosed,
}

impl Streams {
    /// Passes bytes both ways until the program ends; forwards incoming orders to it.
    ///
    /// # Errors
    /// [`EngineError::Lost`] and the like if the engine goes before the
    /// program's end is known; if a local stream cannot be read or written.
    pub async fn forward_bytes(
        self,
        input: impl AsyncRead + Unpin,
        output: impl AsyncWrite + Unpin,
        errors: impl AsyncWrite + Unpin,
        mut orders: Receiver<Order>,
    ) -> Result<StreamEnd, EngineError> {
        let what = self.what.as_str();
        let at_terminal = self.errors.is_none();
        let (ended, enough) = (CancellationToken::new(), CancellationToken::new());
        let mut control = self.control;
        let mut left_to_send = true;
        let mut left_to_show = true;
        tokio::pin! {
            let sending = send(what, input, self.input, &enough);
            let status = status(&self.engine, what, &self.operation);
            let showing = async {
                let output = show(what, self.output, output, "/dev/stdout", &ended);
                let errors = show_if(what, self.errors, errors, "/dev/stderr", &ended);
                let (output, errors) = tokio::try_join!(output, errors)?;
                output.and(errors).map_err(StreamError::Lost)
            };
        }
        let hindrance = loop {
            tokio::select! {
                status = &mut status => {
                    let status = status?;
                    ended.cancel();
                    match if left_to_show { showing.await } else { Ok(()) } {
                        Ok(()) | Err(StreamError::Lost(_)) => return Ok(StreamEnd::Exited(status)),
                        Err(hindrance) => break hindrance,
                    }
                }
                shown = &mut showing, if left_to_show => match shown {
                    Ok(()) => {
                        left_to_show = false;
                        // On a terminal, both directions end before the engine reports
                        // the program's end.
                        if at_terminal { enough.cancel() }
                    }
                    Err(hindrance) => break hindrance,
                },
                sent = &mut sending, if left_to_send => {
                    left_to_send = false;
                    match sent {
                        Ok(Sent::All) | Err(_) if at_terminal && left_to_show => {
                            return Ok(StreamEnd::Gone);
                        }
                        sent => sent.map(drop)?,
                    }
                }
                Some(order) = orders.recv() => {
                    // The other streams notice an engine that is gone.
                    let _ = control.send(Message::text(order_json(order))).await;
                }
            }
        };
        hindrance.ending(status).await
    }
}

impl StreamError {
    /// How the program ends after such an error. The engine may still know the status of
    /// a program whose streams are lost.
    async fn ending(
        self,
        status: impl Future<Output = Result<i64, EngineError>>,
    ) -> Result<StreamEnd, EngineError> {
        match self {
            StreamError::Unread => Ok(StreamEnd::Unread),
            StreamError::Local(error) => Err(error),
            StreamError::Lost(error) => match timeout(GRACE, status).await {
                Ok(status) => status.map(StreamEnd::Exited),
                Err(_) => Err(error),
            },
        }
    }
}

/// Sends the input until its end or until it is cancelled, and then marks the end.
async fn send(
    what: &str,
    mut from: impl AsyncRead + Unpin,
    mut to: Input,
    enough: &CancellationToken,
) -> Result<Sent, EngineError> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            read = from.read(&mut chunk) => read,
            () = enough.cancelled() => Ok(0),
        };
        let message = match read.map_err(|error| local(what, "/dev/stdin", &error))? {
            0 => Message::text(""),
            count => Message::binary(Bytes::copy_from_slice(&chunk[..count])),
        };
        let is_end = message.is_text();
        match to.send(message).await {
            Ok(()) if is_end => return Ok(Sent::All),
            Ok(()) => {}
            Err(_) => return Ok(Sent::RemoteClosed),
        }
    }
}

async fn show_if(
    what: &str,
    from: Option<SplitStream<Socket>>,
    to: impl AsyncWrite + Unpin,
    path: &str,
    ended: &CancellationToken,
) -> Result<OutputResult, StreamError> {
    match from {
        Some(from) => show(what, from, to, path, ended).await,
        None => Ok(Ok(())),
    }
}

/// Writes the output until its end or until the stream is cut. Output may still be in
/// transit when the program's end is known, and the local reader may be slow.
async fn show(
    what: &str,
    mut from: SplitStream<Socket>,
    mut to: impl AsyncWrite + Unpin,
    path: &str,
    ended: &CancellationToken,
) -> Result<OutputResult, StreamError> {
    loop {
        let late = async {
            ended.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        let message = tokio::select! {
            biased;
            message = from.next() => message,
            () = late => None,
        };
        let bytes = match message {
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Text(_))) => return Ok(Ok(())),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Ok(Message::Close(_))) | None => {
                return Ok(Err(connection_lost(what, "a stream ended halfway")));
            }
            Some(Err(error)) => return Ok(Err(connection_lost(what, &error.to_string()))),
        };
        let written = async {
            to.write_all(&bytes).await?;
            to.flush().await
        };
        written.await.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => StreamError::Unread,
            _ => StreamError::Local(local(what, path, &error)),
        })?;
    }
}

/// The program's exit status, when it ends. Incus 6.0 reports these two statuses as
/// failures; a shell uses them too.
pub(super) async fn status(
    engine: &Engine,
    what: &str,
    operation: &Operation,
) -> Result<i64, EngineError> {
    match engine.wait(what, operation, ENDLESS).await {
        Ok(ended) => Ok(typed::<ExecResult>(what, ended)?.status),
        Err(EngineError::Failed { message, .. }) if message == "Command not executable" => Ok(126),
        Err(EngineError::Failed { message, .. }) if message == "Command not found" => Ok(127),
        Err(error) => Err(error),
    }
}

fn order_json(order: Order) -> String {
    let order = match order {
        Order::Resize(Size { width, height }) => json!({
            "command": "window-resize",
            "args": { "width": width.to_string(), "height": height.to_string() },
        }),
        Order::Signal(number) => json!({ "command": "signal", "signal": number }),
    };
    order.to_string()
}

fn local(what: &str, path: &str, error: &io::Error) -> EngineError {
    EngineError::LocalFile {
        what: what.to_owned(),
        path: Path::new(path).to_owned(),
        reason: error.to_string(),
    }
}
