//! Asks before dbmatrix installs system packages.

use std::io::{BufRead, IsTerminal, Write};

use crate::app::Failure;

/// Returns when `packages` may be installed: none are missing, `--yes` was given, or the
/// user agreed at a terminal.
///
/// # Errors
/// Exit status 3 with the names of the packages.
pub(crate) fn ask_for_packages(packages: &[String], yes: bool) -> Result<(), Failure> {
    if packages.is_empty() || yes {
        return Ok(());
    }
    let names = packages.join(" ");
    let refused = || {
        Failure::not_provided(format!(
            "these system packages are missing: {names}; run the same command with `--yes`, or install them: sudo apt-get install {names}"
        ))
    };
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(refused());
    }
    eprintln!("dbmatrix needs these system packages: {names}");
    let mut terminal = std::io::stderr();
    let _ = write!(terminal, "Install them now? [y/N] ").and_then(|()| terminal.flush());
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    let consents = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    if read.is_ok() && consents {
        Ok(())
    } else {
        Err(refused())
    }
}
