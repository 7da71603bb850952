//! Setting routes as a user who is not root: by sudo, one command after the other.

use std::process::Stdio;

use tokio::process::Command;

/// Runs commands of words without blanks; sudo asks nobody for a password here,
/// since something may be drawn on the terminal. Returns whether all are done;
/// root without the capability gets it from nobody.
pub(super) async fn carry_out(commands: &[String]) -> bool {
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
