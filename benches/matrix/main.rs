//! How long dbmatrix takes and what it needs, beside what one would do without
//! it, in one command:
//!
//! ```sh
//! cargo bench --bench matrix                       # all but `cold`
//! cargo bench --bench matrix -- cold --rounds 1    # some ten minutes a round
//! ```
//!
//! It runs the real program in an engine project of its own, which is removed at
//! the end, and writes tables and a JSON file. It tells figures and whether they
//! meet their aims; only what could not be measured is an error.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark speaks to people"
)]

mod args;
mod client;
mod cold;
mod corpus;
mod figure;
mod footprint;
mod growth;
mod machine;
mod matrix;
mod place;
mod process;
mod start;
#[path = "../support/statements.rs"]
mod statements;
mod table;
mod throughput;
mod trace;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use args::{Args, Part};
use corpus::Corpus;
use figure::Section;
use machine::Machine;
use place::{Place, check_machine};
use process::{Interrupted, cancel_when_asked};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The engine project; nothing else is touched in the engine.
const PROJECT: &str = "dbmatrix-bench";
/// The version of the JSON file's form.
const SCHEMA: u32 = 1;

/// All that is written as JSON.
#[derive(Debug, Serialize)]
struct Report {
    schema: u32,
    program: &'static str,
    machine: Machine,
    rounds: u32,
    sections: Vec<Section>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if !args.bench && args.sections.is_empty() {
        eprintln!("nothing is measured without a section; `cargo bench --bench matrix` measures");
        return ExitCode::SUCCESS;
    }
    let ended = tokio::runtime::Runtime::new()
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(measure(&args)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
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

/// Measures and leaves nothing behind, however it ends.
async fn measure(args: &Args) -> Result<()> {
    check_machine(args.yes).await?;
    let stop = CancellationToken::new();
    tokio::spawn(cancel_when_asked(stop.clone()));
    let place = Place::new(stop, args.rounds)?;
    let measured = measure_at(&place, args).await;
    if args.keep {
        eprintln!("project `{PROJECT}` stays");
        return measured;
    }
    eprintln!("removing project `{PROJECT}`");
    let removed = place.down(&CancellationToken::new()).await;
    if let (Err(_), Err(error)) = (&measured, &removed) {
        eprintln!("error: {error}");
    }
    measured.and(removed)
}

async fn measure_at(place: &Place, args: &Args) -> Result<()> {
    let corpus = Corpus::find(args.corpus.as_deref(), place)?;
    let mut report = Report {
        schema: SCHEMA,
        program: concat!("dbmatrix ", env!("CARGO_PKG_VERSION")),
        machine: Machine::here(place).await?,
        rounds: args.rounds,
        sections: Vec::new(),
    };
    println!("{}; rounds: {}\n", report.machine, report.rounds);
    for part in args.parts() {
        eprintln!("measuring: {part:?}");
        let section = match part {
            Part::Cold => cold::cold(place).await?,
            Part::Warm => start::warm(place).await?,
            Part::Hot => start::hot(place).await?,
            Part::Steps => throughput::throughput(place, args, &corpus).await?,
            Part::Footprint => footprint::footprint(place, &corpus).await?,
            Part::Growth => growth::growth(place).await?,
        };
        println!("{}", table::render(&section));
        report.sections.push(section);
        // What was measured is kept where a later section cannot be.
        write(&report, args)?;
    }
    println!("written to {}", args.json.display());
    Ok(())
}

fn write(report: &Report, args: &Args) -> Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    std::fs::write(&args.json, text + "\n")
        .map_err(|error| format!("could not write `{}`: {error}", args.json.display()).into())
}
