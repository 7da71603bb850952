//! What is left to do after a verdict: servers are shut down or paused, and the copies
//! for the next run are made. A process of its own does it, so that the command returns
//! with its verdict.
//!
//! The keeper inherits the nest's lock, so the next command waits for it. It has left
//! the terminal, and it ends by itself. If somebody kills it, the kernel frees the lock
//! and the next run makes what is missing. What it could not do stands in a file that
//! the next run reads.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::environment::{Environment, EnvironmentError};
use super::lock::{Holder, Lock, LockError};
use super::teardown::teardown;
use crate::config::ConfigError;
use crate::host::{EngineChoice, run_folder, without_callers_files};
use crate::matrix::{After, Flavour, Locked, Matrix, Source};
use crate::name::may_be_nest_lock_of;
use crate::nest::StopPatience;
use crate::platform::{file, process};

/// How long the keeper may take: a server with much to write ends within it.
const LIMIT: Duration = Duration::from_secs(300);

/// What a run hands over to its keeper.
#[derive(Debug, Serialize, Deserialize)]
pub struct Handover {
    /// The matrix file; other files that it names are relative to it.
    pub matrix: PathBuf,
    /// Its text, as the run has read it.
    pub text: String,
    /// The nest's name.
    pub nest: String,
    /// The name of the nest's lock.
    pub lock: String,
    /// The flavours of the run.
    pub flavours: Vec<HandedFlavour>,
}

/// A flavour of a run, and what becomes of its server.
#[derive(Debug, Serialize, Deserialize)]
pub struct HandedFlavour {
    /// Its name.
    pub name: String,
    /// What the run insists on.
    pub locked: Option<Locked>,
    /// What becomes of its server.
    pub after: After,
}

/// Why a keeper does nothing.
#[derive(Debug, Error)]
pub enum KeepError {
    /// Somebody else started it.
    #[error("expected the work of a run on standard input; this command is dbmatrix's own")]
    NotHandedOver,
    /// The matrix file is not what the run has read.
    #[error(transparent)]
    Matrix(#[from] ConfigError),
    /// The nest or its engine.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The nest's lock.
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl Handover {
    /// Starts a keeper and gives it the lock. `words` are its arguments.
    ///
    /// # Errors
    /// As of the system; whoever calls still has the lock then.
    pub fn start(&self, lock: &Lock, words: &[std::ffi::OsString]) -> io::Result<()> {
        let work = serde_json::to_vec(self)?;
        let file = lock.duplicate()?;
        let mut keeper = without_callers_files(&std::env::current_exe()?, words)
            .stdin(Stdio::piped())
            .stdout(Stdio::from(file))
            .stderr(Stdio::null())
            .spawn()?;
        let mut input = keeper.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        if let Err(error) = input.write_all(&work) {
            keeper.kill()?;
            keeper.wait()?;
            return Err(error);
        }
        lock.hand_over(i32::try_from(keeper.id()).unwrap_or_default());
        Ok(())
    }

    /// Reads what a run has handed over, with the lock that came along.
    ///
    /// # Errors
    /// [`KeepError::NotHandedOver`].
    pub fn receive() -> Result<(Self, Lock), KeepError> {
        let mut text = String::new();
        let read = io::stdin().lock().read_to_string(&mut text);
        read.map_err(|_| KeepError::NotHandedOver)?;
        let handover: Handover =
            serde_json::from_str(&text).map_err(|_| KeepError::NotHandedOver)?;
        // A terminal's end, and its Ctrl-C, are for the run alone.
        process::leave_terminal();
        let file = file::own_stdout().map_err(|_| KeepError::NotHandedOver)?;
        match Lock::inherited(&handover.lock, file)? {
            Some(lock) => Ok((handover, lock)),
            None => Err(KeepError::NotHandedOver),
        }
    }

    /// Does what is left of the run, and notes what could not be done.
    ///
    /// # Errors
    /// [`KeepError`].
    pub async fn keep(
        &self,
        engine: &EngineChoice,
        project: &str,
        lock: Lock,
    ) -> Result<(), KeepError> {
        let kept = tokio::time::timeout(LIMIT, self.tear_down(engine, project, lock)).await;
        let left = match kept {
            Ok(Ok(left)) => left,
            Ok(Err(error)) => vec![error.to_string()],
            Err(_) => vec![format!("it took longer than {} s", LIMIT.as_secs())],
        };
        if !left.is_empty() {
            let noted = fs::write(left_path(&self.lock), left.join("\n"));
            if let Err(error) = noted {
                tracing::debug!(%error, ?left, "nobody will know");
            }
        }
        Ok(())
    }

    async fn tear_down(
        &self,
        engine: &EngineChoice,
        project: &str,
        lock: Lock,
    ) -> Result<Vec<String>, KeepError> {
        let flavours = self.flavours()?;
        let environment = Environment::reopen(engine, project, &self.nest, lock).await?;
        let after = |flavour: &Flavour| {
            let mut handed = self.flavours.iter();
            let handed = handed.find(|handed| handed.name == flavour.name);
            handed.map_or(After::Stop, |handed| handed.after)
        };
        Ok(teardown(&environment, &flavours, StopPatience::Some, after).await)
    }

    fn flavours(&self) -> Result<Vec<Flavour>, ConfigError> {
        let mut flavours = Matrix::parse_flavours(&self.matrix, &self.text)?;
        flavours.retain_mut(|flavour| {
            let mut handed = self.flavours.iter();
            let handed = handed.find(|handed| handed.name == flavour.name);
            if let (Source::Managed(managed), Some(handed)) = (&mut flavour.source, handed) {
                managed.locked.clone_from(&handed.locked);
            }
            handed.is_some()
        });
        Ok(flavours)
    }
}

/// What the keeper of the run before could not do, told once.
pub fn take_left(lock: &str) -> Option<String> {
    let path = left_path(lock);
    let text = fs::read_to_string(&path).ok()?;
    fs::remove_file(&path).ok()?;
    Some(text)
}

fn left_path(lock: &str) -> PathBuf {
    run_folder().join(format!("{lock}.left"))
}

/// How long a command waits for keepers at most: what they do may hang, and the command
/// may be about that.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(20);

/// Waits until the keepers of a project's nests have ended, since what they work on
/// changes under whoever looks at it; not for ever. Whether they have.
pub async fn wait_for_keepers(project: &str) -> bool {
    let waited = tokio::time::timeout(PATIENCE, async {
        while nest_locks(project).iter().any(|lock| is_kept(lock)) {
            tokio::time::sleep(AGAIN).await;
        }
    });
    waited.await.is_ok()
}

fn is_kept(lock: &str) -> bool {
    matches!(Lock::holder(lock), Some(Holder::Keeper(_))) && Lock::is_held(lock)
}

/// Locks that somebody holds or held, and that may be of a project's nests.
fn nest_locks(project: &str) -> Vec<String> {
    let files = fs::read_dir(run_folder()).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let locks = names.filter_map(|name| name.strip_suffix(".lock").map(str::to_owned));
    locks
        .filter(|lock| may_be_nest_lock_of(project, lock))
        .collect()
}
