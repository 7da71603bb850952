//! Connects to an engine in a container through a relay of the engine around it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::Engine;
use super::relay::{RelayStream, RelayTarget};

/// Connects to one socket in a container, whatever the address of a request.
#[derive(Debug, Clone)]
pub(super) struct RelayConnector(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    host: Engine,
    instance: String,
    target: RelayTarget,
}

impl RelayConnector {
    pub(super) fn new(host: Engine, instance: &str, target: RelayTarget) -> Self {
        RelayConnector(Arc::new(Inside {
            host,
            instance: instance.to_owned(),
            target,
        }))
    }

    pub(super) fn open(&self) -> BoxFuture<'static, io::Result<RelayStream>> {
        let inside = Arc::clone(&self.0);
        async move {
            let relay = inside.host.relay(&inside.instance).await;
            let relay = relay.map_err(io::Error::other)?;
            relay.open(&inside.target).await
        }
        .boxed()
    }
}

impl fmt::Display for RelayConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.0.instance, self.0.host.place())
    }
}

impl Connection for RelayStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Service<Uri> for RelayConnector {
    type Response = TokioIo<RelayStream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        self.open().map(|opened| opened.map(TokioIo::new)).boxed()
    }
}
