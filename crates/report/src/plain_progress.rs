//! Progress without a terminal: one line per change, with the time since the start. Steps
//! and successful files appear only in the summary.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use super::text::{count, describe_measuring, describe_setup, one_line, visible};
use crate::event::{CaseResult, Event, Phase};

/// The widest reason on a line; the summary contains all of it.
const WIDEST: usize = 300;
/// How much time is between two lines about the progress of a flavour's setup.
const BETWEEN: Duration = Duration::from_secs(10);

/// Writes lines.
pub(super) struct PlainProgress {
    out: Box<dyn Write + Send>,
    flavours: BTreeMap<String, State>,
    /// When the progress of measuring was last shown.
    measuring_shown: Duration,
}

/// The last state shown for a flavour.
#[derive(Default)]
struct State {
    phase: Option<Phase>,
    /// When the progress of its setup was last shown.
    shown: Duration,
    runs: bool,
    passed: usize,
    failed: usize,
}

impl PlainProgress {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        PlainProgress {
            out,
            flavours: BTreeMap::new(),
            measuring_shown: Duration::ZERO,
        }
    }

    /// Shows one event, which arrived at `since` after the start.
    pub(super) fn on_event(&mut self, event: &Event, since: Duration) -> io::Result<()> {
        match self.line(event, since) {
            Some(line) => writeln!(self.out, "[{:>6.1}s] {line}", since.as_secs_f64()),
            None => Ok(()),
        }
    }

    fn line(&mut self, event: &Event, since: Duration) -> Option<String> {
        Some(match event {
            Event::SetupStarted { step } => step.clone(),
            Event::ImageStarted { image } => format!("building image {image}"),
            Event::ImageFinished { image } => format!("built image {image}"),
            Event::SetupFinished { .. } => "nest ready".to_owned(),
            Event::Warning { text } => format!("warning: {}", visible(text)),
            Event::FlavourPhase { flavour, phase } => {
                let before = self.state(flavour).phase.replace(*phase);
                if before == Some(*phase) {
                    return None;
                }
                format!("{flavour}: {}", phase.as_str())
            }
            Event::FlavourProgress {
                flavour,
                file,
                done,
                total,
            } => {
                let shown = &mut self.state(flavour).shown;
                if since < *shown + BETWEEN {
                    return None;
                }
                *shown = since;
                format!("{flavour}: {}", describe_setup(file, *done, *total))
            }
            Event::FlavourReady {
                flavour,
                server,
                address,
                ..
            } => {
                let servers = std::iter::once(server).chain(&server.replicas);
                let versions: Vec<&str> = servers.map(|one| one.version.as_str()).collect();
                format!("{flavour}: ready at {address}, {}", versions.join(" → "))
            }
            Event::FlavourUnavailable {
                flavour, reason, ..
            } => format!("{flavour}: unavailable: {}", one_line(reason, WIDEST)),
            Event::CaseStarted { flavour, .. } => {
                if std::mem::replace(&mut self.state(flavour).runs, true) {
                    return None;
                }
                format!("{flavour}: running")
            }
            Event::CaseProgress { .. } => return None,
            Event::CaseFinished {
                flavour,
                file,
                result,
                ..
            } => {
                let state = self.state(flavour);
                state.passed += result.passed;
                state.failed += result.failed;
                if result.is_good() {
                    return None;
                }
                format!(
                    "{flavour}: {}: {}",
                    file.display(),
                    describe_problem(result)
                )
            }
            Event::Measuring { done, total, .. } => {
                let is_due = *done == 0 || since >= self.measuring_shown + BETWEEN;
                if !is_due {
                    return None;
                }
                self.measuring_shown = since;
                describe_measuring(*done, *total)
            }
            Event::Measured(times) => {
                format!("measured times of {}", count(times.statements, "statement"))
            }
            Event::ExpectationWritten { file } => format!("wrote {}", file.display()),
            Event::FlavourFinished { flavour } => {
                let state = self.state(flavour);
                if !state.runs {
                    return Some(format!("{flavour}: done"));
                }
                let (passed, failed) = (state.passed, state.failed);
                format!("{flavour}: done, {passed} passed, {failed} failed")
            }
            Event::Interrupted => "interrupted".to_owned(),
            // The summary reports them.
            Event::RunStarted { .. }
            | Event::Diverged(_)
            | Event::Sampled(_)
            | Event::MoreShown { .. }
            | Event::Compared { .. }
            | Event::Unknown
            | Event::Stale(_)
            | Event::Aborted { .. }
            | Event::RunFinished { .. } => return None,
        })
    }

    fn state(&mut self, flavour: &str) -> &mut State {
        self.flavours.entry(flavour.to_owned()).or_default()
    }
}

