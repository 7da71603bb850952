//! A flavour's child as it was at one moment, to come back to. Snapshots belong
//! to their container and go with it.

use std::time::Duration;

use super::outer::succeed;
use super::{ContainerState, Located, NestError, UpkeepError, key};
use crate::engine::{Exec, Power, Snapshot, config};

/// Writes that were not waited for.
const SYNC: Duration = Duration::from_secs(300);

/// How what a server has on its disk is when a snapshot is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotConsistency {
    /// As after a clean shutdown: the server ends for it.
    Clean,
    /// As after a crash: the server is held for it.
    Crash,
}

impl Located {
    /// Takes a snapshot. A server that ran or was held runs after one that is
    /// [`SnapshotConsistency::Clean`], started anew; else it is as it was.
    ///
    /// # Errors
    /// [`UpkeepError::SnapshotThere`]; as of the engine.
    pub async fn take_snapshot(
        &self,
        name: &str,
        consistency: SnapshotConsistency,
    ) -> Result<(), UpkeepError> {
        if self.snapshots().await?.iter().any(|one| one.name == name) {
            return Err(UpkeepError::SnapshotThere {
                name: name.to_owned(),
            });
        }
        self.with_quiesced(consistency, || self.take(name)).await
    }

    async fn take(&self, name: &str) -> Result<(), UpkeepError> {
        Ok(self
            .child
            .engine
            .take_snapshot(&self.child.name, name)
            .await?)
    }

    /// Does something while nothing changes what is on its disk. A server that
    /// ran or was held runs afterwards where it was shut down, started anew; else
    /// it is as it was.
    pub(super) async fn with_quiesced<F>(
        &self,
        consistency: SnapshotConsistency,
        work: impl FnOnce() -> F,
    ) -> Result<(), UpkeepError>
    where
        F: Future<Output = Result<(), UpkeepError>>,
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

    /// Whatever comes of it, the server goes on.
    async fn with_paused<F>(&self, work: impl FnOnce() -> F) -> Result<(), UpkeepError>
    where
        F: Future<Output = Result<(), UpkeepError>>,
    {
        let (engine, container) = (&self.child.engine, &self.child.name);
        let sync = Exec::new("sync", ["--file-system", "/"]).limit(SYNC);
        succeed(engine, container, "write all to disk", &sync).await?;
        self.power(Power::Pause).await?;
        let done = work().await;
        self.power(Power::Resume).await?;
        done
    }

    /// Whatever comes of it, the server is started again.
    async fn while_stopped<F>(&self, work: impl FnOnce() -> F) -> Result<(), UpkeepError>
    where
        F: Future<Output = Result<(), UpkeepError>>,
    {
        self.shut_down().await?;
        let done = work().await;
        self.power(Power::Start).await?;
        done
    }

    /// Brings it back to a snapshot, or to the latest one; returns which. What
    /// was done since is lost. One that was stopped is not started.
    ///
    /// # Errors
    /// [`UpkeepError::NoSnapshot`], [`UpkeepError::NoSnapshots`]; as of the
    /// engine.
    pub async fn restore(&self, name: Option<&str>) -> Result<Snapshot, UpkeepError> {
        let snapshot = self.snapshot(name).await?;
        if self.state() != ContainerState::Stopped {
            self.power(Power::Kill).await?;
        }
        let (engine, container) = (&self.child.engine, &self.child.name);
        engine.restore_snapshot(container, &snapshot.name).await?;
        // Its settings are those of that moment too.
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
    /// [`UpkeepError::NoSnapshot`]; as of the engine.
    pub async fn delete_snapshot(&self, name: &str) -> Result<(), UpkeepError> {
        let snapshot = self.snapshot(Some(name)).await?;
        let (engine, container) = (&self.child.engine, &self.child.name);
        Ok(engine.delete_snapshot(container, &snapshot.name).await?)
    }

    /// All of its snapshots, the earliest first.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, NestError> {
        Ok(self.child.engine.snapshots(&self.child.name).await?)
    }

    async fn snapshot(&self, name: Option<&str>) -> Result<Snapshot, UpkeepError> {
        let mut all = self.snapshots().await?;
        let Some(latest) = all.pop() else {
            return Err(UpkeepError::NoSnapshots);
        };
        let Some(name) = name.filter(|name| latest.name != **name) else {
            return Ok(latest);
        };
        match all.iter().find(|one| one.name == name) {
            Some(found) => Ok(found.clone()),
            None => {
                all.push(latest);
                Err(UpkeepError::NoSnapshot {
                    name: name.to_owned(),
                    there: format!("there is {}", listed(&all)),
                })
            }
        }
    }
}

/// Their names, for people.
pub(super) fn listed(snapshots: &[Snapshot]) -> String {
    let names: Vec<String> = snapshots
        .iter()
        .map(|snapshot| format!("`{}`", snapshot.name))
        .collect();
    names.join(", ")
}
