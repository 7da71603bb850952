//! `[run]`: how the matrix is run.

use crate::config::TableReader;

/// How a matrix is run, unless the command line says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunSpec {
    /// How many files run at a time on a flavour; by processors and flavours
    /// where it is not said.
    pub jobs: Option<u32>,
}

pub(super) fn read(top: &TableReader<'_>) -> RunSpec {
    let Some(table) = top.table("run") else {
        return RunSpec::default();
    };
    let jobs = table.count("jobs");
    table.finish();
    RunSpec {
        jobs: jobs.map(|jobs| jobs.value),
    }
}
