//! Shell completion, and manual pages.
//!
//! A shell calls this program for each completion, so that it completes the names of
//! flavours that are up.

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use dbmatrix_report::event::Verdict;

use crate::app::{Failure, say};
use crate::cli::args::{Args, CompletionsArgs, ManArgs, Shell};

/// Set by a shell that requests completions.
const VARIABLE: &str = "DBMATRIX_COMPLETE";

/// Answers a shell that requests completions, and ends the program; otherwise returns.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(Args::command)
        .var(VARIABLE)
        .complete();
}

/// Writes the script for a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Verdict, Failure> {
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "dbmatrix", "dbmatrix", "dbmatrix", &mut script)
        .map_err(Failure::not_provided)?;
    say(String::from_utf8_lossy(&script).trim_end());
    Ok(Verdict::Passed)
}

/// Writes manual pages, one per command.
pub(crate) fn man(args: &ManArgs) -> Result<Verdict, Failure> {
    let told = |error: std::io::Error| {
        Failure::not_provided(format!("`{}`: {error}", args.folder.display()))
    };
    std::fs::create_dir_all(&args.folder).map_err(told)?;
    clap_mangen::generate_to(Args::command(), &args.folder).map_err(told)?;
    Ok(Verdict::Passed)
}
