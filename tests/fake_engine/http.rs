//! HTTP as an engine speaks it, on a Unix socket. Knows no container.

use std::future::Future;
use std::io;
use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;

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
                async move { reply(answer(Request::read(request).await?).await) }
            });
            let mut connection = http1::Builder::new();
            connection.keep_alive(false);
            // One that hangs up ends in an error, as it should.
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
}

fn reply(answer: Answer) -> io::Result<hyper::Response<Full<Bytes>>> {
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
        Answer::HangUp => return Err(io::ErrorKind::ConnectionAborted.into()),
    };
    let response = hyper::Response::builder().status(status);
    response.body(Full::from(body)).map_err(io::Error::other)
}
