//! Engines, routes and packages are root's: a user with sudo is taken there.

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::Failure;

/// Returns where this process is root; else runs the same command by sudo, in
/// its place.
///
/// # Errors
/// Where there is no sudo.
pub(super) fn become_root() -> Result<(), Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    eprintln!("dbmatrix needs root for containers and routes; asking sudo");
    let program = std::env::current_exe().map_err(Failure::not_provided)?;
    let kept =
        std::env::vars().filter(|(name, _)| name.starts_with("DBMATRIX_") || name == "NO_COLOR");
    let error = Command::new("sudo")
        .arg("--")
        .arg("env")
        .args(kept.map(|(name, value)| format!("{name}={value}")))
        .arg(program)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(Failure::not_provided(format!(
        "root is needed, and sudo could not be run: {error}"
    )))
}
