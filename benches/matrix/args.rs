//! The words of the benchmark's command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// How long dbmatrix takes, beside what one would do without it.
///
/// Without a section all but `cold` are measured: a round of that takes ten
/// minutes and fetches all packages from the mirror twice.
#[derive(Debug, Parser)]
#[command(name = "matrix")]
pub(crate) struct Args {
    /// What is measured
    pub(crate) sections: Vec<Part>,

    /// How often each thing is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// Folder of `.test` and `.slt` files in MySQL's dialect [default:
    /// ../shared/corpus/random, else two files are made up]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) corpus: Option<PathBuf>,

    /// The batch client [default: `mariadb` or `mysql` on PATH]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) client: Option<PathBuf>,

    /// Where all figures are written
    #[arg(long, value_name = "FILE", default_value = "target/benchmark.json")]
    pub(crate) json: PathBuf,

    /// Install missing system packages without asking
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Leave the engine project there, for the next time
    #[arg(long)]
    pub(crate) keep: bool,

    /// Said by Cargo
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

/// A section of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// From nothing, beside a script by hand
    Cold,
    /// The nest is up and golden children are there
    Warm,
    /// Servers are paused
    Hot,
    /// Steps a second, beside other clients
    Steps,
    /// Memory and disk
    Footprint,
    /// More flavours, more steps
    Growth,
}

impl Args {
    /// The sections in the order in which they are measured.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let mut parts = self.sections.clone();
        if parts.is_empty() {
            let all = Part::value_variants().iter().copied();
            parts = all.filter(|part| *part != Part::Cold).collect();
        }
        parts.sort_unstable();
        parts.dedup();
        parts
    }
}
