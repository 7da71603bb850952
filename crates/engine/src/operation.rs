//! Background operations of an engine, and waiting for them.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::transport::unexpected;
use super::{Engine, EngineError};

/// How long one `wait` request stays open before it is repeated, so that a daemon killed
/// meanwhile is noticed.
const HELD: Duration = Duration::from_secs(20);

/// A background operation of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    id: String,
}

#[derive(Deserialize)]
struct OperationState {
    #[serde(default)]
    status_code: u16,
    #[serde(default)]
    err: String,
    #[serde(default)]
    metadata: Value,
}

/// Status codes from 100 to 199 mean that an operation is not finished.
const RUNNING: std::ops::Range<u16> = 100..200;
const SUCCESS: u16 = 200;

impl Operation {
    /// Reads `/1.0/operations/UUID`, with or without a query.
    pub(super) fn read(address: &str) -> Option<Self> {
        let rest = address.strip_prefix("/1.0/operations/")?;
        let id = rest.split(['?', '/']).next().filter(|id| !id.is_empty())?;
        Some(Operation { id: id.to_owned() })
    }

    pub(super) fn address(&self) -> String {
        format!("/1.0/operations/{}", self.id)
    }
}

impl Engine {
    /// Waits until `operation` has ended and returns its metadata.
    ///
    /// # Errors
    /// [`EngineError::Failed`] with the engine's message; `TimedOut` after
    /// `limit`, after a request to cancel the operation.
    pub(super) fn wait<'a>(
        &'a self,
        what: &'a str,
        operation: &'a Operation,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Value, EngineError>> {
        async move {
            let deadline = Instant::now() + limit;
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    self.cancel(operation).await;
                    return Err(EngineError::TimedOut {
                        what: what.to_owned(),
                        seconds: limit.as_secs(),
                    });
                }
                let held = left.min(HELD).as_secs().max(1);
                let state = self.poll(what, operation, held).await.map_err(|error| {
                    if error.is_not_found() {
                        unexpected(
                            what,
                            "the state of an operation",
                            "no such operation; was the engine restarted?",
                        )
                    } else {
                        error
                    }
                })?;
                match state.status_code {
                    SUCCESS => return Ok(state.metadata),
                    code if RUNNING.contains(&code) => {}
                    _ => {
                        return Err(EngineError::Failed {
                            what: what.to_owned(),
                            message: state.err,
                        });
                    }
                }
            }
        }
        .boxed()
    }

    /// The state when the operation ends, or after `seconds`. If the time has run out,
    /// Incus 6.0 returns an error, LXD 5.0 the state.
    async fn poll(
        &self,
        what: &str,
        operation: &Operation,
        seconds: u64,
    ) -> Result<OperationState, EngineError> {
        let path = operation.address();
        match self
            .get(what, &format!("{path}/wait?timeout={seconds}"))
            .await
        {
            Err(EngineError::Refused { code, .. }) if code != 404 => self.get(what, &path).await,
            other => other,
        }
    }

    /// Tries to cancel `operation`. Many kinds cannot be cancelled, so the caller cleans
    /// up in any case.
    async fn cancel(&self, operation: &Operation) {
        let path = operation.address();
        let asked = self
            .send("cancel an operation", hyper::Method::DELETE, &path, None)
            .await;
        if let Err(error) = asked {
            tracing::debug!(%error, "an operation could not be cancelled");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_read_with_or_without_its_project() {
        let plain = Operation::read("/1.0/operations/ab-1");
        assert_eq!(plain, Operation::read("/1.0/operations/ab-1?project=x"));
        assert!(plain.is_some());
        assert_eq!(Operation::read("/1.0/instances/x"), None);
        assert_eq!(Operation::read("/1.0/operations/"), None);
    }
}
