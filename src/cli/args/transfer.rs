//! `dbmatrix export`, `import` and `copy`.

use std::path::PathBuf;

use clap_complete::engine::ArgValueCandidates;
use dbmatrix_containers::nest::Access;

use super::candidate::flavours;
use super::instance::Within;
use super::value::{access, container_name, flavour_name};

/// The nest of flavours that came in files, where no other one is named.
const NEST: &str = "imported";

/// Options of `export`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Names or patterns of flavours, then the file; of several flavours a folder
    #[arg(value_name = "FLAVOUR|FILE", required = true, add = ArgValueCandidates::new(flavours))]
    pub(crate) words: Vec<String>,

    /// All flavours, into a folder
    #[arg(long)]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) within: Within,

    /// Hold the server for it instead of shutting it down
    #[arg(long)]
    pub(crate) live: bool,

    /// Replace files that are there
    #[arg(long)]
    pub(crate) force: bool,
}

/// Options of `import`.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// What `export` wrote
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The nest that it comes into; made where there is none
    #[arg(long, default_value = NEST, value_parser = flavour_name)]
    pub(crate) nest: String,

    /// How a nest that is made is reached: by a `route`, through a `proxy` on 127.0.0.1 or a
    /// `forward` by the engine's API, which need no root [default: `route`]
    #[arg(long, value_name = "HOW", value_parser = access)]
    pub(crate) access: Option<Access>,

    /// The flavour's name [default: the one that it had]
    #[arg(long, value_name = "FLAVOUR", value_parser = flavour_name)]
    pub(crate) name: Option<String>,

    /// Install missing system packages without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Options of `copy`.
#[derive(Debug, clap::Args)]
pub(crate) struct CopyArgs {
    /// The flavour's name
    #[arg(add = ArgValueCandidates::new(flavours))]
    pub(crate) flavour: String,

    /// The engine, by its name in remotes.toml
    #[arg(long, value_name = "REMOTE")]
    pub(crate) to: String,

    /// The container's name there [default: the flavour's, without dots]
    #[arg(long, value_parser = container_name)]
    pub(crate) name: Option<String>,

    /// Hold the server for it instead of shutting it down
    #[arg(long)]
    pub(crate) live: bool,

    #[command(flatten)]
    pub(crate) within: Within,
}
