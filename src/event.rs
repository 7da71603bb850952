//! The vocabulary that a run speaks and reports hear.
//!
//! Plain data that is written to files and read back; times are seconds.
//! Knows neither who sends nor who listens.

mod channel;
mod in_files;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::channel::{Receiver, Sender, WeakSender};
use self::in_files::{path_text, seconds};
use crate::compare::Kind;
pub use crate::server::PackageVersion;
pub use crate::suite::Reason;

/// The version of this vocabulary in files. Raised whenever something that was
/// written before would be read otherwise; what is only new does not raise it.
pub const SCHEMA: u32 = 1;

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first event of each run.
    RunStarted {
        /// [`SCHEMA`].
        schema: u32,
        /// Such as `dbmatrix 0.1.0`.
        program: String,
        /// When, in UTC, such as `2026-11-23T17:45:39Z`.
        began: String,
        /// The matrix file.
        #[serde(with = "path_text")]
        matrix: PathBuf,
        /// The chosen flavours, in the order in which they are shown.
        flavours: Vec<String>,
        /// Which part of the run this is, such as `2/3`.
        shard: Option<String>,
        /// Whether every flavour is required.
        strict: bool,
    },
    /// A step of the common ground began: engine, network, nest.
    SetupStarted {
        /// For people, such as `nest: inner engine`.
        step: String,
    },
    /// A base image is being built, since it is not in the cache.
    ImageStarted {
        /// For people, such as `debian:sid`.
        image: String,
    },
    /// A base image was built.
    ImageFinished {
        /// As it was begun.
        image: String,
    },
    /// The common ground stands.
    SetupFinished {
        /// What it is made of.
        machine: Machine,
        /// Since the start of the run.
        #[serde(with = "seconds")]
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
    /// Somebody is logged in from the host.
    FlavourReady {
        /// Which one.
        flavour: String,
        /// What the server says of itself, and what it is made of.
        server: ServerFacts,
        /// Where it listens.
        address: String,
        /// Since the start of the run.
        #[serde(with = "seconds")]
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
        /// Which file, or the command as it is written.
        #[serde(with = "path_text")]
        file: PathBuf,
    },
    /// A case has come so far; often said.
    CaseProgress {
        /// Which flavour.
        flavour: String,
        /// Which suite.
        suite: String,
        /// Which file.
        #[serde(with = "path_text")]
        file: PathBuf,
        /// Steps done.
        steps: usize,
    },
    /// A case has ended.
    CaseFinished {
        /// Which flavour.
        flavour: String,
        /// Which suite.
        suite: String,
        /// Which file, or the command as it is written.
        #[serde(with = "path_text")]
        file: PathBuf,
        /// How.
        result: CaseResult,
    },
    /// Flavours answered a step differently.
    Diverged(Divergence),
    /// More steps of a file that differ in ways that do not count, so many that
    /// they are not told one by one.
    MoreShown {
        /// Which suite.
        suite: String,
        /// Which file.
        #[serde(with = "path_text")]
        file: PathBuf,
        /// How many steps.
        steps: usize,
        /// How many of them differ so.
        kinds: BTreeMap<Kind, usize>,
    },
    /// An entry of a file of known divergences does not hold.
    Stale(Stale),
    /// Expectations were written.
    ExpectationWritten {
        /// The file.
        #[serde(with = "path_text")]
        file: PathBuf,
    },
    /// All cases of a flavour have ended.
    FlavourFinished {
        /// Which one.
        flavour: String,
    },
    /// Nothing could be run, or no further.
    Aborted {
        /// What that makes of the run.
        verdict: Verdict,
        /// Why, for people.
        reason: String,
    },
    /// The run was asked to end; what is half made goes.
    Interrupted,
    /// The last event of a run that was not cut.
    RunFinished {
        /// How it ended.
        verdict: Verdict,
        /// Since its start.
        #[serde(with = "seconds")]
        took: Duration,
    },
}

/// What all flavours of a run stand on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The host's engine, such as `LXD 5.0.2`.
    pub engine: String,
    /// The nest's engine, such as `Incus 6.0.4`.
    pub nest_engine: String,
    /// The nest's image: `debian:trixie` and the hash of what went into it.
    pub nest_image: String,
    /// Such as `Linux 6.18.5 x86_64`.
    pub kernel: String,
}

/// What is needed to make a server again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// `@@version`, whole.
    pub version: String,
    /// `@@version_comment`: who built it.
    pub comment: String,
    /// Its container's image: `debian:sid` and the hash of what went into it.
    pub image: String,
    /// The repository or tarball that it comes from, where that is not the
    /// image's own mirror.
    pub origin: Option<String>,
    /// What its installation added.
    pub packages: Vec<PackageVersion>,
    /// `@@GLOBAL.sql_mode`.
    pub sql_mode: String,
    /// `@@GLOBAL.collation_server`.
    pub collation: String,
    /// The plugin by which the routed user is authenticated.
    pub auth_plugin: String,
}

/// A step that flavours answered differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// Which suite.
    pub suite: String,
    /// Which file.
    #[serde(with = "path_text")]
    pub file: PathBuf,
    /// Line in the file, from 1.
    pub line: usize,
    /// The statement.
    pub statement: String,
    /// How the answers differ; those that count first.
    pub kinds: Vec<Kind>,
    /// Whether that is well.
    pub standing: Standing,
    /// Flavours with the same outcome. The first group is the one to which the
    /// others are compared: the baseline's, else the largest.
    pub groups: Vec<Group>,
}

