//! Steps of a file, read and parsed ahead on a thread of their own: neither the
//! server nor the reporters wait for a parser.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::sql_text::Sql;
use crate::suite::{Step, SuiteError};

/// Steps that go from thread to thread at once.
const BATCH: usize = 256;
/// Bytes of statements after which fewer of them do.
const BYTES: usize = 256 * 1024;

type Batch = Vec<Result<Step, SuiteError>>;

/// Steps to come; at most a few batches of them are in memory.
#[derive(Debug)]
pub(super) struct StepsAhead {
    batches: mpsc::Receiver<Batch>,
    reader: Option<JoinHandle<()>>,
    next: VecDeque<Result<Step, String>>,
}

impl StepsAhead {
    /// Begins to read. The thread ends with the steps, or when this is dropped.
    pub(super) fn of(
        mut steps: impl Iterator<Item = Result<Step, SuiteError>> + Send + 'static,
    ) -> Self {
        let (send, batches) = mpsc::channel(1);
        let reader = tokio::task::spawn_blocking(move || {
            loop {
                let batch = batch(&mut steps);
                if batch.is_empty() || send.blocking_send(batch).is_err() {
                    return;
                }
            }
        });
        StepsAhead {
            batches,
            reader: Some(reader),
            next: VecDeque::new(),
        }
    }

    /// The next step; `None` at the end. An error says why the case cannot go
    /// on.
    pub(super) async fn next(&mut self) -> Result<Option<Step>, String> {
        self.fill().await;
        self.next.pop_front().transpose()
    }

    /// The statement of the step after that, where there is one.
    pub(super) async fn peek(&mut self) -> Option<&Sql> {
        self.fill().await;
        let step = self.next.front()?.as_ref().ok()?;
        step.action.sql()
    }

    async fn fill(&mut self) {
        if !self.next.is_empty() {
            return;
        }
        if let Some(batch) = self.batches.recv().await {
            let words = |step: Result<Step, SuiteError>| step.map_err(|error| error.to_string());
            self.next = batch.into_iter().map(words).collect();
        } else if let Some(reader) = self.reader.take()
            && let Err(error) = reader.await
        {
            let told = format!("the file could not be read: {error}");
            self.next.push_back(Err(told));
        }
    }
}

fn batch(steps: &mut impl Iterator<Item = Result<Step, SuiteError>>) -> Batch {
    let mut batch = Vec::new();
    let mut bytes = 0;
    while batch.len() < BATCH && bytes < BYTES {
        let Some(step) = steps.next() else {
            break;
        };
        if let Ok(step) = &step {
            bytes += step.action.sql().map_or(0, |sql| sql.bytes().len());
        }
        batch.push(step);
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{Action, Conditions};

    fn step(line: usize) -> Result<Step, SuiteError> {
        Ok(Step {
            line,
            conditions: Conditions::default(),
            connection: None,
            action: Action::Record {
                sql: line.to_string().into(),
            },
            retry: None,
        })
    }

    #[tokio::test]
    async fn steps_come_in_their_order_and_the_next_one_can_be_seen() {
        let mut steps = StepsAhead::of((0..1000).map(step));
        let mut lines = Vec::new();
        while let Some(step) = steps.next().await.expect("they are read") {
            let next = steps.peek().await.map(|sql| sql.text().into_owned());
            let expected = (step.line < 999).then(|| (step.line + 1).to_string());
            assert_eq!(next, expected);
            lines.push(step.line);
        }
        assert_eq!(lines, (0..1000).collect::<Vec<_>>());
        assert!(matches!(steps.next().await, Ok(None)));
    }

    #[tokio::test]
    async fn a_reader_that_panics_is_no_end_of_the_file() {
        let mut steps = StepsAhead::of((0..100).map(|line| {
            assert_ne!(line, 70, "this one fails");
            step(line)
        }));
        let mut read = 0;
        let told = loop {
            match steps.next().await {
                Ok(step) => read += usize::from(step.is_some()),
                Err(told) => break told,
            }
        };
        assert!(read < 70 && told.contains("could not be read"), "{told}");
    }
}
