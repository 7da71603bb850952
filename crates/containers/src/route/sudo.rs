//! Sets routes as an unprivileged user, with one sudo command after the other.

use std::process::Stdio;

use tokio::process::Command;

/// Runs commands whose words contain no blanks. sudo must not ask for a password here,
/// since progress may be drawn on the terminal. Returns whether all succeeded; sudo
/// cannot help root without the capability.
pub(super) async fn run_commands(commands: &[String]) -> bool {
    if rustix::process::geteuid().is_root() {
        return false;
    }
    for command in commands {
        let status = Command::new("sudo")
            .args(["-n", "--"])
            .args(command.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        if !status.is_ok_and(|status| status.success()) {
            return false;
        }
    }
    true
}
