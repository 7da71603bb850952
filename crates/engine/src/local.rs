//! Connects to an engine's Unix socket directly if this user may, and otherwise through
//! the root helper. The helper passes the open connection as a file descriptor, which
//! `hyperlocal`'s connector cannot accept.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use dbmatrix_platform::socket::AsyncStream;
use hyper::Uri;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use crate::privilege::connect_async;

/// Connects to one socket, whatever the address of a request.
#[derive(Debug, Clone)]
pub(super) struct LocalConnector(Arc<PathBuf>);

impl LocalConnector {
    pub(super) fn new(path: PathBuf) -> Self {
        LocalConnector(Arc::new(path))
    }
}

impl Service<Uri> for LocalConnector {
    type Response = TokioIo<AsyncStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = Arc::clone(&self.0);
        Box::pin(async move { connect_async(&path).await.map(TokioIo::new) })
    }
}
