//! The options of the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Interrupts runs in many ways, and checks that the same command then succeeds
/// and that nothing is left behind.
///
/// Without a section all of them are tried, which takes some hours.
#[derive(Debug, Parser)]
#[command(name = "faults")]
pub(crate) struct Args {
    /// What is interrupted
    #[arg(value_name = "SECTION")]
    sections: Vec<Fault>,

    /// Rounds of each section [default: between 10 and 120, by section]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,

    /// One round of each section but `cold` and `host-daemon`, for continuous
    /// integration
    #[arg(long, conflicts_with = "rounds")]
    short: bool,

    /// Where random moments begin: the same number gives the same moments
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Seconds after which a command counts as hanging
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = seconds)]
    pub(crate) limit: Duration,

    /// Where the figures are written
    #[arg(long, value_name = "FILE", default_value = "target/faults.json")]
    pub(crate) json: PathBuf,

    /// Install missing system packages without asking
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Keep the engine project for the next time
    #[arg(long)]
    pub(crate) keep: bool,

    /// Given by Cargo
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

/// A way to interrupt a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// dbmatrix is killed while the nest is made from nothing
    Cold,
    /// dbmatrix is killed while servers are started from golden children
    Warm,
    /// dbmatrix is killed while servers that an earlier run paused go on
    Hot,
    /// The host's engine is killed during a run; only one that dbmatrix started
    HostDaemon,
    /// The engine in the nest is killed during a run
    InnerDaemon,
    /// A flavour's container is killed while its suite runs
    Child,
    /// The package mirror stops answering while a server is installed
    Mirror,
    /// The storage pool is full while a server is installed
    Pool,
}

impl Fault {
    /// How often each is tried; `cold`, `warm` and `hot` make 200 together.
    fn rounds(self) -> u32 {
        match self {
            Fault::Cold => 20,
            Fault::Warm => 120,
            Fault::Hot => 60,
            Fault::HostDaemon | Fault::InnerDaemon | Fault::Child => 50,
            Fault::Mirror | Fault::Pool => 10,
        }
    }

    /// As it is written on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Args {
    /// Whether nothing was asked for: `cargo test --benches` runs this program
    /// too.
    pub(crate) fn is_idle(&self) -> bool {
        !self.bench && !self.short && self.sections.is_empty()
    }

    /// The sections in their order, each with its number of rounds.
    pub(crate) fn plan(&self) -> Vec<(Fault, u32)> {
        let mut faults = self.sections.clone();
        if faults.is_empty() {
            let all = Fault::value_variants().iter().copied();
            // Others may be using the host's engine, and a cold round is long.
            let is_slow = |fault: &Fault| matches!(fault, Fault::Cold | Fault::HostDaemon);
            faults = all
                .filter(|fault| !(self.short && is_slow(fault)))
                .collect();
        }
        faults.sort_unstable();
        faults.dedup();
        let rounds = |fault: Fault| match self.short {
            true => 1,
            false => self.rounds.unwrap_or(fault.rounds()),
        };
        faults
            .into_iter()
            .map(|fault| (fault, rounds(fault)))
            .collect()
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: u64 = text
        .parse()
        .map_err(|_| format!("expected a number of seconds; found `{text}`"))?;
    Ok(Duration::from_secs(number))
}
