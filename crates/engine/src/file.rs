//! Files in a container, whether it runs or not.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response};
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};
use tokio_util::io::StreamReader;

use super::limits::{Progress, Watch};
use super::transport::{Body, collect, escaped, unexpected, whole_body};
use super::{Engine, EngineError};

/// How often a request that hits an ending file helper is sent; see
/// [`past_ending_helpers`].
const TRIES: usize = 4;
/// A helper ends 15 s after its last request.
const HELPER_ENDS: Duration = Duration::from_secs(16);
/// How many symbolic links in a row are followed.
const LINKS: usize = 16;

/// Permissions of a file owned by root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// `0644`
    Public,
    /// `0600`
    Private,
    /// `0755`
    Program,
}

impl FileMode {
    fn octal(self) -> &'static str {
        match self {
            FileMode::Public => "0644",
            FileMode::Private => "0600",
            FileMode::Program => "0755",
        }
    }
}

impl Engine {
    /// Writes a file into an existing folder; replaces an older file.
    pub async fn push(
        &self,
        instance: &str,
        path: &str,
        mode: FileMode,
        content: &str,
    ) -> Result<(), EngineError> {
        self.push_whole(instance, path, "file", mode, content).await
    }

    /// Writes a file from a local one, streamed.
    pub async fn push_file(
        &self,
        instance: &str,
        path: &str,
        mode: FileMode,
        from: &Path,
    ) -> Result<(), EngineError> {
        let what = format!("write `{path}`");
        past_ending_helpers(|| async {
            let body = super::image::file_body(&what, from).await?;
            self.push_body(instance, path, "file", mode, body).await
        })
        .await
    }

    /// Creates a folder, which may already exist.
    pub async fn push_folder(&self, instance: &str, path: &str) -> Result<(), EngineError> {
        self.push_whole(instance, path, "directory", FileMode::Program, "")
            .await
    }

    /// Creates a symbolic link to `target`; replaces an existing file.
    pub async fn push_link(
        &self,
        instance: &str,
        path: &str,
        target: &str,
    ) -> Result<(), EngineError> {
        self.remove_file(instance, path).await?;
        self.push_whole(instance, path, "symlink", FileMode::Public, target)
            .await
    }

    /// Removes a file or a link, which may be absent.
    pub async fn remove_file(&self, instance: &str, path: &str) -> Result<(), EngineError> {
        let what = format!("remove `{path}` in `{instance}`");
        let path = address(instance, path);
        let removed = past_ending_helpers(|| self.send(&what, Method::DELETE, &path, None));
        match removed.await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    fn push_whole<'a>(
        &'a self,
        instance: &'a str,
        path: &'a str,
        kind: &'static str,
        mode: FileMode,
        content: &'a str,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        async move {
            past_ending_helpers(|| async {
                let body = whole_body(content.to_owned());
                self.push_body(instance, path, kind, mode, body).await
            })
            .await
        }
        .boxed()
    }

    /// Opens a file for reading, or reports that the path is a folder. Follows symbolic
    /// links; `None` if nothing exists there.
    ///
    /// # Errors
    /// As any request; if too many links follow each other.
    pub fn open<'a>(
        &'a self,
        instance: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Option<Opened>, EngineError>> {
        async move {
            let what = format!("read `{path}` in `{instance}`");
            let mut at = path.to_owned();
            for _ in 0..LINKS {
                let response = match self.fetch(&what, &address(instance, &at)).await {
                    Err(error) if error.is_not_found() => return Ok(None),
                    other => other?,
                };
                let said = |key: &str| header(response.headers(), key);
                match said("type").as_deref() {
                    Some("directory") => return Ok(Some(Opened::Folder)),
                    Some("symlink") => {
                        let target = collect(&self.watch(), &what, response).await?;
                        at = joined(&at, &String::from_utf8_lossy(&target));
                    }
                    _ => {
                        let mode = said("mode");
                        let mode = mode.and_then(|text| u32::from_str_radix(&text, 8).ok());
                        return Ok(Some(Opened::File(Content {
                            mode,
                            ..Content::of(self.watch(), what, response)
                        })));
                    }
                }
            }
            let found = format!("{LINKS} links in a row");
            Err(unexpected(&what, "a file", &found))
        }
        .boxed()
    }

    /// The text of a file; `None` if it does not exist.
    ///
    /// # Errors
    /// As of [`Engine::open`].
    pub fn read_text<'a>(
        &'a self,
        instance: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, EngineError>> {
        async move {
            let Some(Opened::File(content)) = self.open(instance, path).await? else {
                return Ok(None);
            };
            let whole = content.body.collect().await;
            let whole = whole.map_err(|error| EngineError::Lost {
                what: content.what,
                reason: error.to_string(),
            })?;
            Ok(Some(
                String::from_utf8_lossy(&whole.to_bytes()).into_owned(),
            ))
        }
        .boxed()
    }

    async fn fetch(&self, what: &str, path: &str) -> Result<Response<Incoming>, EngineError> {
        past_ending_helpers(|| async {
            self.respond(what, Method::GET, path, HeaderMap::new(), whole_body(""))
                .await
        })
        .await
    }

    async fn push_body(
        &self,
        instance: &str,
        path: &str,
        kind: &'static str,
        mode: FileMode,
        body: Body,
    ) -> Result<(), EngineError> {
        let what = format!("write `{path}` in `{instance}`");
        let mut headers = HeaderMap::new();
        for (key, value) in [
            ("uid", "0"),
            ("gid", "0"),
            ("mode", mode.octal()),
            ("type", kind),
        ] {
            for engine in ["x-lxd", "x-incus"] {
                let name = HeaderName::try_from(format!("{engine}-{key}"));
                headers.insert(
                    name.expect("letters and hyphens make a header name"),
                    HeaderValue::from_static(value),
                );
            }
        }
        self.exchange(&what, Method::POST, &address(instance, path), headers, body)
            .await
            .map(drop)
    }
}

