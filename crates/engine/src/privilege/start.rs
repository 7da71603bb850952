//! Starts the root helper with sudo, or accepts one that is starting.
//!
//! The helper finds its user through a socket with an abstract name (unix(7)), so it does
//! not depend on how sudo treats descriptors and terminals. Both sides ask the kernel for
//! the other's identity: a user accepts only root as helper, and the helper serves only
//! the process for which sudo started it. No environment variable is passed on.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};

use dbmatrix_platform::socket::{Listener, abstract_address, peer};
use thiserror::Error;
use tokio::process::Command;

use super::ask::keep_helper;
use super::{Greeting, has_helper, receive};

/// How long a helper and its user wait for each other.
pub const WAIT: Duration = Duration::from_secs(10);

/// Why there is no root helper.
#[derive(Debug, Error)]
pub enum StartError {
    /// sudo is missing.
    #[error(
        "{need}, and `sudo` could not be run ({source}); run the same command as root{instead}"
    )]
    NoSudo {
        /// Why root is needed.
        need: String,
        /// The system's error.
        source: io::Error,
        /// The alternative without root.
        instead: &'static str,
    },
    /// sudo refused, or no password was entered.
    #[error(
        "{need}, and sudo refused{}; run `sudo -v` before or the same command as root{instead}",
        in_parentheses(reason)
    )]
    Refused {
        /// Why root is needed.
        need: String,
        /// sudo's message, if it was not shown.
        reason: String,
        /// The alternative without root.
        instead: &'static str,
    },
    /// The helper was started and did not connect.
    #[error("dbmatrix's root helper was started and does not answer: {0}")]
    Silent(io::Error),
}

fn in_parentheses(reason: &str) -> String {
    match reason.is_empty() {
        true => String::new(),
        false => format!(" ({reason})"),
    }
}

/// Starts the helper with sudo, unless this process has one. `need` is a clause that
/// names the reason, `words` are the helper's arguments after its address.
///
/// # Errors
/// [`StartError`].
pub async fn start_helper(
    need: &str,
    instead: &'static str,
    words: &[OsString],
) -> Result<(), StartError> {
    if has_helper() {
        return Ok(());
    }
    let name = abstract_name("user");
    let listener = listen(&name).map_err(StartError::Silent)?;
    run_sudo(need, instead, &name, words).await?;
    greet(&listener).map_err(StartError::Silent)
}

/// Accepts the helper that will connect to this name: it was started by the process that
/// this one has replaced.
///
/// # Errors
/// [`StartError::Silent`].
pub fn accept_helper(name: &str) -> Result<(), StartError> {
    listen(name)
        .and_then(|listener| greet(&listener))
        .map_err(StartError::Silent)
}

fn listen(name: &str) -> io::Result<Listener> {
    Listener::bind_addr(&abstract_address(name)?)
}

/// A unique name.
pub fn abstract_name(part: &str) -> String {
    format!(
        "dbmatrix/root-helper/{part}/{:032x}",
        rand::random::<u128>()
    )
}

/// Returns when the helper has connected and left sudo's terminal.
async fn run_sudo(
    need: &str,
    instead: &'static str,
    name: &str,
    words: &[OsString],
) -> Result<(), StartError> {
    let no_sudo = |source: io::Error| StartError::NoSudo {
        need: need.to_owned(),
        source,
        instead,
    };
    let program = std::env::current_exe().map_err(no_sudo)?;
    let asks = can_ask();
    let mut command = Command::new("sudo");
    if !asks {
        command.arg("-n").stderr(Stdio::piped());
    }
    command
        .arg("--")
        .arg(program)
        .args(["root-helper", name])
        .args(words)
        .stdin(match asks {
            true => Stdio::inherit(),
            false => Stdio::null(),
        })
        .stdout(Stdio::null());
    let output = command.spawn().map_err(no_sudo)?.wait_with_output().await;
    let output = output.map_err(no_sudo)?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    Err(StartError::Refused {
        need: need.to_owned(),
        reason: last.unwrap_or_default().trim().to_owned(),
        instead,
    })
}

/// Whether sudo can ask for a password: it opens the terminal itself, whatever the
/// streams of this process are (sudo(8), `-A` and `-S`).
fn can_ask() -> bool {
    std::env::var_os("SUDO_ASKPASS").is_some() || std::fs::File::open("/dev/tty").is_ok()
}

fn greet(listener: &Listener) -> io::Result<()> {
    let deadline = Instant::now() + WAIT;
    listener.set_nonblocking(true)?;
    while Instant::now() < deadline {
        match listener.accept() {
            Ok((stream, _)) if peer(&stream)?.is_root() => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(WAIT))?;
                let greeting = receive::<Greeting>(&stream)?;
                let (greeting, _) = greeting.ok_or(io::ErrorKind::UnexpectedEof)?;
                keep_helper(greeting.address, stream);
                return Ok(());
            }
            // Any process may connect.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}
