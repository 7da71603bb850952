//! The program under test, in an engine project of its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

/// Two checkouts that are tested on one machine at a time have one each.
pub(crate) const PROJECT: &str = match option_env!("DBMATRIX_TEST_PROJECT") {
    Some(project) => project,
    None => "dbmatrix-test",
};
pub(crate) const MATRIX: &str = "matrices/mysql.toml";
/// The nest of that matrix.
pub(crate) const NEST: &str = "mysql";

/// Flavours that some trial has brought up.
static PROVIDED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Runs the program and keeps files for it.
pub(crate) struct Sandbox {
    pub(crate) folder: PathBuf,
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Ran {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails with all that was printed unless the status is `expected`.
    pub(crate) fn expect(self, expected: i32) -> Result<Self, Failed> {
        if self.status == expected {
            return Ok(self);
        }
        Err(format!(
            "expected exit status {expected}, found {}\n--- stdout\n{}\n--- stderr\n{}",
            self.status, self.stdout, self.stderr
        )
        .into())
    }

    /// Fails unless one of the streams holds `text`.
    pub(crate) fn says(self, text: &str) -> Result<Self, Failed> {
        if self.stdout.contains(text) || self.stderr.contains(text) {
            return Ok(self);
        }
        Err(format!(
            "expected `{text}`\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        )
        .into())
    }
}

/// Fails with `message` unless `holds`.
pub(crate) fn check(holds: bool, message: impl Into<String>) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(message.into().into())
    }
}

impl Sandbox {
    pub(crate) fn shared() -> Self {
        let folder = std::env::temp_dir().join(format!("dbmatrix-live-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the tests' files");
        Sandbox { folder }
    }

    /// Removes the tests' files.
    pub(crate) fn remove(&self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    /// Brings flavours of [`MATRIX`] up where an earlier trial has not.
    pub(crate) fn provide(&self, flavours: &[&'static str]) -> Result<(), Failed> {
        let mut provided = PROVIDED.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = flavours.iter().filter(|name| !provided.contains(*name));
        let missing: Vec<&str> = missing.copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut words = vec!["up", MATRIX, "--yes"];
        for name in &missing {
            words.extend(["--flavour", name]);
        }
        self.run(&words).expect(0)?;
        provided.extend(missing);
        Ok(())
    }

    /// Removes the nest of [`MATRIX`] with all flavours.
    pub(crate) fn remove_nest(&self) -> Result<(), Failed> {
        self.run(&["down", MATRIX]).expect(0)?;
        PROVIDED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dbmatrix"));
        command
            .args(arguments)
            .env("DBMATRIX_PROJECT", PROJECT)
            .env_remove("GITHUB_ACTIONS")
            // The tests are root's, also where somebody runs them by sudo.
            .env_remove("SUDO_UID")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// Runs the program with more variables in its environment.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        eprintln!("\n$ dbmatrix {}", arguments.join(" "));
        let begun = Instant::now();
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        let output = command.output().expect("the program runs");
        let ran = Ran::of(output);
        eprintln!(
            "  exit status {} after {:.1} s",
            ran.status,
            begun.elapsed().as_secs_f64()
        );
        ran
    }

    /// Runs the program where another one of the system cannot be found.
    pub(crate) fn run_without(&self, hidden: &str, arguments: &[&str]) -> Ran {
        const SCRIPT: &str = r#"
            if path=$(command -v "$0"); then mount --bind /dev/null "$path"; fi
            exec "$@""#;
        eprintln!("\n$ dbmatrix {} (without {hidden})", arguments.join(" "));
        let program = self.command(arguments);
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-euc", SCRIPT])
            .arg(hidden)
            .arg(program.get_program())
            .args(program.get_args())
            .env("DBMATRIX_PROJECT", PROJECT)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null());
        Ran::of(command.output().expect("unshare runs"))
    }

    /// Runs the program with a file as its input; what it wrote, byte by byte.
    pub(crate) fn feed(&self, arguments: &[&str], input: &Path) -> Result<Output, Failed> {
        eprintln!("\n$ dbmatrix {} (fed)", arguments.join(" "));
        let input = std::fs::File::open(input)?;
        Ok(self.command(arguments).stdin(input).output()?)
    }

    /// Starts the program, with its output into a file.
    pub(crate) fn start(&self, arguments: &[&str], output: &Path) -> Result<Running, Failed> {
        eprintln!("\n$ dbmatrix {} (started)", arguments.join(" "));
        let log = self.folder.join("progress.log");
        let child = self
            .command(arguments)
            .stdout(std::fs::File::create(output)?)
            .stderr(std::fs::File::create(&log)?)
            .spawn()?;
        Ok(Running { child, log })
    }

    /// Starts the program and waits until its progress says `text`.
    pub(crate) fn start_until(&self, arguments: &[&str], text: &str) -> Result<Running, Failed> {
        eprintln!("\n$ dbmatrix {} (until `{text}`)", arguments.join(" "));
        let log = self.folder.join("progress.log");
        let file = std::fs::File::create(&log)?;
        let child = self
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()?;
        let mut running = Running { child, log };
        let deadline = Instant::now() + Duration::from_secs(300);
        while !running.progress().contains(text) {
            let ended = running.child.try_wait()?;
            check(
                ended.is_none(),
                format!("ended before `{text}`:\n{}", running.progress()),
            )?;
            check(
                Instant::now() < deadline,
                format!("no `{text}` in time:\n{}", running.progress()),
            )?;
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }

    /// Writes a matrix of the sandbox's nest.
    pub(crate) fn matrix(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        let whole = format!(
            "[nest]\nname = \"{NEST}\"\n\n[[image]]\nname = \"debian:sid\"\ncheck-valid-until = false\n\n{text}"
        );
        std::fs::write(&path, whole).expect("a matrix of the tests");
        path
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).expect("a file of the tests");
        path
    }

    /// Makes sure of a program that a case needs and dbmatrix does not.
    pub(crate) fn need(&self, program: &str, package: &str) -> Result<(), Failed> {
        if self.system(program, &["--version"]).is_ok() {
            return Ok(());
        }
        self.system("apt-get", &["-q", "update"])?;
        let install = ["-q", "install", "--yes", "--no-install-recommends"];
        let install = [&install[..], &[package]].concat();
        self.system("apt-get", &install).map(drop)
    }

    /// Runs a program of the system.
    pub(crate) fn system(&self, program: &str, arguments: &[&str]) -> Result<String, Failed> {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("`{program}`: {error}"))?;
        check(
            output.status.success(),
            format!(
                "`{program} {}`: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            ),
        )?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A program that is at work.
pub(crate) struct Running {
    pub(crate) child: Child,
    log: PathBuf,
}

impl Running {
    pub(crate) fn progress(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal and returns the exit status; `None` where it was killed.
    pub(crate) fn end_by(mut self, signal: rustix::process::Signal) -> Result<Option<i32>, Failed> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal)?;
        let status = self.child.wait()?;
        eprintln!("  ended with {status}");
        Ok(status.code())
    }
}

/// A number that no other run of these tests uses: what is made with it was not
/// there before.
pub(crate) fn unique() -> u32 {
    300 + std::process::id() % 5_000
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of the tests is plain")
}
