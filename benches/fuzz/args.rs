//! The options of the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::find;
use crate::target::{TARGETS, Target};

/// Inputs of each target where the number is not given.
const MANY: u64 = 1_000_000;
/// The same in `cargo test`, which builds without optimization.
const SOME: u64 = 3_000;

/// Tries any input on everything that reads what comes from outside.
#[derive(Debug, Parser)]
#[command(name = "fuzz")]
pub(crate) struct Args {
    /// What reads the inputs [default: everything]
    #[arg(long, value_parser = find)]
    target: Vec<&'static Target>,

    /// How many inputs each target gets
    #[arg(long)]
    inputs: Option<u64>,

    /// The number of the first input
    #[arg(long, default_value_t = 0)]
    pub(crate) from: u64,

    /// Another seed makes other inputs
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Milliseconds that an input may take
    #[arg(long, value_name = "MS", default_value = "5000", value_parser = milliseconds)]
    pub(crate) limit: Duration,

    /// Findings of a target after which it is left
    #[arg(long, default_value_t = 10)]
    pub(crate) most: usize,

    /// Where inputs that were found are written
    #[arg(long, default_value = "target/fuzz")]
    pub(crate) folder: PathBuf,

    /// Given by Cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// Whether the program is given options of its own; `cargo test` gives it those of
/// a test.
pub(crate) fn are_own() -> bool {
    const OWN: [&str; 9] = [
        "--bench", "--target", "--inputs", "--from", "--seed", "--limit", "--most", "--folder",
        "--help",
    ];
    let mut words = std::env::args().skip(1);
    words.any(|word| OWN.contains(&word.split('=').next().unwrap_or_default()))
}

impl Default for Args {
    /// Those of the command without options.
    fn default() -> Self {
        Args::parse_from(["fuzz"])
    }
}

impl Args {
    /// The targets in the order in which they are tried.
    pub(crate) fn targets(&self) -> Vec<&'static Target> {
        match self.target.is_empty() {
            true => TARGETS.iter().collect(),
            false => self.target.clone(),
        }
    }

    /// How many inputs each of them gets.
    pub(crate) fn inputs(&self) -> u64 {
        let usual = if self.bench { MANY } else { SOME };
        self.inputs.unwrap_or(usual)
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let number = text.parse();
    let number =
        number.map_err(|_| format!("expected a number of milliseconds; found `{text}`"))?;
    Ok(Duration::from_millis(number))
}
