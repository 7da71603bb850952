//! `[run]`: how the matrix runs.

use serde::{Deserialize, Serialize};

use dbmatrix_config::TableReader;

/// How a matrix runs, unless the command line overrides it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunSpec {
    /// How many files run at a time on a flavour; by default it depends on processors and
    /// flavours.
    pub jobs: Option<u32>,
    /// What happens to the servers.
    pub after: Option<After>,
}

/// What happens to the servers after a run. The next run gets new ones in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum After {
    /// They are shut down and can be inspected.
    #[default]
    Stop,
    /// New ones are started and paused, so that the next run begins at once.
    Pause,
    /// They keep running.
    Keep,
    /// They are removed; their golden children stay.
    Delete,
}

impl After {
    /// All, by their words on the command line and in the matrix file.
    pub const WORDS: [(&str, After); 4] = [
        ("stop", After::Stop),
        ("pause", After::Pause),
        ("keep", After::Keep),
        ("delete", After::Delete),
    ];

    /// Deprecated words, with the current ones.
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
