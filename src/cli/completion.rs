//! Completion of words in shells, and manual pages.
//!
//! A shell calls this program again for each completion, so that the names of
//! flavours are those that are up.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::args::{Args, GlobalArgs};
use super::reach::flavours_awake;
use super::{Failure, say};
use crate::event::Verdict;
use crate::nest::labels;

/// Options of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell that reads the script
    shell: Shell,
}

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Options of `man`.
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// The folder, made where it is not there
    folder: PathBuf,
}

/// Set by a shell that asks.
const VARIABLE: &str = "DBMATRIX_COMPLETE";
/// A person waits with a finger on a key.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers a shell that asks, and ends the program; returns where none does.
pub(super) fn answer_shell() {
    CompleteEnv::with_factory(Args::command)
        .var(VARIABLE)
        .complete();
}

/// Writes the script that a shell is to read.
pub(super) fn completions(args: &CompletionsArgs) -> Result<Verdict, Failure> {
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
pub(super) fn man(args: &ManArgs) -> Result<Verdict, Failure> {
    let told = |error: std::io::Error| {
        Failure::not_provided(format!("`{}`: {error}", args.folder.display()))
    };
    std::fs::create_dir_all(&args.folder).map_err(told)?;
    clap_mangen::generate_to(Args::command(), &args.folder).map_err(told)?;
    Ok(Verdict::Passed)
}

/// The flavours that are up. Nothing is asked of sudo and nothing is said: who
/// may not look sees none.
pub(super) fn flavours() -> Vec<CompletionCandidate> {
    let names = names_in_time().into_iter();
    names.map(CompletionCandidate::new).collect()
}

fn names_in_time() -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Vec::new();
    };
    let names = runtime.block_on(async { tokio::time::timeout(PATIENCE, names()).await });
    names.unwrap_or_default()
}

/// Flavours and files of this machine, as sides of a copy.
pub(super) fn sides(typed: &OsStr) -> Vec<CompletionCandidate> {
    let files = PathCompleter::any().complete(typed);
    let typed = typed.to_string_lossy();
    let sides = names_in_time().into_iter().map(|name| format!("{name}:/"));
    let sides = sides.filter(|side| side.starts_with(&*typed));
    sides.map(CompletionCandidate::new).chain(files).collect()
}

async fn names() -> Vec<String> {
    let variable = |name: &str| std::env::var(name).ok();
    let global = GlobalArgs {
        engine: variable("DBMATRIX_ENGINE").and_then(|text| text.parse().ok()),
        project: variable("DBMATRIX_PROJECT").unwrap_or_else(|| "dbmatrix".to_owned()),
        verbose: 0,
    };
    let all = flavours_awake(&global).await.unwrap_or_default();
    let all: Vec<(&str, &str)> = all
        .iter()
        .map(|(nest, name)| (nest.as_str(), name.as_str()))
        .collect();
    labels(&all)
}
