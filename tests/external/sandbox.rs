//! The program under test in a folder of its own, and servers for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::server::{Mariadb, Mysql};

/// The password of all users; with signs that a URL has to escape.
pub(crate) const PASSWORD: &str = "s3cret@:/%";
/// The same in a URL.
pub(crate) const ESCAPED: &str = "s3cret%40%3A%2F%25";

/// Whether this is root, who runs servers and the program as somebody else.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program, run without rights.
pub(crate) fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("/usr/bin/setpriv");
    command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]);
    command.arg(program);
    command
}

#[derive(Default)]
pub(crate) struct Sandbox {
    folder: OnceLock<tempfile::TempDir>,
    mariadb: OnceLock<Mutex<Mariadb>>,
    mysql: OnceLock<Mutex<Mysql>>,
}

impl Sandbox {
    /// A folder that all may read, where servers and files are.
    pub(crate) fn folder(&self) -> &Path {
        let made = self.folder.get_or_init(|| {
            let mut made = tempfile::Builder::new();
            made.prefix("dbmatrix-external-");
            let folder = made.tempdir().expect("a temporary folder");
            open_to_all(folder.path());
            // Whoever runs the program cannot get into the folder of the build.
            let program = folder.path().join("dbmatrix");
            std::fs::copy(env!("CARGO_BIN_EXE_dbmatrix"), program).expect("the program");
            folder
        });
        made.path()
    }

    /// A MariaDB for all trials.
    pub(crate) fn mariadb(&self) -> Result<std::sync::MutexGuard<'_, Mariadb>, Failed> {
        if self.mariadb.get().is_none() {
            let server = Mariadb::start(self.folder(), "mariadb", &[])?;
            let _ = self.mariadb.set(Mutex::new(server));
        }
        let server = self.mariadb.get().ok_or("a server")?;
        Ok(server
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// A MySQL 5.6 for all trials; it speaks no TLS.
    pub(crate) fn mysql(&self) -> Result<std::sync::MutexGuard<'_, Mysql>, Failed> {
        if self.mysql.get().is_none() {
            let server = Mysql::start(self.folder())?;
            let _ = self.mysql.set(Mutex::new(server));
        }
        let server = self.mysql.get().ok_or("a server")?;
        Ok(server
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Ends the servers and removes all files.
    pub(crate) fn end(&self) {
        if let Some(server) = self.mariadb.get() {
            server.lock().expect("no trial is at it").stop();
        }
        if let Some(server) = self.mysql.get() {
            server.lock().expect("no trial is at it").stop();
        }
        if let Some(folder) = self.folder.get() {
            let _ = std::fs::remove_dir_all(folder.path());
        }
    }

    /// A folder with files, in which the program is run.
    pub(crate) fn project(&self, files: &[(&str, &str)]) -> Project {
        let made = tempfile::Builder::new()
            .prefix("project-")
            .tempdir_in(self.folder())
            .expect("a folder");
        open_to_all(made.path());
        for (name, text) in files {
            std::fs::write(made.path().join(name), text).expect("a file");
        }
        Project {
            folder: made,
            program: self.folder().join("dbmatrix"),
            variables: Vec::new(),
        }
    }
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let all = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(folder, all).expect("a folder of ours");
}

/// A folder with a matrix.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    program: PathBuf,
    variables: Vec<(String, String)>,
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) text: String,
    pub(crate) took: Duration,
}

impl Project {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with arguments, ready to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = unprivileged(&self.program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/nowhere")
            .env("HOME", "/nowhere")
            .env("NO_COLOR", "1")
            .env("DBMATRIX_ENGINE", "/nowhere/unix.socket")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end. Whatever it says, it never shows the password.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Ran, Failed> {
        let begun = Instant::now();
        let output = self.command(arguments).output()?;
        Ran::of(output, begun.elapsed())
    }
}

impl Ran {
    pub(crate) fn of(output: Output, took: Duration) -> Result<Self, Failed> {
        let out = String::from_utf8_lossy(&output.stdout);
        let err = String::from_utf8_lossy(&output.stderr);
        let text = format!("{out}\n--- stderr\n{err}");
        if text.contains(PASSWORD) || text.contains(ESCAPED) || text.contains("s3cret") {
            return Err(format!("the password is shown:\n{text}").into());
        }
        let status = output.status.code().unwrap_or(-1);
        Ok(Ran { status, text, took })
    }

    /// Fails with all that was printed unless the status is `expected`.
    pub(crate) fn expect(self, expected: i32) -> Result<Self, Failed> {
        match self.status == expected {
            true => Ok(self),
            false => Err(format!(
                "expected exit status {expected}, found {}\n{}",
                self.status, self.text
            )
            .into()),
        }
    }

    pub(crate) fn says(self, text: &str) -> Result<Self, Failed> {
        match self.text.contains(text) {
            true => Ok(self),
            false => Err(format!("expected `{text}` in\n{}", self.text).into()),
        }
    }

    pub(crate) fn says_not(self, text: &str) -> Result<Self, Failed> {
        match self.text.contains(text) {
            false => Ok(self),
            true => Err(format!("expected no `{text}` in\n{}", self.text).into()),
        }
    }

    pub(crate) fn within(self, limit: Duration) -> Result<Self, Failed> {
        match self.took <= limit {
            true => Ok(self),
            false => Err(format!("it took {:?}\n{}", self.took, self.text).into()),
        }
    }
}

/// Fails with `message` unless `holds`.
pub(crate) fn check(holds: bool, message: impl Into<String>) -> Result<(), Failed> {
    match holds {
        true => Ok(()),
        false => Err(message.into().into()),
    }
}
