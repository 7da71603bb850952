//! Whether dbmatrix survives what happens to it, in one command:
//!
//! ```sh
//! cargo bench --bench faults                           # everything, some hours
//! cargo bench --bench faults -- warm hot --rounds 20
//! cargo bench --bench faults -- --short                # some minutes
//! ```
//!
//! It runs the real program in an engine project of its own, which is removed at
//! the end, interrupts it at random moments, and then expects the same command to
//! succeed and to leave the machine as a run without interruption does. It prints
//! a table and writes a JSON file; a round that failed makes the exit status 1.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark speaks to people"
)]

mod args;
mod attempt;
mod bench;
mod daemon;
mod install;
mod inventory;
#[path = "../matrix/machine.rs"]
mod machine;
#[expect(dead_code, reason = "the other benchmark needs more of it")]
#[path = "../matrix/trace.rs"]
mod trace;
/// What the other benchmark's modules name.
mod matrix {
    /// The nest of all rounds.
    pub(crate) const NEST: &str = "faults";
}
#[expect(dead_code, reason = "the other benchmark needs more of it")]
#[path = "../matrix/place.rs"]
mod place;
#[expect(dead_code, reason = "the other benchmark needs more of it")]
#[path = "../matrix/process.rs"]
mod process;
mod record;
mod section;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use args::Args;
use bench::Bench;
use machine::Machine;
use place::{Place, check_machine};
use process::{Interrupted, cancel_when_asked};
use record::{Record, render};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The engine project; nothing else is touched in the engine.
const PROJECT: &str = match option_env!("DBMATRIX_BENCH_PROJECT") {
    Some(project) => project,
    None => "dbmatrix-faults",
};
/// The version of the JSON file's form.
const SCHEMA: u32 = 1;

/// All that is written as JSON.
#[derive(Debug, Serialize)]
struct Report {
    schema: u32,
    program: &'static str,
    machine: Machine,
    seed: u64,
    sections: Vec<Record>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.is_idle() {
        eprintln!("nothing is tried without a section; `cargo bench --bench faults` tries all");
        return ExitCode::SUCCESS;
    }
    let ended = tokio::runtime::Runtime::new()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(try_all(&args)));
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("interrupted");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every round went well. Leaves nothing behind, however it ends.
async fn try_all(args: &Args) -> Result<bool> {
    check_machine(args.yes).await?;
    let stop = CancellationToken::new();
    tokio::spawn(cancel_when_asked(stop.clone()));
    let bench = Bench::new(Place::new(stop, 1)?, args.limit)?;
    let tried = try_sections(&bench, args).await;
    if args.keep {
        eprintln!("project `{PROJECT}` stays");
        return tried;
    }
    eprintln!("removing project `{PROJECT}`");
    let removed = bench.place.down(&CancellationToken::new()).await;
    if let (Err(_), Err(error)) = (&tried, &removed) {
        eprintln!("error: {error}");
    }
    let well = tried?;
    removed.map(|()| well)
}

async fn try_sections(bench: &Bench, args: &Args) -> Result<bool> {
    let mut report = Report {
        schema: SCHEMA,
        program: concat!("dbmatrix ", env!("CARGO_PKG_VERSION")),
        machine: Machine::here(&bench.place).await?,
        seed: args.seed,
        sections: Vec::new(),
    };
    println!("{}; seed {}\n", report.machine, report.seed);
    for (fault, rounds) in args.plan() {
        let at = report.sections.len();
        let record = section::run(bench, fault, rounds, args.seed, |record| {
            report.sections.truncate(at);
            report.sections.push(record.clone());
            write(&report, args)
        });
        let record = record.await?;
        report.sections.truncate(at);
        report.sections.push(record);
        write(&report, args)?;
    }
    println!("{}", render(&report.sections));
    println!("written to {}", args.json.display());
    let failed: usize = report.sections.iter().map(Record::failed).sum();
    Ok(failed == 0)
}

fn write(report: &Report, args: &Args) -> Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    std::fs::write(&args.json, text + "\n")
        .map_err(|error| format!("could not write `{}`: {error}", args.json.display()).into())
}
