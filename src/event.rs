//! The vocabulary that a run speaks and reports hear.
//!
//! Plain data, ready to be serialised; times are written as seconds. Knows
//! neither who sends nor who listens.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A step of the common ground began: engine, network, nest.
    SetupStarted {
        /// For people, such as `nest: inner engine`.
        step: String,
    },
    /// The common ground stands.
    SetupFinished {
        /// Since the start of the run.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// Something that people should know and that stops nothing.
    Warning {
        /// For people.
        text: String,
    },
    /// A flavour entered a phase.
    FlavourPhase {
        /// Which one.
        flavour: String,
        /// Which phase.
        phase: Phase,
    },
    /// Somebody is logged in over the route.
    FlavourReady {
        /// Which one.
        flavour: String,
        /// `@@version`, whole.
        version: String,
        /// Where it listens.
        address: String,
        /// Since the start of the run.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// A flavour could not be had.
    FlavourUnavailable {
        /// Which one.
        flavour: String,
        /// Whether the matrix insists on it.
        required: bool,
        /// Why.
        reason: String,
    },
    /// A case was begun on a flavour.
    CaseStarted {
        /// Which flavour.
        flavour: String,
        /// Which suite.
        suite: String,
        /// Which file.
        file: PathBuf,
    },
    /// A case has come so far; often said.
    CaseProgress {
        /// Which flavour.
        flavour: String,
        /// Steps done.
        steps: usize,
    },
    /// A case has ended.
    CaseFinished {
        /// Which flavour.
        flavour: String,
        /// Which suite.
        suite: String,
        /// Which file.
        file: PathBuf,
        /// How.
        result: CaseResult,
    },
    /// Expectations were written.
    ExpectationWritten {
        /// The file.
        file: PathBuf,
    },
    /// All cases of a flavour have ended.
    FlavourFinished {
        /// Which one.
        flavour: String,
    },
    /// The run was asked to end; what is half made goes.
    Interrupted,
}

/// What a flavour is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Image and container.
    Creating,
    /// Packages or tarball.
    Installing,
    /// Settings and the routed user.
    Configuring,
    /// The service.
    Starting,
    /// Over the route.
    LoggingIn,
}

impl Phase {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Creating => "creating its container",
            Phase::Installing => "installing its server",
            Phase::Configuring => "configuring",
            Phase::Starting => "starting",
            Phase::LoggingIn => "logging in",
        }
    }
}

/// How a case ended on one flavour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// Steps that were as expected.
    pub passed: usize,
    /// Steps that were not.
    pub failed: usize,
    /// Steps whose conditions did not hold.
    pub skipped: usize,
    /// The first failures.
    pub failures: Vec<Failure>,
    /// How long it took.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// Why the case ended before its last step.
    pub aborted: Option<String>,
}

impl CaseResult {
    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.aborted.is_none()
    }

    /// The case in a word.
    pub fn verdict(&self) -> CellVerdict {
        if self.aborted.is_some() {
            CellVerdict::Errored
        } else if self.failed > 0 {
            CellVerdict::Failed
        } else if self.passed == 0 && self.skipped > 0 {
            CellVerdict::Skipped
        } else {
            CellVerdict::Passed
        }
    }
}

/// A case or a suite on one flavour, in a word. The greatest of a suite's cases
/// is the suite's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellVerdict {
    /// No condition of any step held.
    Skipped,
    /// As expected.
    Passed,
    /// Something was not as expected.
    Failed,
    /// Ended before its last step.
    Errored,
    /// The flavour could not be had.
    Unavailable,
}

/// A step that was not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Failure {
    /// Line in the file, from 1.
    pub line: usize,
    /// The statement.
    pub statement: String,
    /// What the file says.
    pub expected: String,
    /// What the server said.
    pub found: String,
    /// The kind of difference, for people.
    pub why: String,
}

/// How a whole run ended; the program's exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All passed.
    Passed,
    /// Something was not as expected.
    Failed,
    /// The command line or the matrix is wrong.
    Misused,
    /// A required flavour or the engine could not be provided. This hides
    /// failures of other flavours: a run without them says nothing of the whole.
    NotProvided,
    /// Ended by a signal.
    Interrupted,
}

impl Verdict {
    /// The exit status.
    pub fn code(self) -> u8 {
        match self {
            Verdict::Passed => 0,
            Verdict::Failed => 1,
            Verdict::Misused => 2,
            Verdict::NotProvided => 3,
            Verdict::Interrupted => 130,
        }
    }
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// Where events are sent. A listener that is gone stops no run.
#[derive(Debug, Clone)]
pub struct Sender(tokio::sync::mpsc::UnboundedSender<Event>);

impl Sender {
    /// A sender with its other end.
    pub fn channel() -> (Self, tokio::sync::mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        (Sender(sender), receiver)
    }

    /// Says what happened.
    pub fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// Says what a flavour is at.
    pub fn phase(&self, flavour: &str, phase: Phase) {
        self.send(Event::FlavourPhase {
            flavour: flavour.to_owned(),
            phase,
        });
    }

    /// Warns people.
    pub fn warn(&self, text: impl Into<String>) {
        self.send(Event::Warning { text: text.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(passed: usize, failed: usize, skipped: usize) -> CaseResult {
        CaseResult {
            passed,
            failed,
            skipped,
            ..CaseResult::default()
        }
    }

    #[test]
    fn an_event_is_written_flat_with_its_name_and_seconds() {
        let event = Event::FlavourReady {
            flavour: "mysql-9.7".to_owned(),
            version: "9.7.4-2".to_owned(),
            address: "10.66.7.11:3306".to_owned(),
            took: Duration::from_millis(1500),
        };
        assert_eq!(
            serde_json::to_value(event).expect("plain data"),
            serde_json::json!({
                "event": "flavour-ready",
                "flavour": "mysql-9.7",
                "version": "9.7.4-2",
                "address": "10.66.7.11:3306",
                "took": 1.5,
            })
        );
    }

    #[test]
    fn a_case_that_ended_early_is_errored_whatever_it_counted() {
        assert_eq!(result(2, 0, 1).verdict(), CellVerdict::Passed);
        assert_eq!(result(2, 1, 1).verdict(), CellVerdict::Failed);
        assert_eq!(result(0, 0, 3).verdict(), CellVerdict::Skipped);
        assert_eq!(result(0, 0, 0).verdict(), CellVerdict::Passed);
        let aborted = CaseResult {
            aborted: Some("connection lost".to_owned()),
            ..result(2, 1, 0)
        };
        assert_eq!(aborted.verdict(), CellVerdict::Errored);
    }

    #[test]
    fn a_listener_that_is_gone_stops_no_sender() {
        let (sender, listener) = Sender::channel();
        drop(listener);
        sender.warn("nobody hears this");
    }
}
