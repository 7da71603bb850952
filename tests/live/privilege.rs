//! A user whom the engine does not trust, with sudo: root does root's part only.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Outcome;
use super::sandbox::{PROJECT, Ran, Sandbox, check, text};

const USER: &str = "dbmatrix-live";
const SECRET: &str = "this-is-nobodys-business";
const MATRIX: &str = "\
[nest]
name = \"helped\"

[[flavour]]
server = \"mariadb:10.5\"

[[suite]]
name = \"one\"
files = [\"one.sql\"]

[[suite]]
name = \"whoami\"
command = [\"sh\", \"-c\", \"id -un\"]
";

/// A user of the machine who may run everything by sudo; gone with the value.
struct Sudoer<'a> {
    sandbox: &'a Sandbox,
    home: PathBuf,
    id: u32,
}

impl<'a> Sudoer<'a> {
    fn new(sandbox: &'a Sandbox) -> Result<Self, libtest_mimic::Failed> {
        sandbox.need("sudo", "sudo")?;
        let home = sandbox.folder.join("sudoer");
        std::fs::set_permissions(&sandbox.folder, open())?;
        // One that an earlier test could not remove goes, with all that it runs.
        let _ = sandbox.system("userdel", &["--force", "--remove", USER]);
        sandbox.system(
            "useradd",
            &["--create-home", "--home-dir", text(&home), USER],
        )?;
        let sudoer = Sudoer {
            sandbox,
            id: std::fs::metadata(&home)?.uid(),
            home,
        };
        std::fs::set_permissions(&sudoer.home, open())?;
        let rule = format!("{USER} ALL=(root) NOPASSWD: ALL\n");
        std::fs::write(rules(), rule)?;
        // Nobody else may look into the folder that it was built in.
        let program = sandbox.folder.join("dbmatrix-sudoer");
        std::fs::copy(env!("CARGO_BIN_EXE_dbmatrix"), &program)?;
        std::fs::set_permissions(&program, open())?;
        Ok(sudoer)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        eprintln!("\n$ dbmatrix {} (with sudo)", arguments.join(" "));
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", USER, "--regid", USER, "--init-groups"])
            .arg(self.program())
            .args(arguments)
            .env("DBMATRIX_PROJECT", PROJECT)
            .env("HOME", &self.home)
            .env("TMPDIR", &self.home)
            // Images that were built before can be read by all.
            .env("XDG_CACHE_HOME", "/var/cache")
            .env("SECRET", SECRET)
            .env_remove("XDG_RUNTIME_DIR")
            .current_dir(&self.home)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().expect("the program runs"))
    }

    fn run_by_sudo(&self, arguments: &[&str]) -> Ran {
        eprintln!("\n$ sudo dbmatrix {}", arguments.join(" "));
        let mut command = Command::new("setpriv");
        command
            .args([
                "--reuid",
                USER,
                "--regid",
                USER,
                "--init-groups",
                "sudo",
                "-n",
            ])
            .arg(format!("DBMATRIX_PROJECT={PROJECT}"))
            .arg("XDG_CACHE_HOME=/var/cache")
            .arg(self.program())
            .args(arguments)
            .current_dir(&self.home)
            .stdin(Stdio::null());
        Ran::of(command.output().expect("sudo runs"))
    }

    fn program(&self) -> PathBuf {
        self.sandbox.folder.join("dbmatrix-sudoer")
    }

    fn write(&self, name: &str, contents: &str) -> Outcome {
        let path = self.home.join(name);
        std::fs::write(&path, contents)?;
        Ok(std::os::unix::fs::chown(
            path,
            Some(self.id),
            Some(self.id),
        )?)
    }
}

impl Drop for Sudoer<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(rules());
        let removed = ["--force", "--remove", USER];
        let _ = self.sandbox.system("userdel", &removed);
    }
}

fn rules() -> PathBuf {
    PathBuf::from("/etc/sudoers.d").join(USER)
}

fn open() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}

