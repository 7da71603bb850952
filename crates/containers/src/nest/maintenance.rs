//! Operations of users on a flavour's child between runs. No other process may use the
//! nest, except to start the child.

use dbmatrix_engine::{Devices, EngineError, FileMode, ImageSource, Power, config};
use thiserror::Error;

use super::child::create_at;
use super::golden::{is_golden, shut_down};
use super::outer::config_stage_ready;
use super::removal::{Meant, remove};
use super::{ContainerState, Located, NestError, key};
use crate::name;

/// How to stop a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// It shuts down.
    ShutDown,
    /// It is killed, as in a crash.
    Killed,
}

/// Why an operation on a child failed.
#[derive(Debug, Error)]
pub enum MaintenanceError {
    /// Errors of the nest.
    #[error(transparent)]
    Nest(#[from] NestError),
    /// A request to the inner engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no golden child to copy.
    #[error("its golden child is gone; `dbmatrix run MATRIX` makes the flavour anew")]
    NoGolden,
    /// Its snapshots would be lost.
    #[error("its snapshots would go with it ({names}); `--drop-snapshots` says that they may")]
    HasSnapshots {
        /// Their names.
        names: String,
    },
    /// There is no such snapshot.
    #[error("it has no snapshot `{name}`; {there}")]
    NoSnapshot {
        /// The name.
        name: String,
        /// The existing ones.
        there: String,
    },
    /// There are no snapshots.
    #[error("it has no snapshot; `dbmatrix snapshot` takes one")]
    NoSnapshots,
    /// A snapshot of that name already exists.
    #[error("it has a snapshot `{name}`; choose another name, or remove it by `--delete {name}`")]
    SnapshotThere {
        /// The name.
        name: String,
    },
    /// It is stopped, and only a server with processes can be paused, resumed or cut off.
    #[error("it is stopped: there is nothing to {operation}; `dbmatrix start {flavour}` starts it")]
    Stopped {
        /// `pause`, `resume`, `disconnect` or `reconnect`.
        operation: &'static str,
        /// The flavour's name.
        flavour: String,
    },
}

impl MaintenanceError {
    /// Whether the operation was rejected and nothing is broken.
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            MaintenanceError::Nest(_) | MaintenanceError::Engine(_)
        )
    }
}

impl Located {
    pub(super) async fn power(&self, power: Power) -> Result<(), EngineError> {
        self.child.engine.power(&self.child.name, power).await
    }

    /// Stops its server and keeps its data. A paused one resumes before it shuts down; a
    /// stopped one stays.
    ///
    /// # Errors
    /// As of the engine; if it does not shut down within minutes.
    pub async fn stop(&self, ending: StopMode) -> Result<(), MaintenanceError> {
        self.mark_used().await?;
        match (self.state(), ending) {
            (ContainerState::Stopped, _) => Ok(()),
            (_, StopMode::Killed) => Ok(self.power(Power::Kill).await?),
            (ContainerState::Running, StopMode::ShutDown) => Ok(self.shut_down().await?),
            (ContainerState::Paused, StopMode::ShutDown) => {
                self.power(Power::Resume).await?;
                Ok(self.shut_down().await?)
            }
        }
    }

    pub(super) async fn shut_down(&self) -> Result<(), EngineError> {
        shut_down(&self.child.engine, &self.child.name).await
    }

    /// Pauses it; a paused one stays so.
    ///
    /// # Errors
    /// [`MaintenanceError::Stopped`]; as of the engine.
    pub async fn pause(&self) -> Result<(), MaintenanceError> {
        match self.look_again().await? {
            Some(ContainerState::Running) => Ok(self.power(Power::Pause).await?),
            Some(ContainerState::Paused) => Ok(()),
            Some(ContainerState::Stopped) | None => Err(self.stopped("pause")),
        }
    }

    /// Resumes it if it is paused; a running one continues.
    ///
    /// # Errors
    /// [`MaintenanceError::Stopped`]; as of the engine.
    pub async fn resume(&self) -> Result<(), MaintenanceError> {
        match self.state() {
            ContainerState::Running | ContainerState::Paused => Ok(self.start().await?),
            ContainerState::Stopped => Err(self.stopped("resume")),
        }
    }

    pub(super) fn stopped(&self, operation: &'static str) -> MaintenanceError {
        MaintenanceError::Stopped {
            operation,
            flavour: self.flavour.clone(),
        }
    }

    /// Stops its server, if it runs, and starts it.
    ///
    /// # Errors
    /// As of [`Located::stop`].
    pub async fn restart(&self) -> Result<(), MaintenanceError> {
        self.stop(StopMode::ShutDown).await?;
        Ok(self.power(Power::Start).await?)
    }

    /// Replaces it by a copy of its golden child, at the same address and with its own
    /// file at `access`. One that was stopped is not started.
    ///
    /// # Errors
    /// [`MaintenanceError::NoGolden`]; [`MaintenanceError::HasSnapshots`], unless they
    /// `may_go`.
    pub async fn reset(&self, may_go: bool, access: &str) -> Result<(), MaintenanceError> {
        let (engine, name) = (&self.child.engine, &self.child.name);
        let golden = self.golden().await?;
        let snapshots = engine.snapshots(name).await?;
        if !snapshots.is_empty() && !may_go {
            return Err(MaintenanceError::HasSnapshots {
                names: super::snapshot::listed(&snapshots),
            });
        }
        let kept = engine.read_text(name, access).await?;
        remove(engine, name, Meant::ChildOf(&self.flavour)).await?;
        let imported = self.instance.config.get(key::IMPORTED);
        let mut noted = self.child.credentials.noted();
        noted.extend(self.child.certificates.noted());
        noted.extend(config([
            (key::STAGE, "making"),
            (key::STANDBY, ""),
            (key::FRESH, ""),
            (key::GOLDEN, ""),
            (key::IMPORTED, imported.map_or("", String::as_str)),
            (key::FLAVOUR, &self.flavour),
        ]));
        let (at, source) = (self.child.address, ImageSource::Container(golden));
        create_at(&self.nest, name, at, source, noted, Devices::new()).await?;
        if let Some(text) = kept {
            engine.push(name, access, FileMode::Private, &text).await?;
        }
        let ready = config_stage_ready();
        engine.configure_instance(name, &ready).await?;
        if self.state() != ContainerState::Stopped {
            self.power(Power::Start).await?;
        }
        Ok(())
    }

    /// The name of its golden child.
    async fn golden(&self) -> Result<String, MaintenanceError> {
        let key = self.instance.config.get(key::KEY);
        let name = name::golden(key.map_or("", String::as_str));
        match self.child.engine.instance(&name).await? {
            Some(found) if is_golden(&found) => Ok(name),
            _ => Err(MaintenanceError::NoGolden),
        }
    }
}
