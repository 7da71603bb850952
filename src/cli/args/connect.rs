//! `dbmatrix connect`.

use std::path::PathBuf;

use clap_complete::engine::ArgValueCandidates;
use dbmatrix_containers::nest::Access;

use super::candidate::flavours;
use super::value::access;
use crate::app::ad_hoc::Mirror;
use crate::prompt::Format;

/// Options of `connect`.
#[derive(Debug, clap::Args)]
pub(crate) struct ConnectArgs {
    /// The flavour's name, or a server of the catalogue (`mysql:9.7`), which is
    /// brought up in a nest of its own; several are asked side by side
    #[arg(value_name = "FLAVOUR", required_unless_present = "all", add = ArgValueCandidates::new(flavours))]
    pub(crate) flavour: Vec<String>,

    /// All flavours side by side, started where they do not run
    #[arg(long, conflicts_with = "flavour")]
    pub(crate) all: bool,

    /// The flavours of this matrix file, its external servers among them
    #[arg(long, value_name = "FILE", conflicts_with = "nest")]
    pub(crate) matrix: Option<PathBuf>,

    /// Run these statements instead of opening a prompt
    #[arg(short, long, value_name = "SQL")]
    pub(crate) execute: Option<String>,

    /// The database to begin in
    #[arg(short = 'D', long, value_name = "NAME")]
    pub(crate) database: Option<String>,

    /// Form of results: `table`, `vertical`, `csv`, `json` or `tsv` [default:
    /// `table` on a terminal, else `tsv`]
    #[arg(long, value_name = "FORM")]
    pub(crate) format: Option<Format>,

    /// Show insignificant differences as significant ones are shown: each group with
    /// its whole result
    #[arg(long)]
    pub(crate) all_differences: bool,

    /// Go on where a statement is refused
    #[arg(short, long)]
    pub(crate) force: bool,

    /// Install missing system packages without asking
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// How servers of the catalogue are reached: by a `route`, through a `proxy` on
    /// 127.0.0.1 or a `forward` by the engine's API, which need no root [default: as before,
    /// else `route`]
    #[arg(long, value_name = "HOW", value_parser = access)]
    pub(crate) access: Option<Access>,

    /// Install servers of the catalogue from a copy of their vendor's server; may be given
    /// several times
    #[arg(long, value_name = "OF=URL", conflicts_with_all = ["all", "matrix"])]
    pub(crate) mirror: Vec<Mirror>,

    /// The key that signs the copies of `--mirror`, if it is not the vendor's, or if the
    /// vendor's address of it is not reached: a file. It decides who may sign
    #[arg(long, value_name = "FILE", requires = "mirror")]
    pub(crate) key: Option<PathBuf>,

    /// Bring so many replicas up with a server of the catalogue; they follow it as those of
    /// a matrix do, and are flavours such as `mariadb-10.5/replica-1`
    #[arg(
        long,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..=9),
        conflicts_with_all = ["all", "matrix"]
    )]
    pub(crate) replicas: Option<u32>,

    /// The server of the replicas, if it is another one; several are a replica each
    #[arg(long, value_name = "SERVER", conflicts_with_all = ["all", "matrix"])]
    pub(crate) replica_server: Vec<String>,

    /// Who speaks with the server
    #[arg(long, value_enum, default_value_t, conflicts_with = "format")]
    pub(crate) client: Client,

    /// The nest, where several have a flavour of that name; `NEST/FLAVOUR` is as good
    #[arg(long)]
    pub(crate) nest: Option<String>,
}

/// A client program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Client {
    /// This one
    #[default]
    Builtin,
    /// MySQL's classic one
    Mysql,
    /// MariaDB's classic one
    Mariadb,
    /// The one that completes while you type
    Mycli,
}