/// The object at a path in a container.
#[derive(Debug)]
pub enum Opened {
    /// A file.
    File(Content),
    /// A folder.
    Folder,
}

/// The content of a file, not yet read.
#[derive(Debug)]
pub struct Content {
    what: String,
    /// Its permissions, if the engine reports them.
    pub mode: Option<u32>,
    /// Its length in bytes, if the engine reports it.
    pub length: Option<u64>,
    body: Incoming,
    watch: Watch,
}

impl Content {
    /// The content of a reply.
    pub(super) fn of(watch: Watch, what: String, response: Response<Incoming>) -> Self {
        let length = response.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Content {
            what,
            mode: None,
            length,
            body: response.into_body(),
            watch,
        }
    }

    /// Converts it into a reader. If the engine hangs up or falls silent, the reader's
    /// error contains the [`EngineError`].
    pub fn into_reader(self) -> impl AsyncBufRead + Send + Sync + Unpin + use<> {
        // The future that waits for the engine cannot be shared between threads, but a
        // channel can.
        let (sender, mut received) = tokio::sync::mpsc::channel(1);
        let mut content = self;
        tokio::spawn(async move {
            while let Some(next) = content.next().await.transpose() {
                let is_error = next.is_err();
                if sender.send(next).await.is_err() || is_error {
                    return;
                }
            }
        });
        let frames = futures_util::stream::poll_fn(move |context| received.poll_recv(context));
        StreamReader::new(frames.map_err(std::io::Error::other))
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, EngineError> {
        loop {
            let (progress, frame) = (Progress::default(), self.body.frame());
            let frame = self.watch.watch_over(&self.what, &progress, frame).await?;
            let Some(frame) = frame else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| EngineError::Lost {
                what: self.what.clone(),
                reason: error.to_string(),
            })?;
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
    }

    /// Writes the content to `file`, which is at `path`; returns the number of bytes.
    ///
    /// # Errors
    /// If the engine hangs up, or the local file cannot be written.
    pub async fn write_to(
        mut self,
        file: &mut (impl AsyncWrite + Unpin),
        path: &Path,
    ) -> Result<u64, EngineError> {
        let failed = |what: &str, error: std::io::Error| EngineError::LocalFile {
            what: what.to_owned(),
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let mut count = 0;
        while let Some(bytes) = self.next().await? {
            let written = file.write_all(&bytes).await;
            written.map_err(|error| failed(&self.what, error))?;
            count += bytes.len() as u64;
        }
        let flushed = file.flush().await;
        flushed.map_err(|error| failed(&self.what, error))?;
        Ok(count)
    }
}

/// Repeats a request for a file that arrived just when the engine's file helper ended.
/// Incus and LXD access the files of a stopped container through a helper, which ends
/// after 15 s of idle time. It then removes the socket's path, even if the next helper's
/// socket has just replaced it. That helper is unreachable, and each request that comes
/// before it has ended loses its own socket in the same way (Incus 6.0.4: ten requests in
/// a row failed, 15 s each; one after a pause of 16 s did not).
async fn past_ending_helpers<T, F>(attempt: impl Fn() -> F) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    for _ in 1..TRIES {
        match attempt().await {
            Err(EngineError::Refused { message, .. }) if message.contains("forkfile.sock") => {
                tracing::debug!(message, "the request is sent again");
                tokio::time::sleep(HELPER_ENDS).await;
            }
            other => return other,
        }
    }
    attempt().await
}

/// A header of a reply that describes a file, with either engine's prefix.
fn header(headers: &HeaderMap, key: &str) -> Option<String> {
    let of = |engine: &str| headers.get(format!("x-{engine}-{key}"));
    let value = of("incus").or_else(|| of("lxd"))?;
    value.to_str().ok().map(str::to_owned)
}

/// The target of a link at `path`.
fn joined(path: &str, target: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) if !target.starts_with('/') => format!("{folder}/{target}"),
        _ => target.to_owned(),
    }
}

fn address(instance: &str, path: &str) -> String {
    format!(
        "/1.0/instances/{}/files?path={}",
        escaped(instance),
        escaped(path)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_from_where_it_is() {
        assert_eq!(joined("/etc/mysql/my.cnf", "/etc/x"), "/etc/x");
        assert_eq!(joined("/etc/mysql/my.cnf", "../x"), "/etc/mysql/../x");
        assert_eq!(joined("/my.cnf", "x"), "/x");
    }
}
