//! `dbmatrix completions`, `man` and `catalogue`: what a shell or a person reads.

use std::path::PathBuf;

use super::FormatArgs;

/// Options of `completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell that reads the script
    pub(crate) shell: Shell,
}

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Options of `man`.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The folder, made where it is not there
    pub(crate) folder: PathBuf,
}

/// Options of `catalogue`.
#[derive(Debug, clap::Args)]
pub(crate) struct CatalogueArgs {
    /// Show each release of a family, a series or a pattern: `mysql`, `mysql:8.4`,
    /// `mariadb:10.*`; without one, all series
    #[arg(value_name = "SERVER")]
    pub(crate) servers: Vec<String>,

    /// Ask whether this machine reaches each of them
    #[arg(long)]
    pub(crate) reached: bool,

    /// Formerly: do not ask
    #[arg(long, hide = true, conflicts_with = "reached")]
    pub(crate) offline: bool,

    #[command(flatten)]
    pub(crate) shown: FormatArgs,
}
