//! `dbmatrix cache`.

use std::path::PathBuf;

use clap::Subcommand;

/// What to do with caches.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Print the key of all that a matrix's flavours start from
    #[command(after_help = "\
It changes with the architecture, with images, servers, settings and setups, and with
the lock file beside the matrix. Nothing is asked of an engine or a mirror.

Example:
  dbmatrix cache key matrices/mysql.toml")]
    Key(CacheKeyArgs),
    /// Save a matrix's nest and golden children in a file
    #[command(after_help = "\
Flavours must have been up before, by `run` or `up`. Their servers may run on.

Example:
  dbmatrix cache save matrices/mysql.toml mysql.cache")]
    Save(CacheSaveArgs),
    /// Make a matrix's nest and golden children from a file
    #[command(after_help = "\
The next `run` installs nothing. A file of another matrix or state of it, for another
architecture, or one that is not as it was written is refused. Where the nest has all
of it there is nothing to do.

Example:
  dbmatrix cache restore matrices/mysql.toml mysql.cache --yes")]
    Restore(CacheRestoreArgs),
}

/// Options of `cache key`.
#[derive(Debug, clap::Args)]
pub(crate) struct CacheKeyArgs {
    /// The matrix file
    pub(crate) matrix: PathBuf,
}

/// Options of `cache save`.
#[derive(Debug, clap::Args)]
pub(crate) struct CacheSaveArgs {
    /// The matrix file
    pub(crate) matrix: PathBuf,

    /// The file to write
    pub(crate) file: PathBuf,

    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// Options of `cache restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct CacheRestoreArgs {
    /// The matrix file
    pub(crate) matrix: PathBuf,

    /// What `cache save` wrote
    pub(crate) file: PathBuf,

    /// Install missing system packages without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
}
