//! Whole containers as one file: packed by one engine, unpacked by another.
//!
//! Both operations continue in the engine after it has answered the request, and neither
//! can be cancelled. The caller keeps the [`Operation`] and waits for its end.

use std::time::Duration;

use futures_util::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::Method;
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use super::operation::Operation;
use super::transport::{Body, Reply, escaped, read_reply, unexpected, whole_body};
use super::{Content, Engine, EngineError};

/// All data of a server is read and written once more.
const LIMIT: Duration = Duration::from_secs(3600);
/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

impl Engine {
    /// Starts to pack a container, without its snapshots, into a file that any engine and
    /// any pool accepts. The file is not compressed: the reader can do that faster than
    /// the `gzip` that all engines have.
    ///
    /// # Errors
    /// As any request.
    pub async fn begin_backup(&self, instance: &str, name: &str) -> Result<Operation, EngineError> {
        let what = format!("pack container `{instance}`");
        let body = json!({
            "name": name,
            "instance_only": true,
            "optimized_storage": false,
            "compression_algorithm": "none",
        });
        let path = format!("/1.0/instances/{}/backups", escaped(instance));
        let reply = self.send(&what, Method::POST, &path, Some(body)).await?;
        operation_of(&what, reply)
    }

    /// Opens the result of [`Engine::begin_backup`].
    ///
    /// # Errors
    /// As any request.
    pub async fn open_backup(&self, instance: &str, name: &str) -> Result<Content, EngineError> {
        let what = format!("read the packed container `{instance}`");
        let path = format!(
            "/1.0/instances/{}/backups/{}/export",
            escaped(instance),
            escaped(name)
        );
        let response = self
            .respond(&what, Method::GET, &path, HeaderMap::new(), whole_body(""))
            .await?;
        Ok(Content::of(self.watch(), what, response))
    }

    /// Sends a packed container, which the engine then starts to unpack as `name`.
    ///
    /// # Errors
    /// As any request; [`EngineError::Source`] if `packed` is truncated, of
    /// which the engine keeps nothing.
    pub async fn begin_import(
        &self,
        name: &str,
        pool: Option<&str>,
        packed: impl AsyncRead + Send + Sync + 'static,
    ) -> Result<Operation, EngineError> {
        let what = format!("bring in container `{name}`");
        let mut headers = HeaderMap::new();
        let octets = HeaderValue::from_static("application/octet-stream");
        headers.insert(CONTENT_TYPE, octets);
        let said = [("name", Some(name)), ("pool", pool)];
        for (key, value) in said {
            let Some(value) = value else { continue };
            let value = HeaderValue::from_str(value)
                .map_err(|_| unexpected(&what, "a name that a header can hold", value))?;
            for engine in ["x-lxd", "x-incus"] {
                let key = HeaderName::try_from(format!("{engine}-{key}"));
                let key = key.expect("letters and hyphens make a header name");
                headers.insert(key, value.clone());
            }
        }
        let frames = ReaderStream::with_capacity(packed, CHUNK).map(|chunk| chunk.map(Frame::data));
        let body: Body = BodyExt::boxed(StreamBody::new(frames));
        let bytes = self
            .exchange(&what, Method::POST, "/1.0/instances", headers, body)
            .await?;
        operation_of(&what, read_reply(&what, &bytes)?)
    }

    /// Waits for the end of an operation.
    ///
    /// # Errors
    /// [`EngineError::Failed`] with the engine's message.
    pub async fn wait_for_end(&self, what: &str, operation: &Operation) -> Result<(), EngineError> {
        self.wait(what, operation, LIMIT).await.map(drop)
    }
}

fn operation_of(what: &str, reply: Reply) -> Result<Operation, EngineError> {
    match reply {
        Reply::Async(operation, _) => Ok(operation),
        Reply::Sync(_) => Err(unexpected(what, "an operation", "a direct reply")),
    }
}
