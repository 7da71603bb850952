//! Any input, for everything that reads what comes from outside:
//!
//! ```sh
//! cargo bench --bench fuzz                              # a million inputs each
//! cargo bench --bench fuzz -- --target slt --inputs 10000000
//! cargo bench --bench fuzz -- --target slt --from 4711 --inputs 1   # one again
//! cargo test --bench fuzz                               # some thousands each
//! ```
//!
//! Inputs are made from examples and words of each format by a generator with a
//! seed, so that the number of an input makes it again. A panic, a broken promise
//! (see `dbmatrix::fuzz`) or an input that takes too long is a finding; it is
//! printed, written to a file, and makes the exit status 1. Inputs that were found
//! once are kept in `benches/fuzz/found` and are tried first.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark speaks to people"
)]

mod args;
mod example;
mod generate;
mod logs;
mod target;
mod watch;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use libtest_mimic::{Arguments, Trial};

use args::Args;
use generate::Generator;
use target::{TARGETS, Target};
use watch::Watch;

/// What one target came to.
struct Figures {
    target: &'static str,
    inputs: u64,
    took: Duration,
    findings: usize,
}

fn main() -> ExitCode {
    // Findings are printed with their inputs.
    std::panic::set_hook(Box::new(|_| {}));
    if !args::are_own() {
        return run_as_tests();
    }
    match try_targets(&Args::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Each target as a test of its own, with the arguments that all tests have.
fn run_as_tests() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Findings name one input at a time.
    arguments.test_threads = Some(1);
    let args = Args::default();
    let watch = match Watch::start(&args.folder, args.limit) {
        Ok(watch) => Arc::new(watch),
        Err(error) => {
            eprintln!(
                "error: could not write to `{}`: {error}",
                args.folder.display()
            );
            return ExitCode::FAILURE;
        }
    };
    let trials = TARGETS.iter().map(|target| {
        let watch = Arc::clone(&watch);
        let try_it = move || match try_target(target, &Args::default(), &watch)?.findings {
            0 => Ok(()),
            findings => Err(format!("{findings} findings; standard error has them").into()),
        };
        Trial::test(format!("any_input_for_{}", target.name), try_it)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// The number of findings.
fn try_targets(args: &Args) -> io::Result<usize> {
    let watch = Watch::start(&args.folder, args.limit)?;
    let mut all = Vec::new();
    for target in args.targets() {
        let figures = try_target(target, args, &watch)?;
        eprintln!("{}", described(&figures));
        all.push(figures);
    }
    println!("{}", render(&all));
    Ok(all.iter().map(|figures| figures.findings).sum())
}

fn try_target(target: &'static Target, args: &Args, watch: &Watch) -> io::Result<Figures> {
    let begun = Instant::now();
    let mut findings = 0;
    for (name, input) in example::found_inputs(target.name)? {
        findings += usize::from(!watch.holds(target, &name, &input)?);
    }
    let generator = Generator::new(target, args.seed);
    let inputs = args.inputs();
    let mut input = Vec::new();
    for number in args.from..args.from.saturating_add(inputs) {
        generator.generate(number, &mut input);
        if watch.holds(target, &number.to_string(), &input)? {
            continue;
        }
        findings += 1;
        if findings >= args.most {
            eprintln!("{}: {findings} findings are enough", target.name);
            break;
        }
    }
    Ok(Figures {
        target: target.name,
        inputs,
        took: begun.elapsed(),
        findings,
    })
}

fn described(figures: &Figures) -> String {
    let Figures {
        target,
        inputs,
        took,
        findings,
    } = figures;
    let seconds = took.as_secs_f64();
    format!("{target}: {inputs} inputs in {seconds:.1} s, {findings} findings")
}

fn render(all: &[Figures]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["target", "inputs", "seconds", "inputs/s", "findings"]);
    for figures in all {
        let seconds = figures.took.as_secs_f64();
        table.add_row([
            figures.target.to_owned(),
            figures.inputs.to_string(),
            format!("{seconds:.1}"),
            format!("{:.0}", figures.inputs as f64 / seconds),
            figures.findings.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// Whether there is a target of that name.
fn find(name: &str) -> Result<&'static Target, String> {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        format!("expected one of {}; found `{name}`", names.join(", "))
    })
}
