//! Images: import of locally built ones, and lookup of existing ones.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::Method;
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use super::transport::{Body, Reply, escaped, read_reply, unexpected};
use super::{Config, Engine, EngineError};

const LIMIT: Duration = Duration::from_secs(600);
const BOUNDARY: &str = "dbmatrix-split-image-boundary";

/// An image as the engine shows it.
#[derive(Debug, Clone, Deserialize)]
pub struct Image {
    /// SHA-256 over its files; its name in the API.
    pub fingerprint: String,
    /// From its `metadata.yaml`.
    #[serde(default)]
    pub properties: Config,
}

/// Where the image of a new instance comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// One that exists in the engine.
    Fingerprint(String),
    /// One that the engine fetches from a simplestreams server.
    Remote {
        /// The server's address.
        server: String,
        /// Its alias, such as `debian/12`.
        alias: String,
    },
    /// None: the new instance is empty.
    None,
    /// Another container, without its snapshots. A running one is copied with the current
    /// state of its disk.
    Container(String),
}

impl ImageSource {
    pub(super) fn to_json(&self) -> Value {
        match self {
            ImageSource::Fingerprint(fingerprint) => {
                json!({ "type": "image", "fingerprint": fingerprint })
            }
            ImageSource::Remote { server, alias } => json!({
                "type": "image", "mode": "pull", "protocol": "simplestreams",
                "server": server, "alias": alias,
            }),
            ImageSource::None => json!({ "type": "none" }),
            ImageSource::Container(name) => json!({
                "type": "copy", "source": name, "instance_only": true,
            }),
        }
    }
}

/// The two files of a split image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitImage {
    /// A tar with `metadata.yaml`.
    pub metadata: PathBuf,
    /// A tar of the root file system.
    pub rootfs: PathBuf,
}

impl Engine {
    /// All images of the client's project.
    pub async fn images(&self) -> Result<Vec<Image>, EngineError> {
        self.get("list the images", "/1.0/images?recursion=1").await
    }

    /// Imports a split image and returns its fingerprint.
    pub async fn import_image(&self, image: &SplitImage) -> Result<String, EngineError> {
        let title = image.rootfs.display().to_string();
        let what = format!("import image `{title}`");
        let metadata = read(&what, &image.metadata).await?;
        let rootfs = open(&what, &image.rootfs).await?;
        self.import_image_parts(&title, metadata, rootfs).await
    }

    /// Imports a split image from the bytes of its two tars, and returns its fingerprint.
    pub async fn import_image_parts(
        &self,
        title: &str,
        metadata: Vec<u8>,
        rootfs: impl AsyncRead + Send + Sync + 'static,
    ) -> Result<String, EngineError> {
        let what = format!("import image `{title}`");
        let mut headers = HeaderMap::new();
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::try_from(kind).expect("a plain boundary makes a header value"),
        );
        let body = split_body(&metadata, rootfs);
        let bytes = self
            .exchange(&what, Method::POST, "/1.0/images", headers, body)
            .await?;
        let Reply::Async(operation, _) = read_reply(&what, &bytes)? else {
            return Err(unexpected(&what, "an operation", "a direct reply"));
        };
        let done = self.wait(&what, &operation, LIMIT).await?;
        match done.get("fingerprint").and_then(Value::as_str) {
            Some(fingerprint) => Ok(fingerprint.to_owned()),
            None => Err(unexpected(&what, "a fingerprint", &done.to_string())),
        }
    }

    /// Removes an image, which may be absent.
    pub async fn delete_image(&self, fingerprint: &str) -> Result<(), EngineError> {
        let what = format!("remove image `{fingerprint}`");
        let path = format!("/1.0/images/{}", escaped(fingerprint));
        match self.change(&what, Method::DELETE, &path, None, LIMIT).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

fn split_body(metadata: &[u8], rootfs: impl AsyncRead + Send + Sync + 'static) -> Body {
    let head = |name: &str| {
        format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}.tar\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
    };
    let mut before = head("metadata").into_bytes();
    before.extend_from_slice(metadata);
    before.extend_from_slice(b"\r\n");
    before.extend_from_slice(head("rootfs").as_bytes());
    let after = format!("\r\n--{BOUNDARY}--\r\n");
    let frames = futures_util::stream::once(async { Ok(Bytes::from(before)) })
        .chain(ReaderStream::with_capacity(rootfs, CHUNK))
        .chain(futures_util::stream::once(async { Ok(Bytes::from(after)) }))
        .map(|chunk| chunk.map(Frame::data));
    BodyExt::boxed(StreamBody::new(frames))
}

/// Bytes of a file read at once.
const CHUNK: usize = 256 * 1024;

/// A body that streams a file.
pub(super) async fn file_body(what: &str, path: &Path) -> Result<Body, EngineError> {
    let file = open(what, path).await?;
    let frames = ReaderStream::with_capacity(file, CHUNK).map(|chunk| chunk.map(Frame::data));
    Ok(BodyExt::boxed(StreamBody::new(frames)))
}

async fn open(what: &str, path: &Path) -> Result<tokio::fs::File, EngineError> {
    tokio::fs::File::open(path)
        .await
        .map_err(|error| local(what, path, &error))
}

async fn read(what: &str, path: &Path) -> Result<Vec<u8>, EngineError> {
    tokio::fs::read(path)
        .await
        .map_err(|error| local(what, path, &error))
}

fn local(what: &str, path: &Path, error: &std::io::Error) -> EngineError {
    EngineError::LocalFile {
        what: what.to_owned(),
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
