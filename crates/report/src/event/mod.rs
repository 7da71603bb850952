//! The events of a run, which it sends to reporters.
//!
//! Plain data that can be written to files and read back; times are seconds. Knows
//! neither senders nor reporters.

mod case;
mod channel;
mod difference;
mod facts;
mod in_files;
mod sampled;
mod times;

pub use case::{CaseResult, CellVerdict, Failure};
pub use channel::{Receiver, Sender, WeakSender};
pub use difference::{DifferenceStatus, Divergence, FormSteps, Group, Reason, Stale};
pub use facts::{Machine, PackageVersion, ServerFacts};
pub use sampled::{MissingObject, SampledDigest, SampledLogs};
pub use times::{GroupTimes, MeasuredTimes, TimeRatio};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use dbmatrix_sql::compare::Kind;
use in_files::path_text;
pub(crate) use in_files::seconds;

/// The version of these events in files. Increased when existing data would be read
/// differently; additions do not increase it. Version 2 renamed the kind `acceptance` of
/// version 1 to `success`; both are read.
pub const SCHEMA: u32 = 2;

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first event of each run.
    RunStarted {
        /// [`SCHEMA`].
        schema: u32,
        /// The program and its version, such as `dbmatrix 0.1.0`.
        program: String,
        /// Start time in UTC, such as `2026-11-23T17:45:39Z`.
        began: String,
        /// The matrix file.
        #[serde(with = "path_text")]
        matrix: PathBuf,
        /// The selected flavours, in display order.
        flavours: Vec<String>,
        /// The shard, such as `2/3`.
        shard: Option<String>,
        /// Whether every flavour is required.
        strict: bool,
    },
    /// A step of the environment's setup began: engine, network, nest.
    SetupStarted {
        /// A human-readable step, such as `nest: inner engine`.
        step: String,
    },
    /// The build of a base image began, because it is not in the cache.
    ImageStarted {
        /// A human-readable name, such as `debian:sid`.
        image: String,
    },
    /// A base image was built.
    ImageFinished {
        /// The same name as at the start.
        image: String,
    },
    /// The environment is ready.
    SetupFinished {
        /// Its components.
        machine: Machine,
        /// Since the start of the run.
        #[serde(with = "seconds")]
        took: Duration,
    },
    /// A warning that stops nothing.
    Warning {
        /// A human-readable text.
        text: String,
    },
    /// A flavour entered a phase.
    FlavourPhase {
        /// The flavour.
        flavour: String,
        /// The phase.
        phase: Phase,
    },
    /// A login from the host succeeded.
    FlavourReady {
        /// The flavour.
        flavour: String,
        /// The facts about the server.
        server: ServerFacts,
        /// Its address.
        address: String,
        /// Since the start of the run.
        #[serde(with = "seconds")]
        took: Duration,
    },
    /// The progress of a flavour with a large file of its setup; about once a second.
    FlavourProgress {
        /// The flavour.
        flavour: String,
        /// The file.
        #[serde(with = "path_text")]
        file: PathBuf,
        /// Bytes done.
        done: u64,
        /// Bytes of the whole file.
        total: u64,
    },
    /// A flavour was not available.
    FlavourUnavailable {
        /// The flavour.
        flavour: String,
        /// Whether the matrix requires it.
        required: bool,
        /// The reason.
        reason: String,
    },
    /// A case began on a flavour.
    CaseStarted {
        /// The flavour.
        flavour: String,
        /// The suite.
        suite: String,
        /// The file, or the command as written.
        #[serde(with = "path_text")]
        file: PathBuf,
    },
    /// The progress of a case; sent often.
    CaseProgress {
        /// The flavour.
        flavour: String,
        /// The suite.
        suite: String,
        /// The file.
        #[serde(with = "path_text")]
        file: PathBuf,
        /// Steps done.
        steps: usize,
    },
    /// A case ended.
    CaseFinished {
        /// The flavour.
        flavour: String,
        /// The suite.
        suite: String,
        /// The file, or the command as written.
        #[serde(with = "path_text")]
        file: PathBuf,
        /// Its result.
        result: CaseResult,
    },
    /// What a suite runs of its logs; before its cases.
    Sampled(SampledLogs),
    /// Flavours answered a step differently.
    Diverged(Divergence),
    /// More steps of a file that differ insignificantly or as the file expects, too many to
    /// be reported one by one.
    MoreShown {
        /// The suite.
        suite: String,
        /// The file.
        #[serde(with = "path_text")]
        file: PathBuf,
        /// How many steps.
        steps: usize,
        /// Number of these steps by kind.
        kinds: BTreeMap<Kind, usize>,
        /// The same steps by kinds and form.
        #[serde(default)]
        forms: Vec<FormSteps>,
    },
    /// The comparison of a file ended.
    Compared {
        /// The suite.
        suite: String,
        /// The file.
        #[serde(with = "path_text")]
        file: PathBuf,
        /// Steps that at least two flavours answered.
        steps: usize,
        /// Those with the same result on all.
        same: usize,
        /// Steps that fewer than two flavours answered, although more should have.
        not_compared: usize,
    },
    /// The progress of measuring times; sent for each statement.
    Measuring {
        /// The suite.
        suite: String,
        /// The file.
        #[serde(with = "path_text")]
        file: PathBuf,
        /// Statements done.
        done: usize,
        /// Statements in all.
        total: usize,
    },
    /// The times of a file's statements were measured.
    Measured(MeasuredTimes),
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
        /// The flavour.
        flavour: String,
    },
    /// The run could not start or continue.
    Aborted {
        /// The resulting verdict.
        verdict: Verdict,
        /// A human-readable reason.
        reason: String,
    },
    /// The user or the system asked the run to end; dbmatrix removes what is incomplete.
    Interrupted,
    /// The last event of a run that was not killed.
    RunFinished {
        /// Its verdict.
        verdict: Verdict,
        /// Since its start.
        #[serde(with = "seconds")]
        took: Duration,
    },
    /// An event of a later dbmatrix. Readers skip it; it is never sent.
    #[serde(other)]
    Unknown,
}

/// The phase of a flavour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Creating image and container.
    Creating,
    /// Waiting for other installations.
    Queued,
    /// Installing packages or tarball.
    Installing,
    /// Writing settings and the routed user.
    Configuring,
    /// One-time work that makes later starts quick.
    Settling,
    /// Running the user's own files of statements.
    SettingUp,
    /// Starting the service, or a copy of the golden child with it.
    Starting,
    /// Logging in over the route.
    LoggingIn,
    /// Waiting until its replicas have what it has.
    Following,
    /// Reading the content of a server on a path of an upgrade.
    Reading,
    /// Moving the data to the next server of a path.
    Moving,
    /// Running the vendor's program on the data that was moved.
    Upgrading,
}

impl Phase {
    /// A human-readable name.
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
            Phase::Following => "waiting for its replicas",
            Phase::Reading => "reading the data",
            Phase::Moving => "moving the data",
            Phase::Upgrading => "upgrading the tables",
        }
    }
}

/// The verdict on a whole run; the program's exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All passed.
    Passed,
    /// An expectation was not met, a new difference was found, or an entry is stale.
    Failed,
    /// The command line or the matrix is wrong.
    Misused,
    /// A required flavour or the engine could not be provided. This hides failures of
    /// other flavours: a run without them is no statement about the whole matrix.
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
