//! HTTP as an engine speaks it, on a Unix socket. Knows no container.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::StatusCode;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// What a fake does with a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A direct reply.
    Sync(Value),
    /// A background operation.
    Operation,
    /// The background operation of that number.
    Began(usize),
    /// An error with an HTTP status.
    Error(u16, &'static str),
    /// These bytes in place of JSON.
    Bytes(&'static str),
    /// The same, not known before.
    Text(String),
    /// The end of the connection.
    HangUp,
    /// No answer at all.
    Silence,
    /// A direct reply, after a while.
    Late(Duration, String),
    /// Half an answer, that then stalls or ends.
    Half(bool),
    /// A program that was begun in a container; the secrets of its websockets
    /// are their names.
    Program,
    /// A websocket on which this is said.
    Websocket(&'static [Said]),
}

/// What is said on a websocket, which then stays open.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Said {
    Bytes(&'static [u8]),
    /// A question whether anybody is there.
    Ping,
    /// The end of a stream.
    End,
    /// The end of the connection.
    HangUp,
}

/// What a fake hears.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// Null where it is no JSON.
    pub(crate) body: Value,
    /// The name that a packed container is to have.
    pub(crate) unpacked_as: Option<String>,
}

impl Request {
    /// One whose body breaks off is an error, as it is to an engine.
    async fn read(request: hyper::Request<Incoming>) -> io::Result<Self> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let name = head.headers.get("x-incus-name");
        let name = name.and_then(|name| name.to_str().ok());
        Ok(Request {
            method: head.method.to_string(),
            path: head.uri.to_string(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
            unpacked_as: name.map(str::to_owned),
        })
    }
}

/// Answers on `socket` for as long as the runtime lives.
pub(crate) fn listen<F, A>(socket: &Path, answer: F)
where
    F: Fn(Request) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Answer> + Send,
{
    let listener = UnixListener::bind(socket).expect("a socket");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answer = answer.clone();
                async move { respond(request, answer).await }
            });
            let connection = http1::Builder::new();
            let connection = connection.serve_connection(TokioIo::new(stream), service);
            // One that hangs up ends in an error, as it should.
            tokio::spawn(connection.with_upgrades());
        }
    });
}

async fn respond<F, A>(
    mut request: hyper::Request<Incoming>,
    answer: F,
) -> io::Result<hyper::Response<BoxBody<Bytes, io::Error>>>
where
    F: Fn(Request) -> A,
    A: Future<Output = Answer>,
{
    let upgraded = hyper::upgrade::on(&mut request);
    let key = request.headers().get(SEC_WEBSOCKET_KEY).cloned();
    match (answer(Request::read(request).await?).await, key) {
        (Answer::Silence, _) => std::future::pending().await,
        (Answer::Late(after, metadata), _) => {
            tokio::time::sleep(after).await;
            let body = format!("{{\"type\":\"sync\",\"metadata\":{metadata}}}");
            Ok(reply(Answer::Text(body))?.map(BodyExt::boxed))
        }
        (Answer::Half(stalls), _) => Ok(hyper::Response::new(BodyExt::boxed(Half {
            stalls,
            sent: false,
        }))),
        (Answer::Websocket(all), Some(key)) => {
            tokio::spawn(talk(upgraded, all));
            let response = hyper::Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header(CONNECTION, "Upgrade")
                .header(UPGRADE, "websocket")
                .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()));
            let empty = Full::default().map_err(|never| match never {}).boxed();
            response.body(empty).map_err(io::Error::other)
        }
        (answer, _) => Ok(reply(answer)?.map(BodyExt::boxed)),
    }
}

async fn talk(upgraded: OnUpgrade, all: &[Said]) {
    let stream = TokioIo::new(upgraded.await.expect("a websocket"));
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    for said in all {
        let message = match said {
            Said::Bytes(bytes) => Message::binary(Bytes::from_static(bytes)),
            Said::Ping => Message::Ping(Bytes::new()),
            Said::End => Message::text(""),
            Said::HangUp => return,
        };
        // Who has gone hears no more.
        let _ = socket.send(message).await;
    }
    while let Some(Ok(_)) = socket.next().await {}
}

/// The beginning of an answer.
struct Half {
    stalls: bool,
    sent: bool,
}

impl Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let half = self.get_mut();
        if !half.sent {
            half.sent = true;
            let beginning = Bytes::from_static(b"{\"type\":\"sync\",");
            return Poll::Ready(Some(Ok(Frame::data(beginning))));
        }
        match half.stalls {
            true => Poll::Pending,
            false => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
        }
    }
}

type Whole = hyper::Response<http_body_util::combinators::MapErr<Full<Bytes>, NoError>>;
type NoError = fn(std::convert::Infallible) -> io::Error;

fn reply(answer: Answer) -> io::Result<Whole> {
    let began = |id: String| {
        let operation = format!("/1.0/operations/op-{id}");
        json!({ "type": "async", "operation": operation }).to_string()
    };
    let (status, body) = match answer {
        Answer::Sync(metadata) => (
            200,
            json!({ "type": "sync", "metadata": metadata }).to_string(),
        ),
        Answer::Operation => (202, began("1".to_owned())),
        Answer::Began(number) => (202, began(number.to_string())),
        Answer::Error(code, text) => (
            code,
            json!({ "type": "error", "error": text, "error_code": code }).to_string(),
        ),
        Answer::Bytes(text) => (200, text.to_owned()),
        Answer::Text(text) => (200, text),
        Answer::Program => {
            let names = ["0", "1", "2", "control"].map(|name| (name, name));
            let fds = BTreeMap::from(names);
            let begun = json!({
                "type": "async", "operation": "/1.0/operations/op-1",
                "metadata": { "metadata": { "fds": fds } },
            });
            (202, begun.to_string())
        }
        Answer::HangUp
        | Answer::Silence
        | Answer::Websocket(_)
        | Answer::Late(..)
        | Answer::Half(_) => {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    };
    let response = hyper::Response::builder().status(status);
    let never: NoError = |never| match never {};
    let body = Full::from(body).map_err(never);
    response.body(body).map_err(io::Error::other)
}
