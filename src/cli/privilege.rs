//! Engines and packages are root's: a user whom the engine does not trust is
//! taken there by sudo. One whom it trusts needs sudo for routes alone.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::Failure;
use super::args::Place;
use crate::host::{Survey, survey};
use crate::run::Caller;

/// Says where root finds the environment of the user who was taken to root.
const ENVIRONMENT: &str = "DBMATRIX_CALLER_ENVIRONMENT";
const OF_SUDO: &str = "sudo";

/// Returns where this process is root, or an engine runs that trusts its user;
/// else runs the same command by sudo, in its place.
///
/// # Errors
/// Where there is no sudo.
pub(super) async fn suffice(place: &Place) -> Result<(), Failure> {
    match is_root() || is_trusted(place).await {
        true => Ok(()),
        false => become_root(),
    }
}

/// Whether this process may do everything.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

async fn is_trusted(place: &Place) -> bool {
    let Survey::Running(engine) = survey(&place.engine()).await else {
        return false;
    };
    let info = engine.server_info().await;
    info.is_ok_and(|info| info.auth == "trusted")
}

/// Sees to it that sudo sets routes without asking for a password later, when
/// nobody can type it.
///
/// # Errors
/// Where it would ask and there is nobody.
pub(super) fn ask_for_routes() -> Result<(), Failure> {
    if is_root() {
        return Ok(());
    }
    let sudo = |words: &[&str], quiet: bool| {
        let mut command = Command::new("sudo");
        command.args(words);
        if quiet {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        command.status().is_ok_and(|status| status.success())
    };
    eprintln!("routes to the children are root's: asking sudo for `ip route`");
    if sudo(&["-n", "ip", "route", "show"], true) {
        return Ok(());
    }
    let has_person = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if has_person && sudo(&["-v"], false) {
        return Ok(());
    }
    Err(Failure::not_provided(
        "sudo does not run `ip route` for this user unasked; run `sudo -v` before, run the command \
         with sudo, or do without routes: `access = \"proxy\"` in the matrix's `[nest]`, `--access \
         proxy` of `connect mysql:9.7`",
    ))
}

/// Returns where this process is root; else runs the same command by sudo, in
/// its place.
///
/// # Errors
/// Where there is no sudo.
pub(super) fn become_root() -> Result<(), Failure> {
    if is_root() {
        return Ok(());
    }
    eprintln!("dbmatrix needs root here: no engine runs that trusts this user; asking sudo");
    let program = std::env::current_exe().map_err(Failure::not_provided)?;
    let kept = std::env::vars_os().filter(|(name, _)| {
        let name = name.as_bytes();
        name.starts_with(b"DBMATRIX_") || name == b"NO_COLOR"
    });
    let word = |name: &OsStr, value: &OsStr| {
        OsString::from_vec([name.as_bytes(), b"=", value.as_bytes()].concat())
    };
    let error = Command::new("sudo")
        .arg("--")
        .arg("env")
        .args(kept.map(|(name, value)| word(&name, &value)))
        .arg(format!("{ENVIRONMENT}={OF_SUDO}"))
        .arg(program)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(Failure::not_provided(format!(
        "root is needed, and sudo could not be run: {error}"
    )))
}

/// Who called, before sudo; this process itself where there was none.
pub(super) fn caller() -> Caller {
    let id = |name: &str| std::env::var(name).ok()?.parse().ok();
    let ids = match (id("SUDO_UID"), id("SUDO_GID")) {
        (Some(user), Some(group)) if is_root() => Some((user, group)),
        _ => None,
    };
    // Sudo drops it for us, and has it itself: the kernel shows it to root (proc(5),
    // `/proc/PID/environ`), so no file and no command line holds it.
    let is_kept = ids.is_some() && std::env::var_os(ENVIRONMENT).is_some_and(|is| is == OF_SUDO);
    let kept = is_kept.then(|| {
        let sudo = std::os::unix::process::parent_id();
        std::fs::read(format!("/proc/{sudo}/environ")).ok()
    });
    let kept = kept.flatten();
    Caller {
        ids,
        environment: kept.map(|text| read_environment(&text)),
    }
}

fn read_environment(text: &[u8]) -> Vec<(OsString, OsString)> {
    let lines = text.split(|byte| *byte == 0);
    let pairs = lines.filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b'=')?;
        let name = OsString::from_vec(line[..at].to_vec());
        Some((name, OsString::from_vec(line[at + 1..].to_vec())))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_read_as_it_was_written() {
        let read = read_environment(b"A=1=2\0B=\0");
        assert_eq!(
            read,
            [("A".into(), "1=2".into()), ("B".into(), OsString::new())]
        );
    }
}