/// Whether a divergence is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nobody has said why: it fails the run.
    New,
    /// A file of known divergences says why; with its reasons.
    Known(Vec<Reason>),
    /// The suite compares no such kind, or the file itself says what each
    /// flavour answers: it is only shown.
    Shown,
}

/// Flavours with the same outcome of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Their names, in the order of the run.
    pub flavours: Vec<String>,
    /// The outcome, on one or more lines.
    pub outcome: String,
    /// How it differs from that of the first group; none for that itself.
    pub kinds: Vec<Kind>,
}

/// An entry of a file of known divergences that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// Which suite.
    pub suite: String,
    /// The file of known divergences.
    #[serde(with = "path_text")]
    pub file: PathBuf,
    /// The entry's line in it, from 1.
    pub line: usize,
    /// The statement that the entry is about.
    pub statement: String,
    /// Flavours on which it does not hold; none where it is not about flavours.
    pub flavours: Vec<String>,
    /// Why, for people.
    pub why: String,
}

/// What a flavour is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Image and container.
    Creating,
    /// Others install theirs.
    Queued,
    /// Packages or tarball.
    Installing,
    /// Settings and the routed user.
    Configuring,
    /// What is done once, so that it starts quickly ever after.
    Settling,
    /// The service, or a copy of the golden child with it.
    Starting,
    /// Over the route.
    LoggingIn,
}

impl Phase {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Creating => "creating its container",
            Phase::Queued => "waiting for its turn",
            Phase::Installing => "installing its server",
            Phase::Configuring => "configuring",
            Phase::Settling => "keeping it as golden",
            Phase::Starting => "starting",
            Phase::LoggingIn => "logging in",
        }
    }
}

/// How a case ended on one flavour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseResult {
    /// Steps that were as expected.
    pub passed: usize,
    /// Steps that were not.
    pub failed: usize,
    /// Steps that were not, and of which it is known why.
    pub known: usize,
    /// Steps whose conditions did not hold.
    pub skipped: usize,
    /// The first failures, known ones included.
    pub failures: Vec<Failure>,
    /// How often it was run before it ended so; a suite may ask for retries.
    pub retries: u32,
    /// What was wrong before the last try.
    pub flaky: Vec<Failure>,
    /// Why it was skipped, where it says so itself.
    pub note: Option<String>,
    /// Where the whole output of a command is kept.
    pub log: Option<PathBuf>,
    /// How long it took.
    #[serde(with = "seconds")]
    pub took: Duration,
    /// Why the case ended before its last step.
    pub aborted: Option<String>,
    /// Whether it was cut short since the run ends at its first failure.
    pub cut: bool,
    /// Its place among what the flavour runs, by which reports are sorted:
    /// several cases run at a time.
    #[serde(default)]
    pub place: usize,
}

impl CaseResult {
    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.aborted.is_none()
    }

    /// The first failures of which nobody knows why.
    pub fn told_failures(&self) -> impl Iterator<Item = &Failure> {
        self.failures
            .iter()
            .filter(|failure| failure.known.is_none())
    }

    /// The case in a word.
    pub fn verdict(&self) -> CellVerdict {
        if self.aborted.is_some() {
            CellVerdict::Errored
        } else if self.failed > 0 {
            CellVerdict::Failed
        } else if self.retries > 0 {
            CellVerdict::Flaky
        } else if self.passed + self.known == 0 && self.skipped > 0 {
            CellVerdict::Skipped
        } else {
            CellVerdict::Passed
        }
    }
}

/// A case or a suite on one flavour, in a word. The greatest of a suite's cases
/// is the suite's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellVerdict {
    /// No condition of any step held.
    Skipped,
    /// As expected.
    Passed,
    /// As expected, after another try.
    Flaky,
    /// As expected, and unlike other flavours in a way that nobody explains.
    Differs,
    /// Something was not as expected.
    Failed,
    /// Ended before its last step.
    Errored,
    /// The flavour could not be had.
    Unavailable,
}

/// A step that was not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// Line in the file, from 1.
    pub line: usize,
    /// The statement.
    pub statement: String,
    /// What the file says.
    pub expected: String,
    /// What the server said.
    pub found: String,
    /// What is wrong, for people.
    pub why: String,
    /// The kind of difference, where it is one of outcomes.
    pub kind: Option<Kind>,
    /// Why it is well all the same.
    pub known: Option<Reason>,
}

/// How a whole run ended; the program's exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All passed.
    Passed,
    /// Something was not as expected, differs in a new way, or is stale.
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
        let event = Event::RunFinished {
            verdict: Verdict::NotProvided,
            took: Duration::from_millis(1500),
        };
        let written = serde_json::to_value(&event).expect("plain data");
        assert_eq!(
            written,
            serde_json::json!({"event": "run-finished", "verdict": "not-provided", "took": 1.5})
        );
        let read: Event = serde_json::from_value(written).expect("what was written");
        assert_eq!(read, event);
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
    fn a_path_that_is_not_utf_8_is_written_and_read_back() {
        use std::os::unix::ffi::OsStringExt;
        let path = std::ffi::OsString::from_vec(b"caf\xe9/a.sql".to_vec());
        let event = Event::ExpectationWritten { file: path.into() };
        let written = serde_json::to_string(&event).expect("plain data");
        assert!(written.contains(r"caf\\xE9/a.sql"), "{written}");
        let read: Event = serde_json::from_str(&written).expect("what was written");
        assert_eq!(read, event);
    }
}
