//! The vocabulary that a run speaks and reports hear.
//!
//! Plain data that is written to files and read back; times are seconds.
//! Knows neither who sends nor who listens.

mod case;
mod channel;
mod difference;
mod facts;
mod in_files;

pub use case::{CaseResult, CellVerdict, Failure};
pub use channel::{Receiver, Sender, WeakSender};
pub use difference::{DifferenceStatus, Divergence, FormSteps, Group, Reason, Stale};
pub use facts::{Machine, PackageVersion, ServerFacts};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::compare::Kind;
use in_files::{path_text, seconds};

/// The version of this vocabulary in files. Raised whenever something that was
/// written before would be read otherwise; what is only new does not raise it.
/// 2 calls the kind `acceptance` of 1 `success`; both are read.
pub const SCHEMA: u32 = 2;

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
    /// A flavour was not available.
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
    /// More steps of a file that differ insignificantly, so many that
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
        /// The same steps by kinds and form.
        #[serde(default)]
        forms: Vec<FormSteps>,
    },
    /// The comparison of a file is at its end.
    Compared {
        /// Which suite.
        suite: String,
        /// Which file.
        #[serde(with = "path_text")]
        file: PathBuf,
        /// Steps that at least two flavours answered.
        steps: usize,
        /// Those of them with the same result on all.
        same: usize,
        /// Steps that fewer than two flavours answered, though more were to.
        not_compared: usize,
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
    /// The run was asked to end; what is incomplete goes.
    Interrupted,
    /// The last event of a run that was not cut.
    RunFinished {
        /// How it ended.
        verdict: Verdict,
        /// Since its start.
        #[serde(with = "seconds")]
        took: Duration,
    },
    /// An event of a later dbmatrix. Readers skip it, and nobody sends it.
    #[serde(other)]
    Unknown,
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
    /// The user's own files of statements.
    SettingUp,
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
            Phase::SettingUp => "running its setup",
            Phase::Starting => "starting",
            Phase::LoggingIn => "logging in",
        }
    }
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
    fn a_file_whose_name_is_no_text_is_written_and_read_back() {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.sql");
        let event = Event::ExpectationWritten { file: name.into() };
        let written = serde_json::to_string(&event).expect("plain data");
        assert_eq!(
            written,
            r#"{"event":"expectation-written","file":"caf\\xE9.sql"}"#
        );
        let read: Event = serde_json::from_str(&written).expect("what was written");
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
}
