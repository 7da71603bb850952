//! Completion of words in shells, and manual pages.
//!
//! A shell calls this program again for each completion, so that the names of
//! flavours are those that are up.

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use crate::app::{Failure, say};
use crate::cli::args::{Args, CompletionsArgs, ManArgs, Shell};
use crate::event::Verdict;

/// Set by a shell that asks.
const VARIABLE: &str = "DBMATRIX_COMPLETE";

/// Answers a shell that asks, and ends the program; returns where none does.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(Args::command)
        .var(VARIABLE)
        .complete();
}

/// Writes the script that a shell is to read.
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

/// Writes manual pages, one a command.
pub(crate) fn man(args: &ManArgs) -> Result<Verdict, Failure> {
    let told = |error: std::io::Error| {
        Failure::not_provided(format!("`{}`: {error}", args.folder.display()))
    };
    std::fs::create_dir_all(&args.folder).map_err(told)?;
    clap_mangen::generate_to(Args::command(), &args.folder).map_err(told)?;
    Ok(Verdict::Passed)
}
