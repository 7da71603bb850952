//! Options of `upgrade`.

use std::path::PathBuf;

use super::format::FormatArgs;
use super::run::ReportArgs;

/// Options of `upgrade`.
#[derive(Debug, clap::Args)]
pub(crate) struct UpgradeArgs {
    /// The matrix file with `[[upgrade]]`
    pub(crate) matrix: PathBuf,

    /// Only these paths, such as `mariadb-10.5-to-mariadb-11.8` (names or patterns; may be
    /// repeated)
    #[arg(long, value_name = "NAME")]
    pub(crate) path: Vec<String>,

    /// Keep the container of a server that failed, as a flavour to look at
    #[arg(long)]
    pub(crate) keep_failed: bool,

    /// Show each difference; known and insignificant ones are otherwise summed up
    #[arg(long)]
    pub(crate) all_differences: bool,

    /// Install missing system packages without asking
    #[arg(long, short)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) reports: ReportArgs,

    #[command(flatten)]
    pub(crate) shown: FormatArgs,
}
