//! Where everything is measured: the real program in an engine project of its
//! own, a folder for its files, and the way to the servers in there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dbmatrix_containers::host::{
    EngineChoice, Names, detect_engine, refresh_lists, running_engine,
};
use dbmatrix_containers::nest::{Located, locate};
use dbmatrix_engine::{Engine, Exec, Power};
use dbmatrix_report::event::Event;
use dbmatrix_run::wait_for_keepers;
use dbmatrix_sql::session::Target;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::matrix::NEST;
use crate::process::follow;
use crate::trace::RunTrace;
use crate::{PROJECT, Result};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dbmatrix");
/// The server's port.
const PORT: u16 = 3306;

/// The program, its project and its files.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) stop: CancellationToken,
    pub(crate) rounds: u32,
}

/// What becomes of servers after a run, in the words of `--after`.
pub(crate) type After = &'static str;

impl Place {
    pub(crate) fn new(stop: CancellationToken, rounds: u32) -> Result<Self> {
        Ok(Place {
            folder: tempfile::tempdir()?,
            stop,
            rounds,
        })
    }

    /// Writes a file of the benchmark's own.
    pub(crate) fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text)
            .map_err(|error| format!("could not write `{}`: {error}", path.display()))?;
        Ok(path)
    }

    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        in_project(Command::new(PROGRAM), arguments)
    }

    /// The program with an image cache of its own, which is `cache`: the
    /// machine's may be in use.
    pub(crate) fn program_with_cache(&self, cache: &Path, arguments: &[&str]) -> Command {
        const SCRIPT: &str = r#"mkdir -p "$CACHE"; mount --bind "$0" "$CACHE"; exec "$@""#;
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-euc", SCRIPT])
            .arg(cache)
            .arg(PROGRAM)
            .env("CACHE", dbmatrix_containers::image::cache_folder());
        in_project(command, arguments)
    }

    /// Runs a matrix's suites on some of its flavours, on all where none is
    /// named.
    pub(crate) async fn run(&self, matrix: &Path, after: After, more: &[&str]) -> Result<RunTrace> {
        let matrix = matrix.to_string_lossy();
        let mut words = vec!["run", &*matrix, "--report", "json=-", "--after", after];
        words.extend(more);
        let trace = self.observe(self.program(&words)).await?;
        // What the run left to its keeper is not the next one's to pay for.
        wait_for_keepers(PROJECT).await;
        Ok(trace)
    }

    /// Runs the program and hears its events.
    pub(crate) async fn observe(&self, mut command: Command) -> Result<RunTrace> {
        let mut heard = Vec::new();
        let mut strange = None;
        let ended = follow(&mut command, &self.stop, |at, line| {
            // The summary for people comes after the events.
            if line.starts_with('{') {
                match serde_json::from_str::<Event>(&line) {
                    Ok(event) => heard.push((at, event)),
                    Err(error) => strange = Some(format!("{error}: {line}")),
                }
            }
        });
        let ended = ended.await?;
        match strange {
            Some(line) => Err(format!("no event of dbmatrix: {line}").into()),
            None => Ok(RunTrace::new(heard, ended)),
        }
    }

    /// Removes all that is in the project.
    pub(crate) async fn down(&self, stop: &CancellationToken) -> Result<()> {
        let mut down = self.program(&["down", "--all"]);
        let ended = follow(&mut down, stop, |_, _| {}).await?;
        if ended.status.success() {
            return Ok(());
        }
        let words = ended.last_words();
        Err(format!("`dbmatrix down --all --project {PROJECT}` failed: {words}").into())
    }

    /// The host's engine, started where it does not run.
    pub(crate) async fn engine(&self) -> Result<Engine> {
        let found = detect_engine(&EngineChoice::Any).await;
        Ok(running_engine(&found).await?)
    }

    /// A flavour of ours that is up.
    pub(crate) async fn find(&self, flavour: &str) -> Result<Server> {
        let engine = self.engine().await?;
        let names = Names::of(PROJECT);
        let located = locate(&engine, &names, flavour, Some(NEST)).await?;
        located.start().await?;
        let found = located.clone();
        Ok(Server { found })
    }

    /// Runs a script in the nest.
    pub(crate) async fn in_nest(&self, script: &str) -> Result<String> {
        let host = self.engine().await?.in_project(PROJECT);
        let script = Exec::script(script).limit(Duration::from_secs(120));
        let output = host.exec(NEST, &script).await?;
        match output.success() {
            true => Ok(output.stdout),
            false => Err(format!("in the nest: {}", output.tail(5)).into()),
        }
    }
}

fn in_project(mut command: Command, arguments: &[&str]) -> Command {
    command
        .args(arguments)
        .env("DBMATRIX_PROJECT", PROJECT)
        .env_remove("GITHUB_ACTIONS")
        // What is measured is root's, also where somebody runs it by sudo.
        .env_remove("SUDO_UID")
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// A flavour's server in its child.
pub(crate) struct Server {
    found: Located,
}

impl Server {
    /// Runs a script in the child; `$SERVICE` is the server's unit.
    pub(crate) async fn exec(&self, service: &str, script: &str) -> Result<String> {
        let script = Exec::script(script).env("SERVICE", service);
        let name = &self.found.child.name;
        let output = self.found.nest.engine.exec(name, &script).await?;
        match output.success() {
            true => Ok(output.stdout),
            false => Err(format!("in `{name}`: {}", output.tail(5)).into()),
        }
    }

    /// Who logs in and where, once it is certain that the way leads there.
    pub(crate) async fn target(&self) -> Result<Target> {
        let nest = &self.found.nest;
        nest.guard().check(self.found.child.address).await?;
        Ok(Target {
            address: (self.found.child.address, PORT).into(),
            via: None,
            user: "root".to_owned(),
            password: self.found.child.credentials.login.password.clone(),
            tls: self.found.child.credentials.tls.clone(),
        })
    }

    /// Shuts the child down.
    pub(crate) async fn stop(&self) -> Result<()> {
        let engine = &self.found.nest.engine;
        Ok(engine.power(&self.found.child.name, Power::Stop).await?)
    }
}

/// Makes sure that this machine can run the benchmark.
///
/// # Errors
/// What is missing.
pub(crate) async fn check_machine(yes: bool) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err("it needs root: run the same command with sudo".into());
    }
    let missing = detect_engine(&EngineChoice::Any)
        .await
        .missing_packages(true, true);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(", ");
    if !yes {
        return Err(format!("it needs the packages {names}: `--yes` installs them").into());
    }
    refresh_lists(&missing).await?;
    Ok(dbmatrix_containers::host::install(&missing).await?)
}
