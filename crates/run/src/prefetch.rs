//! Reads and parses the steps of a file ahead on a separate thread, so that neither the
//! server nor the reporters wait for the parser.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use dbmatrix_sql::sql_text::Sql;
use dbmatrix_sql::suite::{Modes, SqlMark, SqlSteps, Step, SuiteError};

/// Steps that are passed between threads at once.
const BATCH: usize = 256;
/// Bytes of statements above which a batch is shorter.
const BYTES: usize = 256 * 1024;

/// A step, and the position behind it.
type Item = (Result<Step, SuiteError>, Option<SqlMark>);

/// Steps read with the same modes; `None` at the end.
struct Batch {
    /// Increases with each [`Rewind`].
    reading: u32,
    items: Vec<Item>,
}

/// A request to read again from a position because the session's modes have changed.
struct Rewind {
    reading: u32,
    from: SqlMark,
    modes: Modes,
}

/// A reader of steps that can go back.
trait Reader: Send + 'static {
    fn read(&mut self) -> Option<Item>;
    fn rewind(&mut self, from: SqlMark, modes: Modes) -> Result<(), SuiteError>;
}

impl Reader for SqlSteps {
    fn read(&mut self) -> Option<Item> {
        let step = self.next()?;
        Some((step, Some(self.mark())))
    }

    fn rewind(&mut self, from: SqlMark, modes: Modes) -> Result<(), SuiteError> {
        self.resume(from, modes)
    }
}

/// A reader that does not depend on a session's modes.
struct Plain<I>(I);

impl<I: Iterator<Item = Result<Step, SuiteError>> + Send + 'static> Reader for Plain<I> {
    fn read(&mut self) -> Option<Item> {
        self.0.next().map(|step| (step, None))
    }

    fn rewind(&mut self, _: SqlMark, _: Modes) -> Result<(), SuiteError> {
        Ok(())
    }
}

/// The steps to come, of which at most a few batches are in memory.
#[derive(Debug)]
pub(super) struct StepPrefetcher {
    batches: mpsc::Receiver<Batch>,
    rewinds: std::sync::mpsc::Sender<Rewind>,
    reader: Option<JoinHandle<()>>,
    next: VecDeque<(Result<Step, String>, Option<SqlMark>)>,
    has_ended: bool,
    reading: u32,
    /// The modes with which the following steps are read.
    modes: Modes,
    /// The position behind the last step taken; `None` if modes do not matter.
    place: Option<SqlMark>,
}

impl StepPrefetcher {
    /// Starts to read steps that do not depend on a session's modes. The thread ends when
    /// this is dropped.
    pub(super) fn of(
        steps: impl Iterator<Item = Result<Step, SuiteError>> + Send + 'static,
    ) -> Self {
        Self::begin(Plain(steps), None)
    }

    /// Starts to read a `.sql` file.
    pub(super) fn of_sql(steps: SqlSteps) -> Self {
        let place = steps.mark();
        Self::begin(steps, Some(place))
    }

    fn begin(mut steps: impl Reader, place: Option<SqlMark>) -> Self {
        let (send, batches) = mpsc::channel(1);
        let (rewinds, asked) = std::sync::mpsc::channel::<Rewind>();
        let reader = tokio::task::spawn_blocking(move || {
            let mut reading = 0;
            let mut has_ended = false;
            loop {
                // After the end, only a request to read again can follow.
                let rewind = match has_ended {
                    true => asked.recv().ok(),
                    false => asked.try_recv().ok(),
                };
                let mut failed = None;
                if let Some(rewind) = rewind {
                    reading = rewind.reading;
                    failed = steps.rewind(rewind.from, rewind.modes).err();
                } else if has_ended {
                    return;
                }
                let items = match failed {
                    Some(error) => vec![(Err(error), None)],
                    None => batch(&mut steps),
                };
                has_ended = items.is_empty();
                if send.blocking_send(Batch { reading, items }).is_err() {
                    return;
                }
            }
        });
        StepPrefetcher {
            batches,
            rewinds,
            reader: Some(reader),
            next: VecDeque::new(),
            has_ended: false,
            reading: 0,
            modes: Modes::default(),
            place,
        }
    }

