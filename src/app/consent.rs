//! Asks before dbmatrix installs system packages, or loads servers that it did not make.

use std::io::{BufRead, IsTerminal, Write};

use dbmatrix_flavours::matrix::{Flavour, Permissions};

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
    let told = format!("dbmatrix needs these system packages: {names}");
    match consents(&told, "Install them now?") {
        true => Ok(()),
        false => Err(refused()),
    }
}

/// Returns when each external server of these flavours may be loaded: the user `named` it,
/// or agreed at a terminal. One that is not read-only needs both, or `yes` as the second.
///
/// # Errors
/// Exit status 2 with the first flavour that may not be loaded, and what allows it.
pub(crate) fn ask_for_load(
    flavours: &[Flavour],
    named: &[String],
    yes: bool,
) -> Result<(), Failure> {
    let external = || {
        let flavours = flavours.iter();
        flavours.filter_map(|flavour| Some((&flavour.name, flavour.external()?.permissions)))
    };
    for name in named {
        if !external().any(|(flavour, _)| flavour == name) {
            return Err(Failure::misused(format!(
                "`--load-on {name}`: expected the name of a chosen flavour that is an external server"
            )));
        }
    }
    for (name, permissions) in external() {
        let is_named = named.contains(name);
        let (is_told, what) = match permissions {
            Permissions::ReadOnly => (is_named, ""),
            Permissions::OwnDatabases if !is_named => {
                return Err(Failure::misused(format!(
                    "`{name}` is a server that dbmatrix did not make, and it may be written to: a replay \
                     loads it only if you say so twice, by `--load-on {name}` and `--yes`"
                )));
            }
            Permissions::OwnDatabases => (yes, ", which is not read-only"),
        };
        let told = format!("a replay loads `{name}`, a server that dbmatrix did not make{what}");
        if !is_told && !consents(&told, "Load it now?") {
            let way = match permissions {
                Permissions::ReadOnly => format!("`--load-on {name}`"),
                Permissions::OwnDatabases => format!("`--yes` beside `--load-on {name}`"),
            };
            return Err(Failure::misused(format!("{told}; {way} allows that")));
        }
    }
    Ok(())
}

/// Whether the user agrees at a terminal; without one nobody does.
fn consents(told: &str, question: &str) -> bool {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    eprintln!("{told}");
    let mut terminal = std::io::stderr();
    let _ = write!(terminal, "{question} [y/N] ").and_then(|()| terminal.flush());
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use dbmatrix_flavours::matrix::Matrix;

    use super::*;

    /// Tests have no terminal.
    fn asked(permissions: &str, named: &[&str], yes: bool) -> Result<(), String> {
        let text = format!(
            "[[flavour]]\nname = 'far'\nurl = 'mysql://u@127.0.0.1/'\npermissions = '{permissions}'\n\
             [[flavour]]\nserver = 'mariadb:11.8'\n"
        );
        let matrix = Matrix::parse(Path::new("m.toml"), &text).expect("a matrix");
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        ask_for_load(&matrix.flavours, &named, yes).map_err(|failure| failure.message)
    }

    #[test]
    fn an_external_server_is_loaded_if_it_is_named() {
        let why = asked("read-only", &[], true).expect_err("it is not named");
        assert!(why.ends_with("; `--load-on far` allows that"), "{why}");
        assert_eq!(asked("read-only", &["far"], false), Ok(()));
    }

    #[test]
    fn one_that_may_be_written_to_is_loaded_if_that_is_told_twice() {
        for (named, yes) in [(&[][..], true), (&["far"], false)] {
            let why = asked("own-databases", named, yes).expect_err("told once");
            assert!(
                why.contains("--load-on far") && why.contains("--yes"),
                "{why}"
            );
        }
        assert_eq!(asked("own-databases", &["far"], true), Ok(()));
    }

    #[test]
    fn only_external_servers_can_be_named() {
        let why = asked("read-only", &["far", "mariadb-11.8"], true).expect_err("it is ours");
        assert!(
            why.starts_with("`--load-on mariadb-11.8`: expected"),
            "{why}"
        );
    }
}
