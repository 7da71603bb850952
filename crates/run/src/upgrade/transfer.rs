//! Bytes from a program in one container to a program in another. They pass through this
//! process and touch no disk of the host.

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{EngineError, Exec, StreamEnd};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, duplex, empty, sink};
use tokio::sync::mpsc;

use super::error::{InStep, StepError, WalkError};

/// Bytes on their way.
const BUFFER: usize = 256 * 1024;
/// Lines of a program's errors that a message has.
const SHOWN: usize = 15;

/// A program in a container, and what it does in messages.
pub(super) struct Program<'a> {
    pub(super) child: &'a Child,
    pub(super) exec: Exec,
}

/// How the two programs of a transfer ended.
pub(super) struct Transferred {
    written: Result<(), StepError>,
    read: Result<(), StepError>,
}

impl Transferred {
    /// The error that came first. A reader that fails ends the writer; a writer that fails
    /// cuts short what the other reads.
    pub(super) fn in_steps(self, writing: String, reading: String) -> Result<(), WalkError> {
        match (self.written, self.read) {
            (Err(StepError::Unread), Err(cause)) => Err(cause).in_step(reading),
            (Err(cause), _) => Err(cause).in_step(writing),
            (Ok(()), read) => read.in_step(reading),
        }
    }
}

/// Runs both programs at once: what `from` writes, `to` reads.
pub(super) fn transfer<'a>(
    from: &'a Program<'a>,
    to: &'a Program<'a>,
) -> BoxFuture<'a, Transferred> {
    async move {
        let (output, input) = duplex(BUFFER);
        let (written, read) = tokio::join!(from.run(empty(), output), to.run(input, sink()));
        Transferred { written, read }
    }
    .boxed()
}

impl Program<'_> {
    /// Runs it to its end; it must succeed.
    pub(super) fn run_alone(&self) -> BoxFuture<'_, Result<(), StepError>> {
        self.run(empty(), sink()).boxed()
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
            Ok(StreamEnd::Exited(status)) => Err(StepError::Program(last_lines(&errors, status))),
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

/// The end of what a program wrote to its standard error.
fn last_lines(errors: &[u8], status: i64) -> String {
    let text = String::from_utf8_lossy(errors);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    match lines.as_slice() {
        [] => format!("nothing was written; exit status {status}"),
        lines => lines[lines.len().saturating_sub(SHOWN)..].join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_programs_errors_is_told() {
        assert_eq!(last_lines(b"", 2), "nothing was written; exit status 2");
        let many: String = (0..40).map(|line| format!("line {line}\n\n")).collect();
        let told = last_lines(many.as_bytes(), 1);
        assert_eq!(told.lines().count(), SHOWN);
        assert!(told.ends_with("line 39"), "{told}");
    }

    #[test]
    fn the_error_that_came_first_is_told() {
        let program = |text: &str| Err(StepError::Program(text.to_owned()));
        let told = |written, read| {
            let ended = Transferred { written, read };
            let error = ended.in_steps("write".to_owned(), "read".to_owned());
            error.map_err(|error| format!("{}: {}", error.step, error.error))
        };
        let cut = || program("unexpected end");
        assert_eq!(
            told(program("no disk"), cut()),
            Err("write: no disk".to_owned())
        );
        assert_eq!(
            told(Err(StepError::Unread), program("refused")),
            Err("read: refused".to_owned())
        );
        assert_eq!(told(Ok(()), cut()), Err("read: unexpected end".to_owned()));
        assert_eq!(told(Ok(()), Ok(())), Ok(()));
    }
}
