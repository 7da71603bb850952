//! The work after a verdict: stops or pauses servers and makes the copies for the next
//! run. A separate process does it, so that the command returns with its verdict.
//!
//! The keeper inherits the nest's lock, so the next command waits for it. It detaches
//! from the terminal and ends by itself. If it is killed, the kernel releases the lock
//! and the next run makes what is missing. It writes its failures to a file that the next
//! run reads.

use std::convert::Infallible;
use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use dbmatrix_config::ConfigError;
use dbmatrix_containers::host::{EngineChoice, run_folder, without_callers_files};
use dbmatrix_containers::name::may_be_nest_lock_of;
use dbmatrix_containers::nest::StopPatience;
use dbmatrix_flavours::matrix::{After, Flavour, Locked, Managed, Matrix};
use dbmatrix_platform::{file, process};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::environment::{Environment, EnvironmentError};
use super::lock::{Holder, Lock, LockError};
use super::teardown::teardown;

/// Time limit of the keeper, enough for a server with much to write.
const LIMIT: Duration = Duration::from_secs(300);

/// What a run hands over to its keeper.
#[derive(Debug, Serialize, Deserialize)]
pub struct Handover {
    /// The matrix file; paths in it are relative to it.
    pub matrix: PathBuf,
    /// Its text as the run read it.
    pub text: String,
    /// The nest's name.
    pub nest: String,
    /// The name of the nest's lock.
    pub lock: String,
    /// The flavours of the run and their replicas.
    pub flavours: Vec<HandedFlavour>,
}

/// A flavour of a run, and what happens to its server.
#[derive(Debug, Serialize, Deserialize)]
pub struct HandedFlavour {
    /// Its name.
    pub name: String,
    /// The locked values that the run requires.
    pub locked: Option<Locked>,
    /// What happens to its server.
    pub after: After,
}

/// Why a keeper does nothing.
#[derive(Debug, Error)]
pub enum KeepError {
    /// It was not started by a run.
    #[error("expected the work of a run on standard input; this command is dbmatrix's own")]
    NotHandedOver,
    /// The matrix file has changed since the run read it.
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
    /// Starts a keeper with these argument `words` and hands it the lock.
    ///
    /// # Errors
    /// As of the system; the caller then still holds the lock.
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

    /// Reads the handover of a run and takes over its lock.
    ///
    /// # Errors
    /// [`KeepError::NotHandedOver`].
    pub fn receive() -> Result<(Self, Lock), KeepError> {
        let mut text = String::new();
        let read = io::stdin().lock().read_to_string(&mut text);
        read.map_err(|_| KeepError::NotHandedOver)?;
        let handover: Handover =
            serde_json::from_str(&text).map_err(|_| KeepError::NotHandedOver)?;
        // Only the run receives the terminal's hangup and Ctrl-C.
        process::leave_terminal();
        let file = file::own_stdout().map_err(|_| KeepError::NotHandedOver)?;
        match Lock::inherited(&handover.lock, file)? {
            Some(lock) => Ok((handover, lock)),
            None => Err(KeepError::NotHandedOver),
        }
    }

    /// Does the remaining work of the run, and notes what failed.
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
            let is_handed = handed.is_some();
            let locked = |name: &str, managed: &mut Managed| {
                let mut handed = self.flavours.iter();
                let handed = handed.find(|handed| handed.name == name);
                managed.locked = handed.and_then(|handed| handed.locked.clone());
                Ok::<(), Infallible>(())
            };
            flavour.change_servers(locked).is_ok() && is_handed
        });
        Ok(flavours)
    }
}

/// Returns once what the previous run's keeper could not do.
pub fn take_leftover_report(lock: &str) -> Option<String> {
    let path = left_path(lock);
    let text = fs::read_to_string(&path).ok()?;
    fs::remove_file(&path).ok()?;
    Some(text)
}

fn left_path(lock: &str) -> PathBuf {
    run_folder().join(format!("{lock}.left"))
}

/// How long a command waits for keepers at most: they may hang, and the user may run the
/// command because of that.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(20);

/// Waits, for a limited time, until the keepers of a project's nests have ended, since
/// they change what the caller reads. Returns whether they have ended.
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

/// Locks that are or were held and may belong to a project's nests.
fn nest_locks(project: &str) -> Vec<String> {
    let files = fs::read_dir(run_folder()).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let locks = names.filter_map(|name| name.strip_suffix(".lock").map(str::to_owned));
    locks
        .filter(|lock| may_be_nest_lock_of(project, lock))
        .collect()
}