/// A short description of a case's problem.
fn describe_problem(result: &CaseResult) -> String {
    match &result.aborted {
        Some(reason) if result.failed == 0 => {
            format!("aborted: {}", one_line(reason, WIDEST))
        }
        Some(reason) => format!(
            "{} failed, then aborted: {}",
            count(result.failed, "step"),
            one_line(reason, WIDEST)
        ),
        None => format!("{} failed", count(result.failed, "step")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::{Machine, ServerFacts};

    /// Keeps its input.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one thread").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines of events at intervals of half a second.
    fn lines(events: &[Event]) -> String {
        let kept = Kept::default();
        let mut lines = PlainProgress::new(Box::new(kept.clone()));
        for (at, event) in events.iter().enumerate() {
            let since = Duration::from_millis(500 * at as u64);
            lines.on_event(event, since).expect("memory takes it");
        }
        let bytes = kept.0.lock().expect("one thread").clone();
        String::from_utf8(bytes).expect("text")
    }

    fn phase(phase: Phase) -> Event {
        Event::FlavourPhase {
            flavour: "mysql-9.7".to_owned(),
            phase,
        }
    }

    fn started(file: &str) -> Event {
        Event::CaseStarted {
            flavour: "mysql-9.7".to_owned(),
            suite: "types".to_owned(),
            file: PathBuf::from(file),
        }
    }

    fn finished(file: &str, result: CaseResult) -> Event {
        Event::CaseFinished {
            flavour: "mysql-9.7".to_owned(),
            suite: "types".to_owned(),
            file: PathBuf::from(file),
            result,
        }
    }

    #[test]
    fn a_log_has_one_line_a_change() {
        let events = [
            Event::SetupStarted {
                step: "engine".to_owned(),
            },
            Event::Warning {
                text: "the pool is a plain folder: copies are slow".to_owned(),
            },
            Event::SetupFinished {
                machine: Machine::default(),
                took: Duration::from_secs(1),
            },
            phase(Phase::Creating),
            phase(Phase::LoggingIn),
            phase(Phase::LoggingIn),
            Event::FlavourUnavailable {
                flavour: "percona-8.4".to_owned(),
                required: false,
                reason: "repository is not reached:\n  no route to host".to_owned(),
            },
            Event::FlavourReady {
                flavour: "mysql-9.7".to_owned(),
                server: ServerFacts {
                    version: "9.7.4-2".to_owned(),
                    ..ServerFacts::default()
                },
                address: "10.66.7.11:3306".to_owned(),
                took: Duration::from_secs(3),
            },
            started("sql/types.slt"),
            Event::CaseProgress {
                flavour: "mysql-9.7".to_owned(),
                suite: "types".to_owned(),
                file: PathBuf::from("sql/types.slt"),
                steps: 10,
            },
            finished(
                "sql/types.slt",
                CaseResult {
                    passed: 23,
                    ..CaseResult::default()
                },
            ),
            started("sql/json.slt"),
            finished(
                "sql/json.slt",
                CaseResult {
                    passed: 4,
                    failed: 1,
                    aborted: Some("connection lost".to_owned()),
                    ..CaseResult::default()
                },
            ),
            Event::FlavourFinished {
                flavour: "mysql-9.7".to_owned(),
            },
            Event::ExpectationWritten {
                file: PathBuf::from("sql/routines.sql.expected"),
            },
        ];
        insta::assert_snapshot!(lines(&events), @r"
        [   0.0s] engine
        [   0.5s] warning: the pool is a plain folder: copies are slow
        [   1.0s] nest ready
        [   1.5s] mysql-9.7: creating its container
        [   2.0s] mysql-9.7: logging in
        [   3.0s] percona-8.4: unavailable: repository is not reached: no route to host
        [   3.5s] mysql-9.7: ready at 10.66.7.11:3306, 9.7.4-2
        [   4.0s] mysql-9.7: running
        [   6.0s] mysql-9.7: sql/json.slt: 1 step failed, then aborted: connection lost
        [   6.5s] mysql-9.7: done, 27 passed, 1 failed
        [   7.0s] wrote sql/routines.sql.expected
        ");
    }
}
