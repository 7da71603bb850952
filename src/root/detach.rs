//! From the process that sudo started to two: the helper, which has left the
//! terminal, and the user's.
//!
//! A Ctrl-C in the terminal must not end the helper before its user has cleaned up,
//! and sudo must not keep the terminal for as long as the helper lives.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use thiserror::Error;

use crate::platform::process;
use crate::platform::socket::{Stream, abstract_address, peer};
use crate::privilege::{WAIT, is_root};

/// Where a helper finds programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Says whom to serve, as sudo does.
const USER: &str = "SUDO_UID";
/// A helper's word to whoever started it; anything else says why there is none.
const READY: &str = "ready";

/// Why a helper serves nobody.
#[derive(Debug, Error)]
pub enum AttachError {
    /// Started by hand.
    #[error(
        "expected to be started with sudo by another dbmatrix, found no user to serve; this command is dbmatrix's own"
    )]
    NoUser,
    /// Somebody else waits there.
    #[error("expected a process of user {expected} at `{name}`, found one of user {found}")]
    OtherUser {
        /// The name that was to be connected to.
        name: String,
        /// The user who called sudo.
        expected: u32,
        /// Who waits there.
        found: u32,
    },
    /// As of the kernel.
    #[error("could not {what}: {source}")]
    System {
        /// What was being done.
        what: &'static str,
        /// The system's own words.
        source: io::Error,
    },
    /// The helper's own words.
    #[error("{0}")]
    Ended(String),
}

fn system(what: &'static str) -> impl Fn(io::Error) -> AttachError {
    move |source| AttachError::System { what, source }
}

/// The user who called sudo, where this process is root by it.
fn sudo_user() -> Option<u32> {
    let user = env::var(USER).ok().filter(|_| is_root())?;
    user.parse().ok()
}

/// Leaves a helper behind that serves the process which listens at the abstract name.
/// `words` are the helper's arguments.
///
/// # Errors
/// [`AttachError`]; the helper's own words where there is none.
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

/// Where somebody called dbmatrix by sudo, takes on their rights for good, with a
/// helper at its side: all that this process opens from then on, it opens as them.
/// Returns where there is no such user. `helper` are the helper's arguments, `words`
/// this program's.
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
    // With all groups of theirs; sudo has set these variables to root's.
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

/// A user's home, as passwd(5) and its like have it.
fn home(user: u32) -> Option<String> {
    let mut command = Command::new("getent");
    command.args(["passwd", &user.to_string()]);
    let line = command.stderr(Stdio::null()).output().ok()?.stdout;
    let line = String::from_utf8(line).ok()?;
    line.split(':').nth(5).map(str::to_owned)
}

/// Leaves the terminal and connects to the process that waits for a helper at the
/// abstract name; says to whoever started this one that it has.
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
            // It may not listen yet.
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
