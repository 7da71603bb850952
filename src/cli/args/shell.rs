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
    /// Do not ask whether this machine reaches where they are
    #[arg(long)]
    pub(crate) offline: bool,

    #[command(flatten)]
    pub(crate) shown: FormatArgs,
}
