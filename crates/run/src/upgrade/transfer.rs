//! Bytes from a program in one container to a program in another. They pass through this
//! process and touch no disk of the host.

use dbmatrix_containers::nest::Child;
use dbmatrix_engine::{EngineError, Exec, StreamEnd};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, duplex, empty, sink};
use tokio::sync::mpsc;

use super::error::StepError;

/// Bytes on their way.
const BUFFER: usize = 256 * 1024;
/// Lines of a program's errors that a message has.
const SHOWN: usize = 15;

/// A program in a container, and what it does in messages.
pub(super) struct Program<'a> {
    pub(super) child: &'a Child,
    pub(super) exec: Exec,
}

/// How the two programs of a transfer ended. A reader that fails ends the writer too, so
/// its error is the cause.
pub(super) struct Transferred {
    pub(super) written: Result<(), StepError>,
    pub(super) read: Result<(), StepError>,
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
            Ok(ended) => Err(StepError::Program(last_lines(&errors, ended))),
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
fn last_lines(errors: &[u8], ended: StreamEnd) -> String {
    let text = String::from_utf8_lossy(errors);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    match (lines.as_slice(), ended) {
        ([], StreamEnd::Exited(status)) => {
            format!("nothing was written; exit status {status}")
        }
        ([], _) => "its reader ended before".to_owned(),
        (lines, _) => lines[lines.len().saturating_sub(SHOWN)..].join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_programs_errors_is_told() {
        assert_eq!(
            last_lines(b"", StreamEnd::Exited(2)),
            "nothing was written; exit status 2"
        );
        assert_eq!(
            last_lines(b"", StreamEnd::Unread),
            "its reader ended before"
        );
        let many: String = (0..40).map(|line| format!("line {line}\n\n")).collect();
        let told = last_lines(many.as_bytes(), StreamEnd::Exited(1));
        assert_eq!(told.lines().count(), SHOWN);
        assert!(told.ends_with("line 39"), "{told}");
    }
}
