//! Requests and replies: HTTP over the transport to an engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH};
use hyper::{Method, Request, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::EngineError;
use super::connection::{AnyStream, Remote, RemoteError, Transport};
use super::limits::{Limits, Progress, Watch};
use super::operation::Operation;

/// How long requests to an engine that is starting up or shutting down are repeated. A
/// socket-activated daemon that is about to exit answers 503 once and is back a moment
/// later.
const UNSETTLED: Duration = Duration::from_secs(30);

pub(super) type Body = BoxBody<Bytes, std::io::Error>;

/// A client of one engine, within one of its projects.
#[derive(Debug, Clone)]
pub struct Engine {
    transport: Arc<Transport>,
    project: Option<String>,
    limits: Limits,
}

/// An engine's description of itself (`GET /1.0`).
#[derive(Debug, Clone, Deserialize)]
pub struct ServerInfo {
    /// `trusted` if this socket has full access.
    #[serde(default)]
    pub auth: String,
    /// The program and its machine.
    #[serde(default)]
    pub environment: ServerEnvironment,
}

/// The program and its machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ServerEnvironment {
    /// `incus` or `lxd`.
    pub server: String,
    /// Its version.
    pub server_version: String,
    /// Such as `Linux`.
    pub kernel: String,
    /// Its version.
    pub kernel_version: String,
    /// Such as `x86_64`.
    pub kernel_architecture: String,
    /// Where it listens on the network, as `ADDRESS:PORT`.
    pub addresses: Option<Vec<String>>,
}

impl ServerInfo {
    /// Name and version, such as `LXD 5.0.2`.
    pub fn title(&self) -> String {
        let environment = &self.environment;
        let name = match environment.server.as_str() {
            "lxd" => "LXD",
            "incus" => "Incus",
            other => other,
        };
        format!("{name} {}", environment.server_version)
    }

    /// Such as `Linux 6.12.5 x86_64`.
    pub fn kernel(&self) -> String {
        let ServerEnvironment {
            kernel,
            kernel_version,
            kernel_architecture,
            ..
        } = &self.environment;
        format!("{kernel} {kernel_version} {kernel_architecture}")
    }
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_code: u16,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    metadata: Value,
}

/// A successful reply.
pub enum Reply {
    Sync(Value),
    /// An operation, and its initial description.
    Async(Operation, Value),
}

