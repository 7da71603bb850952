//! Files in a container, whether it runs or not.

use std::path::Path;

use hyper::Method;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::transport::{Body, escaped, whole};
use super::{Engine, EngineError};

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
        self.push_body(instance, path, "file", mode, whole(content.to_owned()))
            .await
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
        self.push_body(instance, path, "directory", FileMode::Program, whole(""))
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

fn address(instance: &str, path: &str) -> String {
    format!(
        "/1.0/instances/{}/files?path={}",
        escaped(instance),
        escaped(path)
    )
}
