//! Saves the state of a flavour's child, to return to it later. Snapshots belong to their
//! container and are removed with it.

use std::time::Duration;

use dbmatrix_engine::{Exec, Power, Snapshot, config};

use super::outer::succeed;
use super::{ContainerState, Located, MaintenanceError, NestError, key};

/// Writes that were not waited for.
const SYNC: Duration = Duration::from_secs(300);

/// The consistency of a server's data in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotConsistency {
    /// As after a clean shutdown: the server stops for it.
    Clean,
    /// As after a crash: the server pauses for it.
    Crash,
}

impl Located {
    /// Takes a snapshot. A [`SnapshotConsistency::Clean`] one restarts a server that ran
    /// or was paused; otherwise the server keeps its state.
    ///
    /// # Errors
    /// [`MaintenanceError::SnapshotThere`]; as of the engine.
    pub async fn take_snapshot(
        &self,
        name: &str,
        consistency: SnapshotConsistency,
    ) -> Result<(), MaintenanceError> {
        if self.snapshots().await?.iter().any(|one| one.name == name) {
            return Err(MaintenanceError::SnapshotThere {
                name: name.to_owned(),
            });
        }
        self.with_quiesced(consistency, || self.take(name)).await
    }

    async fn take(&self, name: &str) -> Result<(), MaintenanceError> {
        Ok(self
            .child
            .engine
            .take_snapshot(&self.child.name, name)
            .await?)
    }

    /// Runs `work` while nothing changes the data on disk. A server that ran or was
    /// paused is restarted afterwards if it was shut down; otherwise it keeps its state.
    pub(super) async fn with_quiesced<F>(
        &self,
        consistency: SnapshotConsistency,
        work: impl FnOnce() -> F,
    ) -> Result<(), MaintenanceError>
    where
        F: Future<Output = Result<(), MaintenanceError>>,
    {
        self.mark_used().await?;
        match (self.state(), consistency) {
            (ContainerState::Stopped, _) | (ContainerState::Paused, SnapshotConsistency::Crash) => {
                work().await
            }
            (ContainerState::Running, SnapshotConsistency::Crash) => self.with_paused(work).await,
            (ContainerState::Running, SnapshotConsistency::Clean) => self.while_stopped(work).await,
            (ContainerState::Paused, SnapshotConsistency::Clean) => {
                self.power(Power::Resume).await?;
                self.while_stopped(work).await
            }
        }
    }

    /// The server always resumes afterwards.
    async fn with_paused<F>(&self, work: impl FnOnce() -> F) -> Result<(), MaintenanceError>
    where
        F: Future<Output = Result<(), MaintenanceError>>,
    {
        let (engine, container) = (&self.child.engine, &self.child.name);
        let sync = Exec::new("sync", ["--file-system", "/"]).limit(SYNC);
        succeed(engine, container, "write all to disk", &sync).await?;
        self.power(Power::Pause).await?;
        let done = work().await;
        self.power(Power::Resume).await?;
        done
    }

    /// The server always starts again afterwards.
    async fn while_stopped<F>(&self, work: impl FnOnce() -> F) -> Result<(), MaintenanceError>
    where
        F: Future<Output = Result<(), MaintenanceError>>,
    {
        self.shut_down().await?;
        let done = work().await;
        self.power(Power::Start).await?;
        done
    }

    /// Restores a snapshot, by default the latest; returns its name. Later changes are
    /// lost. A stopped server is not started.
    ///
    /// # Errors
    /// [`MaintenanceError::NoSnapshot`], [`MaintenanceError::NoSnapshots`]; as of the
    /// engine.
    pub async fn restore(&self, name: Option<&str>) -> Result<Snapshot, MaintenanceError> {
        let snapshot = self.snapshot(name).await?;
        if self.state() != ContainerState::Stopped {
            self.power(Power::Kill).await?;
        }
        let (engine, container) = (&self.child.engine, &self.child.name);
        engine.restore_snapshot(container, &snapshot.name).await?;
        // The snapshot also restored the container's settings.
        let used = config([(key::FRESH, "")]);
        engine.configure_instance(container, &used).await?;
        if self.state() != ContainerState::Stopped {
            self.power(Power::Start).await?;
        }
        Ok(snapshot)
    }

    /// Removes a snapshot.
    ///
    /// # Errors
    /// [`MaintenanceError::NoSnapshot`]; as of the engine.
    pub async fn delete_snapshot(&self, name: &str) -> Result<(), MaintenanceError> {
        let snapshot = self.snapshot(Some(name)).await?;
        let (engine, container) = (&self.child.engine, &self.child.name);
        Ok(engine.delete_snapshot(container, &snapshot.name).await?)
    }

    /// All of its snapshots, oldest first.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, NestError> {
        Ok(self.child.engine.snapshots(&self.child.name).await?)
    }

    async fn snapshot(&self, name: Option<&str>) -> Result<Snapshot, MaintenanceError> {
        let mut all = self.snapshots().await?;
        let Some(latest) = all.pop() else {
            return Err(MaintenanceError::NoSnapshots);
        };
        let Some(name) = name.filter(|name| latest.name != **name) else {
            return Ok(latest);
        };
        match all.iter().find(|one| one.name == name) {
            Some(found) => Ok(found.clone()),
            None => {
                all.push(latest);
                Err(MaintenanceError::NoSnapshot {
                    name: name.to_owned(),
                    there: format!("there is {}", listed(&all)),
                })
            }
        }
    }
}

/// Their names, human-readable.
pub(super) fn listed(snapshots: &[Snapshot]) -> String {
    let names: Vec<String> = snapshots
        .iter()
        .map(|snapshot| format!("`{}`", snapshot.name))
        .collect();
    names.join(", ")
}