impl Engine {
    /// A client of the engine that listens on `socket`, in its default project. Sends
    /// nothing yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Engine {
            transport: Arc::new(Transport::socket(socket.into())),
            project: None,
            limits: Limits::default(),
        }
    }

    /// A client of an engine on the network. Sends nothing yet.
    ///
    /// # Errors
    /// [`RemoteError`] if the settings are invalid.
    pub fn remote(remote: &Remote) -> Result<Self, RemoteError> {
        Ok(Engine {
            transport: Arc::new(Transport::to(remote)?),
            project: None,
            limits: Limits::default(),
        })
    }

    /// The same engine, within `project`.
    pub fn in_project(&self, project: &str) -> Self {
        Engine {
            project: Some(project.to_owned()),
            ..self.clone()
        }
    }

    /// The same engine, with these limits.
    pub fn with_limits(&self, limits: Limits) -> Self {
        Engine {
            limits,
            ..self.clone()
        }
    }

    pub(super) fn watch(&self) -> Watch {
        Watch::new(Arc::clone(&self.transport), self.limits)
    }

    /// The client's project, unless that is the default one.
    pub fn project_name(&self) -> Option<&str> {
        self.project.as_deref()
    }

    /// The socket on which the engine listens; empty for one that has none on this machine.
    pub fn socket(&self) -> &Path {
        match &*self.transport {
            Transport::Socket { path, .. } => path,
            Transport::Network { .. } | Transport::Relay { .. } => Path::new(""),
        }
    }

    /// Its socket or address, for people.
    pub fn address(&self) -> String {
        self.transport.to_string()
    }

    /// Whether the engine is on another machine, as far as this client knows.
    pub fn is_remote(&self) -> bool {
        matches!(*self.transport, Transport::Network { .. })
    }

    /// A client of the engine that listens on a socket in a running container of this one.
    /// Sends nothing yet.
    pub fn inside(&self, instance: &str, socket: &str) -> Self {
        Engine {
            transport: Arc::new(Transport::inside(self, instance, socket)),
            project: None,
            limits: self.limits,
        }
    }

    /// Opens a connection to the engine, for something else than a request.
    pub(super) async fn connect(&self) -> std::io::Result<AnyStream> {
        self.transport.connect().await
    }

    /// Why there is no connection.
    pub(super) fn not_connected(&self, what: &str, error: &std::io::Error) -> EngineError {
        self.transport.not_connected(what, error)
    }

    /// The engine and the project, for people.
    pub(super) fn place(&self) -> String {
        match &self.project {
            Some(project) => format!("{}, project `{project}`", self.transport),
            None => self.transport.to_string(),
        }
    }

    /// Reads the engine's description of itself.
    ///
    /// # Errors
    /// As any request; [`EngineError::Unreachable`] if no daemon listens.
    pub async fn server_info(&self) -> Result<ServerInfo, EngineError> {
        self.get("ask the engine what it is", "/1.0").await
    }

    /// Whether the daemon has finished starting up.
    pub async fn is_ready(&self) -> bool {
        self.readiness().await.unwrap_or(false)
    }

    /// Like [`Engine::is_ready`].
    ///
    /// # Errors
    /// [`EngineError::Silent`] and [`EngineError::Stuck`] for one that accepts
    /// connections and does not answer.
    pub async fn readiness(&self) -> Result<bool, EngineError> {
        let what = "ask whether the engine is ready";
        match self.get::<Value>(what, "/internal/ready").await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(self.server_info().await.is_ok()),
            Err(error @ (EngineError::Silent { .. } | EngineError::Stuck { .. })) => Err(error),
            Err(_) => Ok(false),
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
    ) -> Result<T, EngineError> {
        match self.send(what, Method::GET, path, None).await? {
            Reply::Sync(metadata) => typed(what, metadata),
            Reply::Async(..) => Err(unexpected(what, "a direct reply", "an operation")),
        }
    }

    /// Like [`Engine::get`], with the tag that identifies this state.
    pub(super) async fn get_tagged<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
    ) -> Result<(T, Option<HeaderValue>), EngineError> {
        let window = RetryWindow::begin();
        let response = loop {
            let got = self
                .respond(what, Method::GET, path, HeaderMap::new(), whole_body(""))
                .await;
            if !window.allows_retry(got.as_ref().err()).await {
                break got?;
            }
        };
        let tag = response.headers().get(ETAG).cloned();
        let reply = read_reply(what, &collect(&self.watch(), what, response).await?)?;
        match reply {
            Reply::Sync(metadata) => Ok((typed(what, metadata)?, tag)),
            Reply::Async(..) => Err(unexpected(what, "a direct reply", "an operation")),
        }
    }

    /// Replaces an object if it still has this tag; otherwise the engine answers with
    /// code 412.
    pub(super) async fn put_tagged(
        &self,
        what: &str,
        path: &str,
        body: Value,
        tag: Option<HeaderValue>,
        limit: Duration,
    ) -> Result<(), EngineError> {
        let mut headers = json_headers();
        if let Some(tag) = tag {
            headers.insert(IF_MATCH, tag);
        }
        let text = body.to_string();
        match self
            .send_text(what, Method::PUT, path, headers, text)
            .await?
        {
            Reply::Sync(_) => Ok(()),
            Reply::Async(operation, _) => self.wait(what, &operation, limit).await.map(drop),
        }
    }

    /// Like [`Engine::get`], with `None` if the object does not exist.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
    ) -> Result<Option<T>, EngineError> {
        match self.get(what, path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends JSON and waits for the operation, if the engine starts one. Returns the
    /// metadata of the reply or of the operation.
    pub(super) fn change<'a>(
        &'a self,
        what: &'a str,
        method: Method,
        path: &'a str,
        body: Option<Value>,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Value, EngineError>> {
        async move {
            match self.send(what, method, path, body).await? {
                Reply::Sync(metadata) => Ok(metadata),
                Reply::Async(operation, _) => self.wait(what, &operation, limit).await,
            }
        }
        .boxed()
    }

    pub(super) async fn send(
        &self,
        what: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Reply, EngineError> {
        let text = body.map(|value| value.to_string()).unwrap_or_default();
        self.send_text(what, method, path, json_headers(), text)
            .await
    }

    /// Sends a text and reads the reply.
    fn send_text<'a>(
        &'a self,
        what: &'a str,
        method: Method,
        path: &'a str,
        headers: HeaderMap,
        text: String,
    ) -> BoxFuture<'a, Result<Reply, EngineError>> {
        async move {
            let window = RetryWindow::begin();
            loop {
                let body = whole_body(text.clone());
                let sent = self
                    .exchange(what, method.clone(), path, headers.clone(), body)
                    .await;
                let outcome = sent.and_then(|bytes| read_reply(what, &bytes));
                if !window.allows_retry(outcome.as_ref().err()).await {
                    return outcome;
                }
            }
        }
        .boxed()
    }

    /// Sends one request and reads its complete reply. A status outside 2xx is an error
    /// with the engine's message.
    pub(super) fn exchange<'a>(
        &'a self,
        what: &'a str,
        method: Method,
        path: &'a str,
        headers: HeaderMap,
        body: Body,
    ) -> BoxFuture<'a, Result<Bytes, EngineError>> {
        async move {
            let response = self.respond(what, method, path, headers, body).await?;
            collect(&self.watch(), what, response).await
        }
        .boxed()
    }

    /// Like [`Engine::exchange`], but the reply's body is not yet read.
    pub(super) fn respond<'a>(
        &'a self,
        what: &'a str,
        method: Method,
        path: &'a str,
        headers: HeaderMap,
        body: Body,
    ) -> BoxFuture<'a, Result<Response<Incoming>, EngineError>> {
        async move {
            let path = self.with_project(path);
            tracing::debug!(uri = path, what, "engine request");
            let (watch, progress) = (self.watch(), Progress::default());
            let mut request = Request::new(counted(body, &progress));
            *request.method_mut() = method;
            *request.headers_mut() = headers;
            let response = self.transport.request(what, &path, request);
            let response = watch.watch_over(what, &progress, response).await??;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let bytes = collect(&watch, what, response).await?;
            let message = serde_json::from_slice::<Envelope>(&bytes)
                .map(|envelope| envelope.error)
                .unwrap_or_else(|_| beginning(&bytes));
            Err(EngineError::Refused {
                what: what.to_owned(),
                code: status.as_u16(),
                message,
            })
        }
        .boxed()
    }

    pub(super) fn with_project(&self, path: &str) -> String {
        match &self.project {
            Some(project) if !path.starts_with("/1.0/projects") => {
                let joint = if path.contains('?') { '&' } else { '?' };
                format!("{path}{joint}project={project}")
            }
            _ => path.to_owned(),
        }
    }
}

