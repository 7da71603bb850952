//! Options for logs: of `diff` and `record`, and in part of `replay`.

use dbmatrix_flavours::matrix::{LogSpec, Writes};
use dbmatrix_workload::{Pattern, SampleOptions, Timestamp};

use super::value;

/// What runs of a log.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Options for logs")]
pub(crate) struct LogArgs {
    /// Run so many statements of each digest: the slowest, the first, and random ones
    /// [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    per_digest: Option<u32>,

    #[command(flatten)]
    selection: LogSelectionArgs,

    /// Another seed takes other random statements [default: 0]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

/// Which statements of a log are taken.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Options for logs")]
pub(crate) struct LogSelectionArgs {
    /// Only statements since this time, in UTC
    #[arg(long, value_name = "TIME", value_parser = value::time)]
    since: Option<Timestamp>,

    /// Only statements before this time, in UTC
    #[arg(long, value_name = "TIME", value_parser = value::time)]
    until: Option<Timestamp>,

    /// Only statements in this database
    #[arg(long, value_name = "NAME")]
    database: Option<String>,

    /// Only statements of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Only statements whose form matches, such as `SELECT *`; `*` stands for any text
    /// (may be repeated)
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,

    /// No statements whose form matches (may be repeated)
    #[arg(long, value_name = "PATTERN")]
    skip: Vec<String>,

    /// What becomes of statements that write: `skip`; `rollback` runs each in a
    /// transaction that is rolled back; `apply` runs them as they are [default: skip]
    #[arg(long, value_name = "WHAT", value_parser = value::writes)]
    writes: Option<Writes>,
}

impl LogArgs {
    /// Whether any of them is given.
    pub(crate) fn is_given(&self) -> bool {
        let LogArgs {
            per_digest,
            selection,
            seed,
        } = self;
        per_digest.is_some() || seed.is_some() || selection.is_given()
    }

    pub(crate) fn spec(&self) -> LogSpec {
        let usual = SampleOptions::default();
        let LogSpec { sample, writes } = self.selection.spec();
        LogSpec {
            sample: SampleOptions {
                per_digest: self
                    .per_digest
                    .map_or(usual.per_digest, |count| count as usize),
                seed: self.seed.unwrap_or(usual.seed),
                ..sample
            },
            writes,
        }
    }
}

impl LogSelectionArgs {
    fn is_given(&self) -> bool {
        let LogSelectionArgs {
            since,
            until,
            database,
            user,
            only,
            skip,
            writes,
        } = self;
        since.is_some()
            || until.is_some()
            || database.is_some()
            || user.is_some()
            || !only.is_empty()
            || !skip.is_empty()
            || writes.is_some()
    }

    /// What is taken of a log, and what becomes of statements that write.
    pub(crate) fn spec(&self) -> LogSpec {
        let patterns = |texts: &[String]| {
            texts
                .iter()
                .map(|text| Pattern::new(text))
                .collect::<Vec<_>>()
        };
        LogSpec {
            sample: SampleOptions {
                since: self.since,
                until: self.until,
                database: self.database.clone(),
                user: self.user.clone(),
                only: patterns(&self.only),
                skip: patterns(&self.skip),
                ..SampleOptions::default()
            },
            writes: self.writes.unwrap_or_default(),
        }
    }
}
