//! Obtains the privileges that a command needs. Root is required for engines and
//! packages, and for access to an engine that does not trust the user. A trusted user
//! needs sudo for routes only.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::{Command as Process, Stdio};

use dbmatrix_containers::host::{EngineProbe, detect_engine};
use dbmatrix_engine::EngineError;
use dbmatrix_engine::privilege::{has_helper, is_root, start_helper};
use dbmatrix_platform::machine::ensure_linux;
use dbmatrix_platform::process;

use crate::app::{Failure, Globals, remotes};

/// Without an engine on the machine, root is required.
const JOIN: &str = ", or join the engine's group";

/// Returns if this process is root, if a running engine trusts its user, or with a root
/// helper that sudo started.
///
/// # Errors
/// If sudo is missing or refuses; if the engine does not answer; on systems
/// without engines.
pub(crate) async fn ensure_engine_access(global: &Globals) -> Result<(), Failure> {
    if let Some(remote) = global.engine.remote() {
        return remotes::ensure_trust(remote).await;
    }
    match is_root() || has_helper() || is_trusted(global).await? {
        true => Ok(()),
        false => start(global, "no engine runs that trusts this user", JOIN).await,
    }
}

/// Returns if packages can be installed: as root, or with a root helper.
///
/// # Errors
/// If sudo is missing or refuses.
pub(crate) async fn ensure_package_access(global: &Globals) -> Result<(), Failure> {
    match is_root() || has_helper() {
        true => Ok(()),
        false => start(global, "system packages are missing", "").await,
    }
}

async fn is_trusted(global: &Globals) -> Result<bool, Failure> {
    let EngineProbe::Running(engine) = detect_engine(&global.engine).await else {
        return Ok(false);
    };
    match engine.server_info().await {
        Ok(info) => Ok(info.auth == "trusted"),
        // It may trust the user, and root would have to wait for it too.
        Err(error @ (EngineError::Silent { .. } | EngineError::Stuck { .. })) => {
            Err(Failure::not_provided(error))
        }
        Err(_) => Ok(false),
    }
}

async fn start(global: &Globals, why: &str, instead: &'static str) -> Result<(), Failure> {
    ensure_linux().map_err(Failure::not_provided)?;
    eprintln!("{why}: asking sudo for dbmatrix's root helper");
    start_helper(why, instead, &global_arguments(global))
        .await
        .map_err(Failure::not_provided)
}

/// The options that identify the engine and the project.
pub(crate) fn global_arguments(global: &Globals) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["--project".into(), global.project.clone().into()];
    if let Some(engine) = global.engine.to_word() {
        words.extend(["--engine".into(), engine]);
    }
    words
}

/// Ensures that a route can be set later, when no password can be entered: by the root
/// helper, or by sudo.
///
/// # Errors
/// If sudo would ask for a password without a terminal.
pub(crate) fn authorize_routes() -> Result<(), Failure> {
    if is_root() || has_helper() {
        return Ok(());
    }
    let sudo = |words: &[&str], quiet: bool| {
        let mut command = Process::new("sudo");
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

/// Returns if this process is root; otherwise sudo runs the doctor in its place, with
/// these `options` and no others of the user.
///
/// # Errors
/// If sudo is missing.
pub(crate) fn fix_as_root(global: &Globals, options: &[&str]) -> Result<(), Failure> {
    if is_root() {
        return Ok(());
    }
    ensure_linux().map_err(Failure::not_provided)?;
    eprintln!("what is to be mended is root's: asking sudo for `dbmatrix doctor --fix`");
    let program = std::env::current_exe().map_err(Failure::not_provided)?;
    let mut command = Process::new("sudo");
    command.arg("--").arg(program).args(["doctor", "--fix"]);
    command.args(options);
    let error = process::replace_by(command.args(global_arguments(global)));
    Err(Failure::not_provided(format!(
        "root is needed, and sudo could not be run: {error}"
    )))
}