/// How long requests to an engine that is starting up or shutting down are repeated.
struct RetryWindow {
    deadline: Instant,
}

impl RetryWindow {
    fn begin() -> Self {
        RetryWindow {
            deadline: Instant::now() + UNSETTLED,
        }
    }

    /// Whether to repeat the request, after a moment.
    async fn allows_retry(&self, error: Option<&EngineError>) -> bool {
        let is_unsettled = matches!(error, Some(EngineError::Refused { code: 503, .. }));
        let again = is_unsettled && Instant::now() < self.deadline;
        if again {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        again
    }
}

fn json_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

/// A body that notes when data is sent.
fn counted(body: Body, progress: &Progress) -> Body {
    let progress = progress.clone();
    let noted = move |frame| {
        progress.note_data();
        frame
    };
    body.map_frame(noted).boxed()
}

/// Reads a complete reply.
pub(super) fn collect<'a>(
    watch: &'a Watch,
    what: &'a str,
    response: Response<Incoming>,
) -> BoxFuture<'a, Result<Bytes, EngineError>> {
    async move {
        let progress = Progress::default();
        let whole = counted_reply(response.into_body(), &progress).collect();
        let whole = watch.watch_over(what, &progress, whole).await?;
        let whole = whole.map_err(|error| EngineError::Lost {
            what: what.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(whole.to_bytes())
    }
    .boxed()
}

fn counted_reply(
    body: Incoming,
    progress: &Progress,
) -> impl hyper::body::Body<Data = Bytes, Error = hyper::Error> {
    let progress = progress.clone();
    body.map_frame(move |frame| {
        progress.note_data();
        frame
    })
}

/// A body with complete content.
pub(super) fn whole_body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

/// Escapes a text for a path or a query.
pub(super) fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

pub fn read_reply(what: &str, bytes: &Bytes) -> Result<Reply, EngineError> {
    let envelope: Envelope = serde_json::from_slice(bytes)
        .map_err(|_| unexpected(what, "a JSON reply with a `type`", &beginning(bytes)))?;
    match envelope.kind.as_str() {
        "sync" => Ok(Reply::Sync(envelope.metadata)),
        "async" => Operation::read(&envelope.operation)
            .map(|operation| Reply::Async(operation, envelope.metadata))
            .ok_or_else(|| unexpected(what, "the address of an operation", &envelope.operation)),
        // Some errors have the HTTP status of a success.
        "error" => Err(EngineError::Refused {
            what: what.to_owned(),
            code: envelope.error_code,
            message: envelope.error,
        }),
        other => Err(unexpected(what, "a reply of type `sync` or `async`", other)),
    }
}

pub fn typed<T: DeserializeOwned>(what: &str, value: Value) -> Result<T, EngineError> {
    serde_json::from_value(value)
        .map_err(|error| unexpected(what, "a reply as documented", &error.to_string()))
}

pub(super) fn unexpected(what: &str, expected: &str, found: &str) -> EngineError {
    EngineError::Unexpected {
        what: what.to_owned(),
        expected: expected.to_owned(),
        found: format!("`{found}`"),
    }
}

fn beginning(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    text.trim().replace('\n', " ")
}