/// Processes of this program that are somebody's root helper.
fn helpers() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        // sudo itself, which has all of the variables, begins it and goes.
        let is_helper = line.contains("dbmatrix-sudoer root-helper") && line.contains(" --stay");
        is_helper.then(|| format!("{} {line}", entry.file_name().display()))
    });
    lines.collect()
}

/// All that is made for the user is theirs, and nothing holds their secret.
fn check_files(folder: &Path, id: u32) -> Outcome {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let found = std::fs::symlink_metadata(&path)?;
        check(
            found.uid() == id,
            format!("`{}` is user {}'s", path.display(), found.uid()),
        )?;
        match found.is_dir() {
            true => check_files(&path, id)?,
            false => check(
                !String::from_utf8_lossy(&std::fs::read(&path)?).contains(SECRET),
                format!("`{}` holds the secret", path.display()),
            )?,
        }
    }
    Ok(())
}

/// From nothing to nothing in a nest of their own, by root's helper.
pub(crate) fn sudoer(sandbox: &Sandbox) -> Outcome {
    let sudoer = Sudoer::new(sandbox)?;
    sudoer.write("m.toml", MATRIX)?;
    sudoer.write("one.sql", "SELECT 1;\n")?;
    sudoer
        .run(&[
            "run",
            "m.toml",
            "--yes",
            "--update",
            "--report",
            "html=out/page.html",
        ])
        .expect(0)?;
    let said = std::fs::read_to_string(sudoer.home.join(".dbmatrix/logs/whoami/mariadb-10.5.log"))?;
    check(said.trim() == USER, format!("a suite ran as {said}"))?;
    check_files(&sudoer.home, sudoer.id)?;
    by_sudo(&sudoer)?;
    let group = [
        "connect",
        "mariadb-10.5",
        "--nest",
        "helped",
        "-e",
        "SELECT 6 * 7",
    ];
    sudoer.run(&group).expect(0)?.says("42")?;
    killed(&sudoer)?;
    sudoer.run(&["down", "--nest", "helped"]).expect(0)?;
    // It ends when it hears that its user's process has, a moment later.
    wait_until("no helper", || helpers().is_empty())
}

/// Who calls sudo themselves goes on as themselves: a link is followed with their
/// rights.
fn by_sudo(sudoer: &Sudoer<'_>) -> Outcome {
    let run = ["run", "m.toml", "--yes", "--report", "html=out/page.html"];
    let roots = sudoer.sandbox.folder.join("of-root");
    std::fs::write(&roots, "as it was")?;
    let page = sudoer.home.join("out/page.html");
    std::fs::remove_file(&page)?;
    std::os::unix::fs::symlink(&roots, &page)?;
    sudoer
        .run_by_sudo(&run)
        .expect(2)?
        .says("Permission denied")?;
    check(
        std::fs::read_to_string(&roots)? == "as it was",
        "root followed a link",
    )?;
    std::fs::remove_file(&page)?;
    sudoer.run_by_sudo(&run).expect(0)?;
    check_files(&sudoer.home, sudoer.id)
}

/// The helper goes with its user's process, and has none of its variables.
fn killed(sudoer: &Sudoer<'_>) -> Outcome {
    let mut watching = sudoer
        .command(&["list", "--watch", "--format", "json"])
        .stdout(Stdio::null())
        .spawn()?;
    wait_until("a helper", || !helpers().is_empty())?;
    for helper in helpers() {
        let pid = helper.split(' ').next().unwrap_or_default();
        let environment = std::fs::read(Path::new("/proc").join(pid).join("environ"))?;
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let is_bare = !environment.contains(SECRET) && !helper.contains(SECRET);
        check(is_bare, format!("{helper} has {environment}"))?;
    }
    watching.kill()?;
    watching.wait()?;
    wait_until("no helper", || helpers().is_empty())
}

fn wait_until(what: &str, holds: impl Fn() -> bool) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        check(
            Instant::now() < deadline,
            format!("expected {what} in time: {:?}", helpers()),
        )?;
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
