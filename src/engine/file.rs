//! Files in a container, whether it runs or not.

use std::path::Path;
use std::time::Duration;

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::transport::{Body, escaped, whole};
use super::{Engine, EngineError};

/// How often a file is written before it is believed that it cannot be.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// Owner root; who may read.
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
    /// Writes a file; its folder must be there. An older one is replaced.
    pub async fn push(
        &self,
        instance: &str,
        path: &str,
        mode: FileMode,
        content: &str,
    ) -> Result<(), EngineError> {
        self.push_whole(instance, path, "file", mode, content).await
    }

    /// Writes a file from one on this side, streamed.
    pub async fn push_file(
        &self,
        instance: &str,
        path: &str,
        mode: FileMode,
        from: &Path,
    ) -> Result<(), EngineError> {
        let body = super::image::file_body(&format!("write `{path}`"), from).await?;
        self.push_body(instance, path, "file", mode, body).await
    }

    /// Makes a folder; one that is there is fine.
    pub async fn push_folder(&self, instance: &str, path: &str) -> Result<(), EngineError> {
        self.push_whole(instance, path, "directory", FileMode::Program, "")
            .await
    }

    /// Incus 6.0 writes into a stopped container by a helper that ends when it
    /// is idle; a request that comes just then was seen to find its socket gone.
    async fn push_whole(
        &self,
        instance: &str,
        path: &str,
        kind: &'static str,
        mode: FileMode,
        content: &str,
    ) -> Result<(), EngineError> {
        for _ in 1..TRIES {
            let body = whole(content.to_owned());
            match self.push_body(instance, path, kind, mode, body).await {
                Err(EngineError::Refused { message, .. }) if message.contains("forkfile") => {
                    tracing::debug!(message, "the file is written again");
                    tokio::time::sleep(PAUSE).await;
                }
                other => return other,
            }
        }
        let body = whole(content.to_owned());
        self.push_body(instance, path, kind, mode, body).await
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

fn address(instance: &str, path: &str) -> String {
    format!(
        "/1.0/instances/{}/files?path={}",
        escaped(instance),
        escaped(path)
    )
}
