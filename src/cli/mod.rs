//! The command line: its arguments, and one file per command.

pub(crate) mod args;
mod commands;

use clap::{CommandFactory, Parser};

use args::Args;
use commands::{completions, execute, root_helper};
use dbmatrix_report::event::Verdict;

use crate::app::{eprintln, output_error};

/// All commands with their options, for tests.
#[doc(hidden)]
pub fn commands() -> clap::Command {
    Args::command()
}

/// Parses the command line, runs the command, and returns the exit status.
pub fn main() -> std::process::ExitCode {
    completions::answer_shell();
    let args = Args::parse();
    start_log(args.global.verbose);
    if let Err(failure) = root_helper::become_caller(&args) {
        eprintln!("error: {}", failure.message);
        return failure.verdict.code().into();
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: could not start the runtime: {error}");
            return Verdict::NotProvided.code().into();
        }
    };
    let ended = runtime.block_on(execute(&args));
    // Blocking reads of a terminal must not delay the exit.
    runtime.shutdown_background();
    let code = ended.unwrap_or_else(|failure| {
        eprintln!("error: {}", failure.message);
        failure.verdict.code()
    });
    match (output_error(), code) {
        (Some(error), code) => {
            eprintln!("error: could not write to standard output: {error}");
            code.max(Verdict::NotProvided.code())
        }
        (None, code) => code,
    }
    .into()
}

/// `-v` shows the steps, `-vv` every request; `DBMATRIX_LOG` overrides both.
fn start_log(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let usual = match verbose {
        0 => "off",
        1 => "dbmatrix=info",
        _ => "dbmatrix=debug",
    };
    let filter = EnvFilter::try_from_env("DBMATRIX_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .init();
}
