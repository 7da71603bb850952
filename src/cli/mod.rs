//! The command line: one file a command, and the only place that wires modules
//! together.

/// Writes a line to standard error, as the one of the standard library; one that
/// cannot be written is no reason to panic.
macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), $($text)*);
    }};
}

mod ad_hoc;
mod args;
mod catalogue;
mod completion;
mod connect;
mod consent;
mod copy;
mod deliver;
mod deprecated;
mod diff;
mod doctor;
mod down;
mod each;
mod env;
mod exec;
mod export;
mod format;
mod hand;
mod import;
mod keeper;
mod list;
mod lock;
mod logs;
mod power;
mod privilege;
mod prune;
mod reach;
pub(crate) mod remotes;
mod report;
mod run;
mod shell;
mod signal;
mod snapshot;
mod task;
mod transfer;
mod url;
mod vacancy;

use std::io::{self, Write};
use std::sync::OnceLock;

use clap::{CommandFactory, Parser};

use args::{Args, Command};

use crate::event::Verdict;

/// What went wrong, with the exit status that it has.
#[derive(Debug)]
struct Failure {
    verdict: Verdict,
    message: String,
}

impl Failure {
    fn misused(error: impl std::fmt::Display) -> Self {
        Failure {
            verdict: Verdict::Misused,
            message: error.to_string(),
        }
    }

    fn not_provided(error: impl std::fmt::Display) -> Self {
        Failure {
            verdict: Verdict::NotProvided,
            message: error.to_string(),
        }
    }
}

/// Why standard output could not be written.
static UNSAID: OnceLock<io::Error> = OnceLock::new();

/// Writes a line to standard output. A reader that has gone (`| head`) is no
/// error; whatever else keeps a line from being written decides the exit status.
fn say(text: impl std::fmt::Display) {
    let _ = write_out(format!("{text}\n").as_bytes());
}

/// Writes to standard output, as [`say`] does.
///
/// # Errors
/// Where nothing more can be written.
fn write_out(bytes: &[u8]) -> Result<(), Unwritten> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| {
            if error.kind() != io::ErrorKind::BrokenPipe {
                let _ = UNSAID.set(error);
            }
            Unwritten
        })
}

/// Standard output takes nothing more; [`main`] says why, where it matters.
#[derive(Debug)]
struct Unwritten;

/// All commands with their options, for tests that go through them.
#[doc(hidden)]
pub fn commands() -> clap::Command {
    Args::command()
}

/// Parses the command line, carries it out, and returns the exit status.
pub fn main() -> std::process::ExitCode {
    completion::answer_shell();
    let args = Args::parse();
    start_log(args.global.verbose);
    if let Err(failure) = privilege::become_caller(&args) {
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
    // Blocking reads of a terminal must not hold the program up.
    runtime.shutdown_background();
    let code = ended.unwrap_or_else(|failure| {
        eprintln!("error: {}", failure.message);
        failure.verdict.code()
    });
    match (UNSAID.get(), code) {
        (Some(error), code) => {
            eprintln!("error: could not write to standard output: {error}");
            code.max(Verdict::NotProvided.code())
        }
        (None, code) => code,
    }
    .into()
}

async fn execute(args: &Args) -> Result<u8, Failure> {
    let verdict = match &args.command {
        Command::Run(command) => run::run(&args.global, command).await,
        Command::Diff(command) => diff::diff(&args.global, command).await,
        Command::Up(command) => run::up(&args.global, command).await,
        Command::Lock(command) => lock::lock(&args.global, command).await,
        Command::Down(command) => down::down(&args.global, command).await,
        Command::Prune(command) => prune::prune(&args.global, command).await,
        Command::List(command) => list::list(&args.global, command).await,
        Command::Doctor(command) => doctor::doctor(&args.global, command).await,
        Command::Connect(command) => connect::connect(&args.global, command).await,
        Command::Catalogue(command) => catalogue::catalogue(command).await,
        Command::Completions(command) => completion::completions(command),
        Command::Man(command) => completion::man(command),
        Command::Hand(command) => return hand::execute(&args.global, command).await,
        Command::RootHelper(command) => privilege::root_helper(&args.global, command).await,
        Command::Keeper => keeper::keeper(&args.global).await,
        Command::Report(command) => report::report(&args.global, command).await,
        Command::Exec(command) => return exec::exec(&args.global, command).await,
    };
    verdict.map(Verdict::code)
}

/// `-v` shows what is done, `-vv` every request; `DBMATRIX_LOG` has the last word.
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