    /// Returns the next step; `None` at the end. An error says why the case cannot
    /// continue.
    pub(super) async fn next(&mut self) -> Result<Option<Step>, String> {
        self.fill().await;
        let Some((step, place)) = self.next.pop_front() else {
            return Ok(None);
        };
        self.place = place;
        step.map(Some)
    }

    /// Returns the statement of the following step, if there is one.
    pub(super) async fn peek(&mut self) -> Option<&Sql> {
        self.fill().await;
        let (step, _) = self.next.front()?;
        step.as_ref().ok()?.action.sql()
    }

    /// Sets how the session reads what follows. Steps read with other modes are read
    /// again.
    pub(super) fn assume(&mut self, modes: Modes) {
        if modes == self.modes {
            return;
        }
        let Some(from) = self.place.clone() else {
            return;
        };
        self.modes = modes;
        self.reading += 1;
        self.next.clear();
        self.has_ended = false;
        let reading = self.reading;
        // The next request for steps reports a reader that is gone.
        let _ = self.rewinds.send(Rewind {
            reading,
            from,
            modes,
        });
    }

    async fn fill(&mut self) {
        while self.next.is_empty() && !self.has_ended {
            match self.batches.recv().await {
                Some(batch) if batch.reading < self.reading => {}
                Some(batch) => {
                    self.has_ended = batch.items.is_empty();
                    let words =
                        |(step, place): Item| (step.map_err(|error| error.to_string()), place);
                    self.next = batch.items.into_iter().map(words).collect();
                }
                None => {
                    self.has_ended = true;
                    if let Some(reader) = self.reader.take()
                        && let Err(error) = reader.await
                    {
                        let told = format!("the file could not be read: {error}");
                        self.next.push_back((Err(told), None));
                    }
                }
            }
        }
    }
}

fn batch(steps: &mut impl Reader) -> Vec<Item> {
    let mut items = Vec::new();
    let mut bytes = 0;
    while items.len() < BATCH && bytes < BYTES {
        let Some(item) = steps.read() else {
            break;
        };
        if let Ok(step) = &item.0 {
            bytes += step.action.sql().map_or(0, |sql| sql.bytes().len());
        }
        items.push(item);
    }
    items
}

#[cfg(test)]
mod tests {
    use dbmatrix_sql::suite::{Action, Conditions};

    use super::*;

    fn step(line: usize) -> Result<Step, SuiteError> {
        Ok(Step {
            line,
            within: None,
            substitutes: false,
            conditions: Conditions::default(),
            connection: None,
            action: Action::Record {
                sql: line.to_string().into(),
            },
            retry: None,
            faults: Vec::new(),
        })
    }

    #[tokio::test]
    async fn steps_come_in_their_order_and_the_next_one_can_be_seen() {
        let mut steps = StepPrefetcher::of((0..1000).map(step));
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
        let mut steps = StepPrefetcher::of((0..100).map(|line| {
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

    #[tokio::test]
    async fn steps_are_read_again_where_the_session_reads_otherwise() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let text = "SELECT 'a\\';\n".repeat(1000);
        std::fs::write(file.path(), text).expect("its text");
        let steps = SqlSteps::open(file.path()).expect("it opens");
        let mut steps = StepPrefetcher::of_sql(steps);
        let plain = Modes {
            no_backslash_escapes: true,
            ..Modes::default()
        };
        steps.assume(plain);
        let mut lines = Vec::new();
        while let Some(step) = steps.next().await.expect("they are read") {
            lines.push(step.line);
            if lines.len() == 990 {
                steps.assume(Modes::default());
                steps.assume(plain);
            }
        }
        assert_eq!(lines, (1..=1000).collect::<Vec<_>>());
        assert!(matches!(steps.next().await, Ok(None)));
        // Even at the end, where nothing is left.
        steps.assume(Modes::default());
        assert!(matches!(steps.next().await, Ok(None)));
    }
}
