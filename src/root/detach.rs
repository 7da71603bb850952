//! Splits the process that sudo started into two: the helper, detached from the terminal,
//! and the user's process.
//!
//! Ctrl-C in the terminal must not end the helper before its user has cleaned up, and
//! sudo must not occupy the terminal while the helper lives.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use thiserror::Error;

use dbmatrix_engine::privilege::{WAIT, is_root};
use dbmatrix_platform::process;
use dbmatrix_platform::socket::{Stream, abstract_address, peer};

/// A helper's search path for programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Names the user to serve, as sudo does.
const USER: &str = "SUDO_UID";
/// A helper's message to its starter on success; any other message is an error.
const READY: &str = "ready";

/// Why a helper did not start to serve.
#[derive(Debug, Error)]
pub enum AttachError {
    /// It was started manually.
    #[error(
        "expected to be started with sudo by another dbmatrix, found no user to serve; this command is dbmatrix's own"
    )]
    NoUser,
    /// Another user's process listens there.
    #[error("expected a process of user {expected} at `{name}`, found one of user {found}")]
    OtherUser {
        /// The abstract name.
        name: String,
        /// The user who called sudo.
        expected: u32,
        /// The user who listens there.
        found: u32,
    },
    /// As of the kernel.
    #[error("could not {what}: {source}")]
    System {
        /// The attempted operation.
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The helper's error.
    #[error("{0}")]
    Ended(String),
}

fn system(what: &'static str) -> impl Fn(io::Error) -> AttachError {
    move |source| AttachError::System { what, source }
}

/// The user who called sudo, if that made this process root.
fn sudo_user() -> Option<u32> {
    let user = env::var(USER).ok().filter(|_| is_root())?;
    user.parse().ok()
}

/// Starts a detached helper for the process that listens at the abstract name. `words`
/// are the helper's arguments.
///
/// # Errors
/// [`AttachError`]; the helper's own error if it did not start.
pub fn leave_behind(words: &[OsString]) -> Result<(), AttachError> {
    let user = sudo_user().ok_or(AttachError::NoUser)?;
    let mut child = start(user, words, Stdio::piped()).map_err(system(START))?;
    let told = child.stdout.take().map(BufReader::new);
    let ended = io::Error::other("it ended at once");
    match told.and_then(|told| told.lines().next()) {
        Some(Ok(word)) if word == READY => Ok(()),
        Some(Ok(reason)) => Err(AttachError::Ended(reason)),
        Some(Err(error)) => Err(system(START)(error)),
        None => Err(system(START)(ended)),
    }
}

const START: &str = "start the root helper";

fn start(user: u32, words: &[OsString], output: Stdio) -> io::Result<Child> {
    Command::new(env::current_exe()?)
        .args(words)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/root")
        .env(USER, user.to_string())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
}

/// If a user called dbmatrix with sudo, permanently assumes that user's rights, with a
/// helper: from then on this process opens everything as that user. Returns if there is
/// no such user. `helper` are the helper's arguments, `words` this program's.
///
/// # Errors
/// [`AttachError`].
pub fn become_sudo_user(
    helper: &[OsString],
    words: impl Iterator<Item = OsString>,
) -> Result<(), AttachError> {
    let Some(user) = sudo_user().filter(|user| *user != 0) else {
        return Ok(());
    };
    let group = env::var("SUDO_GID").ok();
    let group: u32 = group
        .and_then(|group| group.parse().ok())
        .ok_or(AttachError::NoUser)?;
    let program = env::current_exe().map_err(system(START))?;
    start(user, helper, Stdio::null()).map_err(system(START))?;
    // With all of the user's groups; sudo has set these variables to root's values.
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", &user.to_string(), "--regid", &group.to_string()])
        .args(["--init-groups", "--"])
        .arg(program)
        .args(words)
        .env_remove("SUDO_COMMAND");
    for name in [
        USER,
        "SUDO_GID",
        "SUDO_USER",
        "HOME",
        "USER",
        "LOGNAME",
        "MAIL",
    ] {
        command.env_remove(name);
    }
    if let Some(home) = home(user) {
        command.env("HOME", home);
    }
    if let Some(name) = env::var_os("SUDO_USER") {
        command.env("USER", &name).env("LOGNAME", name);
    }
    Err(system("go on as the user who called sudo")(
        process::replace_by(&mut command),
    ))
}

/// A user's home folder, from passwd(5) or an equivalent source.
fn home(user: u32) -> Option<String> {
    let mut command = Command::new("getent");
    command.args(["passwd", &user.to_string()]);
    let line = command.stderr(Stdio::null()).output().ok()?.stdout;
    let line = String::from_utf8(line).ok()?;
    line.split(':').nth(5).map(str::to_owned)
}

/// Detaches from the terminal, connects to the process that waits for a helper at the
/// abstract name, and reports that to its starter.
///
/// # Errors
/// [`AttachError`].
pub fn attach(name: &str) -> Result<Stream, AttachError> {
    let mut out = io::stdout();
    let mut tell = |word: &str| {
        let told = writeln!(out, "{word}").and_then(|()| out.flush());
        if let Err(error) = told {
            tracing::debug!(%error, "nobody waits for the helper's word");
        }
    };
    let user = sudo_user().ok_or(AttachError::NoUser)?;
    process::set_usual_umask();
    process::leave_terminal();
    let control = connect(name, user);
    match &control {
        Ok(_) => tell(READY),
        Err(error) => tell(&error.to_string()),
    }
    control
}

fn connect(name: &str, user: u32) -> Result<Stream, AttachError> {
    const AGAIN: std::time::Duration = std::time::Duration::from_millis(5);
    let failed = system("connect to the process that called sudo");
    let address = abstract_address(name).map_err(&failed)?;
    let deadline = Instant::now() + WAIT;
    let control = loop {
        match Stream::connect_addr(&address) {
            Ok(control) => break control,
            // It may not be listening yet.
            Err(_) if Instant::now() < deadline => std::thread::sleep(AGAIN),
            Err(error) => return Err(failed(error)),
        }
    };
    let found = peer(&control).map_err(&failed)?;
    match found.user() {
        found if found == user => Ok(control),
        found => Err(AttachError::OtherUser {
            name: name.to_owned(),
            expected: user,
            found,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_a_home() {
        assert_eq!(home(0).as_deref(), Some("/root"));
    }
}
