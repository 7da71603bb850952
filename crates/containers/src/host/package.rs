//! Installs system packages with apt.

use std::collections::BTreeMap;
use std::process::Stdio;

use thiserror::Error;
use tokio::process::Command;

use dbmatrix_engine::privilege::{PrivilegeError, Request, ask_helper, is_root};
use dbmatrix_platform::process;

/// Why packages could not be installed.
#[derive(Debug, Error)]
pub enum PackageError {
    /// The machine has no apt.
    #[error(
        "could not install {packages}: this machine has no `apt-get`; install them by hand and run the same command again"
    )]
    NoApt {
        /// The requested packages.
        packages: String,
    },
    /// apt ended with an error.
    #[error("could not install {packages}: `{command}` failed:\n{output}")]
    Failed {
        /// The requested packages.
        packages: String,
        /// The command.
        command: String,
        /// The end of its output.
        output: String,
    },
    /// The root helper failed.
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
}

/// Updates the package lists for the installation of `packages`.
///
/// # Errors
/// With the end of apt's output.
pub async fn refresh_lists(packages: &[String]) -> Result<(), PackageError> {
    if !super::has_program("apt-get") {
        return Err(PackageError::NoApt {
            packages: named(packages),
        });
    }
    if !is_root() {
        let packages = packages.to_vec();
        ask_helper(Request::RefreshPackageLists { packages }).await?;
        return Ok(());
    }
    apt(packages, &["update"]).await
}

/// Installs Debian packages with apt. Ctrl-C does not reach apt, because an interrupted
/// installation would leave packages broken.
///
/// # Errors
/// With the end of apt's output.
pub async fn install(packages: &[String]) -> Result<(), PackageError> {
    if packages.is_empty() {
        return Ok(());
    }
    if !is_root() {
        let packages = packages.to_vec();
        ask_helper(Request::InstallPackages { packages }).await?;
        return Ok(());
    }
    let mut words = vec!["install", "--yes", "--no-install-recommends"];
    words.extend(packages.iter().map(String::as_str));
    apt(packages, &words).await
}

async fn apt(packages: &[String], words: &[&str]) -> Result<(), PackageError> {
    let failed = |output: String| PackageError::Failed {
        packages: named(packages),
        command: format!("apt-get {}", words.join(" ")),
        output,
    };
    let mut command = Command::new("apt-get");
    process::set_own_group(&mut command);
    let output = command
        .args(["-o", "DPkg::Lock::Timeout=120"])
        .args(words)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    Err(failed(lines[lines.len().saturating_sub(15)..].join("\n")))
}

/// Formats names for a message: `a`, `b`.
fn named(packages: &[String]) -> String {
    let quoted: Vec<String> = packages.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Whether the machine's package lists contain `package`.
pub(super) fn has_candidate(package: &str) -> bool {
    let output = std::process::Command::new("apt-cache")
        .args(["policy", package])
        .env("LC_ALL", "C")
        .output();
    output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Candidate:"))
            .any(|candidate| candidate.trim() != "(none)")
    })
}

/// A field of `/etc/os-release`.
pub(super) fn os_release(field: &str) -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    let fields: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    fields
        .get(field)
        .map(|value| value.trim_matches('"').to_owned())
}
