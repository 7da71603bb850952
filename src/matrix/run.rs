//! `[run]`: how the matrix is run.

use serde::{Deserialize, Serialize};

use crate::config::TableReader;

/// How a matrix is run, unless the command line says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunSpec {
    /// How many files run at a time on a flavour; by processors and flavours
    /// where it is not said.
    pub jobs: Option<u32>,
    /// What becomes of the servers.
    pub after: Option<After>,
}

/// What becomes of the servers after a run. The next run has new ones in any
/// case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum After {
    /// They are shut down and can be looked at.
    #[default]
    Stop,
    /// New ones are started and paused, so that the next run begins at once.
    Pause,
    /// They go on.
    Keep,
    /// They are removed; their golden children stay.
    Delete,
}

impl After {
    /// All, by the words of the command line and the matrix file.
    pub const WORDS: [(&str, After); 4] = [
        ("stop", After::Stop),
        ("pause", After::Pause),
        ("keep", After::Keep),
        ("delete", After::Delete),
    ];

    /// Words of an earlier release, with those of this one.
    pub const RENAMED: [(&str, &str); 1] = [("freeze", "pause")];
}

pub(super) fn read(top: &TableReader<'_>) -> RunSpec {
    let Some(table) = top.table("run") else {
        return RunSpec::default();
    };
    let jobs = table.count("jobs");
    let after = table.choice_with_renamed("after", &After::WORDS, &After::RENAMED);
    table.finish();
    RunSpec {
        jobs: jobs.map(|jobs| jobs.value),
        after,
    }
}
