//! `dbmatrix bisect`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::FormatArgs;

/// Options of `bisect`.
#[derive(Debug, clap::Args)]
pub(crate) struct BisectArgs {
    /// A file of statements (`.sql`, `.slt`); `-` is standard input
    #[arg(required_unless_present_any = ["execute", "command"])]
    pub(crate) file: Option<PathBuf>,

    /// These statements instead of a file
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    pub(crate) execute: Option<String>,

    /// Only the outcome of the step that begins in this line counts; those before it run
    /// for it, those after it do not run
    #[arg(long, value_name = "N", conflicts_with = "command")]
    pub(crate) line: Option<NonZeroUsize>,

    /// This command of the shell instead of statements: its exit status is the outcome
    #[arg(long, value_name = "CMD", conflicts_with_all = ["file", "execute", "all_differences"])]
    pub(crate) command: Option<String>,

    /// The older end, whose outcome the others are compared with
    #[arg(long, value_name = "SERVER")]
    pub(crate) from: String,

    /// The newer end
    #[arg(long, value_name = "SERVER")]
    pub(crate) to: String,

    /// Apply this matrix file, except its flavours and suites: mirrors, nest, images,
    /// defaults
    #[arg(long, value_name = "FILE")]
    pub(crate) matrix: Option<PathBuf>,

    /// Insignificant and known differences count too
    #[arg(long)]
    pub(crate) all_differences: bool,

    /// Install missing system packages without asking
    #[arg(long, short)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) shown: FormatArgs,
}
