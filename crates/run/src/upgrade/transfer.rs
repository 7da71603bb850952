//! Bytes from a program in one container to a program in another. They pass through this
//! process and touch no disk of the host.

use std::time::Duration;

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{EngineError, Exec, StreamEnd, last_lines};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, duplex, empty, sink};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::error::{InStep, StepError, WalkError};

/// Bytes on their way.
const BUFFER: usize = 256 * 1024;
/// Lines of a program's errors that a message shows.
const SHOWN: usize = 15;

/// A program in a container, and what it does in messages.
pub(super) struct Program<'a> {
    pub(super) child: &'a Child,
    pub(super) exec: Exec,
}

/// How the two programs of a transfer ended.
pub(super) struct Transferred {
    written: Ended,
    read: Ended,
    /// What the reading program wrote.
    output: Vec<u8>,
}

/// How a program ended, and in which container.
struct Ended {
    container: String,
    result: Result<(), StepError>,
}

impl Ended {
    fn in_step(self, step: String) -> Result<(), WalkError> {
        let result = self.result.in_step(step);
        result.map_err(|error| error.in_container(&self.container))
    }

    fn is_unread(&self) -> bool {
        matches!(self.result, Err(StepError::Unread))
    }
}

impl Transferred {
    /// What the reader wrote, or the error that came first. A reader that fails ends the
    /// writer; a writer that fails cuts short what the other reads.
    pub(super) fn in_steps(self, writing: String, reading: String) -> Result<Vec<u8>, WalkError> {
        let Transferred {
            written,
            read,
            output,
        } = self;
        let ended = match written.result.is_ok() || (written.is_unread() && read.result.is_err()) {
            true => read.in_step(reading),
            false => written.in_step(writing),
        };
        ended.map(|()| output)
    }
}

/// Runs both programs at once: what `from` writes, `to` reads. Both end within the limit.
pub(super) fn transfer<'a>(
    from: &'a Program<'a>,
    to: &'a Program<'a>,
    limit: Duration,
) -> BoxFuture<'a, Transferred> {
    async move {
        let (output, input) = duplex(BUFFER);
        let mut said = Vec::new();
        let (written, read) = tokio::join!(
            within(limit, from.run(empty(), output)),
            within(limit, to.run(input, &mut said))
        );
        let ended = |program: &Program<'_>, result| Ended {
            container: program.child.name.clone(),
            result,
        };
        Transferred {
            written: ended(from, written),
            read: ended(to, read),
            output: said,
        }
    }
    .boxed()
}

/// Ends what takes longer than the limit. The engine ends a program whose streams are
/// closed.
async fn within(
    limit: Duration,
    running: impl Future<Output = Result<(), StepError>>,
) -> Result<(), StepError> {
    let ended = timeout(limit, running).await;
    ended.unwrap_or(Err(StepError::Timeout { limit }))
}

impl Program<'_> {
    /// Runs it to its end; it must succeed.
    pub(super) fn run_alone(&self, limit: Duration) -> BoxFuture<'_, Result<(), StepError>> {
        within(limit, self.run(empty(), sink())).boxed()
    }

    async fn run(
        &self,
        input: impl AsyncRead + Unpin,
        mut output: impl AsyncWrite + Unpin,
    ) -> Result<(), StepError> {
        let mut errors = Vec::new();
        let ended = self.forward(input, &mut output, &mut errors).await;
        // The reader sees the end.
        let _ = output.shutdown().await;
        drop(output);
        match ended {
            Ok(StreamEnd::Exited(0)) => Ok(()),
            Ok(StreamEnd::Unread | StreamEnd::Gone) => Err(StepError::Unread),
            Ok(StreamEnd::Exited(status)) => {
                Err(StepError::Program(last_lines(&errors, SHOWN, status)))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn forward(
        &self,
        input: impl AsyncRead + Unpin,
        output: &mut (impl AsyncWrite + Unpin),
        errors: &mut Vec<u8>,
    ) -> Result<StreamEnd, EngineError> {
        let Program { child, exec } = self;
        let streams = child.engine.attach(&child.name, exec, None).await?;
        let (_orders, none) = mpsc::channel(1);
        streams.forward_bytes(input, output, errors, none).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_that_came_first_is_told() {
        let program = |text: &str| Err(StepError::Program(text.to_owned()));
        let ended = |container: &str, result| Ended {
            container: container.to_owned(),
            result,
        };
        let told = |written, read| {
            let ended = Transferred {
                written: ended("older", written),
                read: ended("newer", read),
                output: Vec::new(),
            };
            let error = ended.in_steps("write".to_owned(), "read".to_owned());
            error.map_err(|error| {
                let container = error.container.unwrap_or_default();
                format!("{container}: {}: {}", error.step, error.error)
            })
        };
        let cut = || program("unexpected end");
        assert_eq!(
            told(program("no disk"), cut()),
            Err("older: write: no disk".to_owned())
        );
        assert_eq!(
            told(Err(StepError::Unread), program("refused")),
            Err("newer: read: refused".to_owned())
        );
        assert_eq!(
            told(Ok(()), cut()),
            Err("newer: read: unexpected end".to_owned())
        );
        assert_eq!(told(Ok(()), Ok(())), Ok(Vec::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_ends() {
        let limit = Duration::from_secs(60);
        let error = within(limit, std::future::pending()).await;
        let error = error.expect_err("a timeout").to_string();
        assert!(error.contains("longer than 1m"), "{error}");
        assert!(error.contains("`step-timeout`"), "{error}");
        assert!(within(limit, async { Ok(()) }).await.is_ok());
    }
}
