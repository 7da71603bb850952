//! Exports a flavour's child as one file, for another nest or another engine.
//!
//! The file contains a copy: the server is quiesced while the copy is made, but not while
//! it is packed and read. The copy has no address and counts as incomplete, both here and
//! at its destination.

use dbmatrix_engine::{
    Content, Devices, Engine, EngineError, ImageSource, Instance, NewInstance, Operation, config,
};

use super::outer::{RUNTIME, is_ready};
use super::{Located, MaintenanceError, NestError, SnapshotConsistency, key};
use crate::name;

/// The file's name in the engine; each copy has only one.
const BACKUP: &str = "export";

/// A child that is being exported. [`ExportSession::remove`] removes all of it from the
/// nest.
#[derive(Debug)]
pub struct ExportSession {
    engine: Engine,
    container: String,
    mark: String,
    /// The packing operation, while it runs.
    packing: Option<Operation>,
}

impl Located {
    /// Copies the child for packing. A [`SnapshotConsistency::Clean`] copy restarts a
    /// server that ran or was paused; otherwise the server keeps its state. The copy
    /// carries `mark` wherever it goes.
    ///
    /// # Errors
    /// As of the engine; nothing is left behind then.
    pub async fn package(
        &self,
        consistency: SnapshotConsistency,
        mark: &str,
    ) -> Result<ExportSession, MaintenanceError> {
        let package = ExportSession {
            engine: self.child.engine.clone(),
            container: name::copy(&self.child.name, name::Copy::Packed),
            mark: mark.to_owned(),
            packing: None,
        };
        let copied = self
            .with_quiesced(consistency, || package.copy(&self.child.name))
            .await;
        match copied {
            Ok(()) => Ok(package),
            Err(error) => {
                if let Err(left) = package.remove().await {
                    tracing::debug!(%left, "the next run removes it");
                }
                Err(error)
            }
        }
    }
}

impl ExportSession {
    async fn copy(&self, of: &str) -> Result<(), MaintenanceError> {
        let (engine, name) = (&self.engine, &self.container);
        self.clear().await?;
        let mut noted = config([(key::STAGE, "making"), (key::TRANSFER_ID, &self.mark)]);
        let nobodys = [
            key::ADDRESS,
            key::STANDBY,
            key::FRESH,
            key::IMPORTED,
            RUNTIME,
        ];
        noted.extend(nobodys.map(|key| (key.to_owned(), String::new())));
        let none = config([("type", "none")]);
        let new = NewInstance {
            name: name.clone(),
            image: ImageSource::Container(of.to_owned()),
            config: noted,
            devices: Devices::from([("eth0".to_owned(), none)]),
        };
        engine.create_instance(&new).await?;
        Ok(engine.set_device(name, "eth0", None).await?)
    }

    /// Packs the copy and opens the result.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn open(&mut self) -> Result<Content, EngineError> {
        let (engine, name) = (&self.engine, &self.container);
        let packing = engine.begin_backup(name, BACKUP).await?;
        let packing = self.packing.insert(packing);
        engine.wait_for_end("pack the container", packing).await?;
        self.packing = None;
        engine.open_backup(name, BACKUP).await
    }

    /// Removes the copy together with the packed file.
    ///
    /// # Errors
    /// As of the engine; the nest's next run removes what is left.
    pub async fn remove(self) -> Result<(), NestError> {
        if let Some(packing) = &self.packing {
            // The result does not matter: an engine ignores requests to cancel this.
            let _ = self
                .engine
                .wait_for_end("pack the container", packing)
                .await;
        }
        self.clear().await
    }

    /// Removes the copy, or that of an aborted export; it may be absent.
    async fn clear(&self) -> Result<(), NestError> {
        let (engine, name) = (&self.engine, &self.container);
        match engine.instance(name).await? {
            Some(found) if !is_copy(&found) => Err(NestError::There { name: name.clone() }),
            Some(_) => Ok(engine.destroy_instance(name).await?),
            None => Ok(()),
        }
    }
}

/// Whether a container is such a copy: incomplete, and made by dbmatrix. A flavour of
/// that name is neither.
fn is_copy(found: &Instance) -> bool {
    found.config.contains_key(key::OWNER) && !is_ready(found)
}
