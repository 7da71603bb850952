//! The program of a relay in its container: started, fed and read.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, SplitStream};
use futures_util::{Sink, SinkExt, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::frame::{CHUNK, Frame, Kind};
use super::{Relay, Shared, WINDOW};
use crate::socket::Socket;
use crate::stream::status;
use crate::{Engine, EngineError, Exec, Operation};

pub(super) const PROGRAM: &str = include_str!("relay.pl");
/// How long it may take to start, on a machine that is busy.
const STARTS: Duration = Duration::from_secs(60);
/// How long the engine may take to say how it ended.
const GRACE: Duration = Duration::from_secs(3);
/// Bytes that it may say of its end.
const SAID: usize = 400;

/// Starts a relay, and waits until it answers.
pub(super) async fn start(engine: &Engine, instance: &str) -> Result<Relay, EngineError> {
    let exec = Exec::new("perl", ["-e", PROGRAM]).arg(&WINDOW.to_string());
    let streams = engine.attach(instance, &exec, None).await?;
    let mut output = Output::new(messages(streams.output).boxed());
    let ending = Ending {
        engine: streams.engine,
        what: streams.what,
        operation: streams.operation,
        errors: streams.errors,
        _control: streams.control,
    };
    let refused = |reason| EngineError::Relay {
        instance: instance.to_owned(),
        reason,
    };
    match timeout(STARTS, output.hello()).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return Err(refused(ending.reason().await)),
        Ok(Err(why)) => return Err(refused(why)),
        Err(_) => {
            let seconds = STARTS.as_secs();
            return Err(refused(format!("it said nothing for {seconds} s")));
        }
    }
    let (shared, sent) = Shared::new(instance);
    let input = streams.input.with(async |bytes: Bytes| {
        Ok::<_, tokio_tungstenite::tungstenite::Error>(Message::Binary(bytes))
    });
    tokio::spawn(async move { feed(sent, std::pin::pin!(input)).await });
    let reading = Arc::clone(&shared);
    tokio::spawn(async move { read(reading, output, ending.reason()).await });
    Ok(Relay(shared))
}

/// What is left of its `exec`, to find out how it ended.
struct Ending {
    engine: Engine,
    what: String,
    operation: Operation,
    errors: Option<SplitStream<Socket>>,
    /// The engine ends the program without it.
    _control: Socket,
}

impl Ending {
    async fn reason(self) -> String {
        let said = match self.errors {
            Some(errors) => timeout(GRACE, text_of(errors)).await.unwrap_or_default(),
            None => String::new(),
        };
        let ended = timeout(GRACE, status(&self.engine, &self.what, &self.operation)).await;
        match (ended, said.trim()) {
            (Ok(Ok(127)), _) => "there is no `perl` in it".to_owned(),
            (Ok(Ok(status)), "") => format!("its program ended with status {status}"),
            (Ok(Ok(status)), said) => format!("its program ended with status {status}: {said}"),
            (Ok(Err(error)), _) => error.to_string(),
            (Err(_), _) => "the engine closed its streams".to_owned(),
        }
    }
}

/// The beginning of what it says.
async fn text_of(errors: SplitStream<Socket>) -> String {
    let mut said = Vec::new();
    let mut errors = std::pin::pin!(messages(errors));
    while let Some(Ok(bytes)) = errors.next().await {
        let room = SAID.saturating_sub(said.len()).min(bytes.len());
        said.extend_from_slice(&bytes[..room]);
    }
    String::from_utf8_lossy(&said).replace('\n', " ")
}

/// The bytes of a program's stream until its end, or why there are no more.
fn messages(
    from: SplitStream<Socket>,
) -> impl futures_util::Stream<Item = Result<Bytes, String>> + Send {
    futures_util::stream::unfold(Some(from), async |from| {
        let mut from = from?;
        loop {
            return match from.next().await {
                Some(Ok(Message::Binary(bytes))) => Some((Ok(bytes), Some(from))),
                Some(Ok(Message::Text(_) | Message::Close(_))) | None => None,
                Some(Ok(_)) => continue,
                Some(Err(error)) => Some((Err(error.to_string()), None)),
            };
        }
    })
}

/// The frames of its output.
pub(super) struct Output {
    from: BoxStream<'static, Result<Bytes, String>>,
    unread: BytesMut,
}

impl Output {
    pub(super) fn new(from: BoxStream<'static, Result<Bytes, String>>) -> Self {
        Output {
            from,
            unread: BytesMut::new(),
        }
    }

    /// Waits until the program has started; `false` if it has ended instead.
    ///
    /// # Errors
    /// What it said instead.
    pub(super) async fn hello(&mut self) -> Result<bool, String> {
        match self.next().await? {
            Some(Frame {
                kind: Kind::Hello, ..
            }) => Ok(true),
            Some(frame) => Err(format!("its first frame was `{:?}`", frame.kind)),
            None => Ok(false),
        }
    }

    /// The next frame; `None` at its end.
    async fn next(&mut self) -> Result<Option<Frame>, String> {
        loop {
            let frame = Frame::take(&mut self.unread);
            let frame = frame.map_err(|found| format!("expected a frame, found {found}"))?;
            if frame.is_some() {
                return Ok(frame);
            }
            match self.from.next().await.transpose()? {
                Some(bytes) => self.unread.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }
}

/// Passes frames on to connections until the relay ends; `reason` finds out why it did.
pub(super) async fn read(
    shared: Arc<Shared>,
    mut output: Output,
    reason: impl Future<Output = String>,
) {
    let end = End(shared);
    let why = loop {
        match output.next().await {
            Ok(Some(frame)) => end.0.hear(frame),
            Ok(None) => break reason.await,
            Err(why) => break why,
        }
    };
    end.0.end(&why);
}

/// Ends the connections in any case, also with the runtime in which the relay is read.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end("nothing reads from it any more");
    }
}

/// Sends frames, as many at once as there are.
pub(super) async fn feed(mut sent: UnboundedReceiver<Frame>, mut input: impl Sink<Bytes> + Unpin) {
    let mut message = BytesMut::new();
    while let Some(frame) = sent.recv().await {
        frame.write(&mut message);
        while message.len() < CHUNK
            && let Ok(more) = sent.try_recv()
        {
            more.write(&mut message);
        }
        // Why the relay has ended, the task finds out that reads from it.
        if input.send(Bytes::from(message.split())).await.is_err() {
            return;
        }
    }
}
