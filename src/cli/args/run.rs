//! `dbmatrix run`, `diff`, `up` and `report`.

use std::path::PathBuf;

use clap::Subcommand;
use dbmatrix_flavours::matrix::After;
use dbmatrix_flavours::plan::Selection;
use dbmatrix_report::ReportSpec;
use dbmatrix_report::shard::Shard;
use dbmatrix_run::NoTests;

use super::log::LogArgs;
use super::times::TimeArgs;
use super::value::after;

/// Options of `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) up: UpArgs,

    /// Only these suites (names or patterns; may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(crate) suite: Vec<String>,

    /// Write what the servers answer as the expectations of `.sql` files, and
    /// propose new differences as known divergences
    #[arg(long)]
    pub(crate) update: bool,

    /// Compare all flavours with this one, instead of with the largest group
    #[arg(long, value_name = "FLAVOUR")]
    pub(crate) baseline: Option<String>,

    /// Show each difference; known, expected and insignificant ones are otherwise summed
    /// up
    #[arg(long)]
    pub(crate) all_differences: bool,

    /// End the run at the first failure
    #[arg(long)]
    pub(crate) fail_fast: bool,

    /// Run so many files at a time on a flavour [default: `[run] jobs` of the
    /// matrix, else processors divided by flavours]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) jobs: Option<u32>,

    /// Run a part of the files: `2/3` is the second of three
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,

    /// What becomes of a run in which no step ran: an error (2), a warning, or
    /// nothing, as for a part without files
    #[arg(long, value_name = "ACTION", default_value = "fail")]
    pub(crate) no_tests: NoTests,

    /// Balance the parts by the times in this `json` report of an earlier run
    /// (may be repeated)
    #[arg(long, value_name = "FILE", requires = "shard")]
    pub(crate) times: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) reports: ReportArgs,

    /// As a CI job wants it: lines in place of live bars, and on GitHub
    /// annotations and the job summary
    #[arg(long)]
    pub(crate) ci: bool,

    /// The old name of `--ci`
    #[arg(long, hide = true)]
    pub(crate) gate: bool,

    #[command(flatten)]
    pub(crate) after: AfterArgs,

    /// Tell where the time went: the critical path, and the phases of each flavour
    #[arg(long)]
    pub(crate) timings: bool,

    /// Insist on the packages that the matrix's lock file names
    #[arg(long)]
    pub(crate) locked: bool,

    /// Fail (3) also where a flavour with `required = false` is unavailable
    #[arg(long)]
    pub(crate) strict: bool,
}

impl UpArgs {
    /// What is chosen of the matrix.
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            flavours: self.flavour.clone(),
            ..Selection::default()
        }
    }
}

/// What becomes of the servers.
#[derive(Debug, clap::Args)]
pub(crate) struct AfterArgs {
    /// What becomes of the servers: `stop` (you can look at them), `pause` (new
    /// ones wait, so that the next run begins at once), `keep`, `delete`
    #[arg(long, value_name = "WHAT", value_parser = after)]
    pub(crate) after: Option<After>,

    /// End only when that is done; else a process in the background does it in the
    /// seconds after the verdict
    #[arg(long)]
    pub(crate) wait: bool,
}

/// Options of `diff`.
#[derive(Debug, clap::Args)]
#[command(mut_arg("files", |files| files.required_unless_present_any(["execute", "against"])))]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    pub(crate) up: UpArgs,

    /// Compare with the answers in this file, which `record` wrote; what runs is in it too
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,

    /// Compare all flavours with this one, instead of with the largest group or the first
    /// recorded one
    #[arg(long, value_name = "FLAVOUR")]
    pub(crate) baseline: Option<String>,

    /// Show each difference; expected and insignificant ones are otherwise summed up
    #[arg(long)]
    pub(crate) all_differences: bool,

    #[command(flatten)]
    pub(crate) reports: ReportArgs,

    #[command(flatten)]
    pub(crate) after: AfterArgs,

    // Their options have headings of their own, and so would what follows.
    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) times: TimeArgs,
}

/// Options of `record`.
#[derive(Debug, clap::Args)]
#[command(mut_arg("files", |files| files.required_unless_present("execute")))]
pub(crate) struct RecordArgs {
    #[command(flatten)]
    pub(crate) up: UpArgs,

    /// The file for the answers; one that is there is replaced once all is recorded
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) after: AfterArgs,

    // Its options have a heading of their own, and so would what follows.
    #[command(flatten)]
    pub(crate) input: InputArgs,
}

/// What flavours are asked.
#[derive(Debug, clap::Args)]
pub(crate) struct InputArgs {
    /// A file of statements (`.sql`, `.slt`), or logs of what an application sends,
    /// recognised by their content; `-` is standard input, a log or as `.sql`
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// These statements instead of a file
    #[arg(short, long, value_name = "SQL", conflicts_with = "files")]
    pub(crate) execute: Option<String>,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

impl InputArgs {
    /// Whether there is any.
    pub(crate) fn is_given(&self) -> bool {
        !self.files.is_empty() || self.execute.is_some()
    }
}

/// What is written beside the summary.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// Write a report: `junit`, `json` (JSON Lines), `markdown`, `github`
    /// (annotations) or `html`; `-` is standard output (may be repeated). Missing
    /// folders of FILE are created
    #[arg(long, value_name = "KIND=FILE")]
    pub(crate) report: Vec<ReportSpec>,
}

/// What to do with reports.
#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Join `json` reports of the parts of a run, or read one again
    #[command(after_help = "\
Example:
  dbmatrix report merge part-*.jsonl --report junit=junit.xml --report html=run.html

Exit status: that of the whole run; 3 where a part is missing or was cut; 2
where they are not parts of one run.")]
    Merge(MergeArgs),
}

/// Options of `report merge`.
#[derive(Debug, clap::Args)]
pub(crate) struct MergeArgs {
    /// `json` reports, one a part
    #[arg(required = true)]
    pub(crate) parts: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) reports: ReportArgs,

    /// Show each difference; known, expected and insignificant ones are otherwise summed
    /// up
    #[arg(long)]
    pub(crate) all_differences: bool,
}

/// Options of `up`.
#[derive(Debug, clap::Args)]
pub(crate) struct UpArgs {
    /// The matrix file
    pub(crate) matrix: PathBuf,

    /// Only these flavours (names or patterns; may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(crate) flavour: Vec<String>,

    /// Install missing system packages without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
}
