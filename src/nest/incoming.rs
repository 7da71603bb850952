//! A packed child that arrives at an engine, of a nest or elsewhere.

use rand::distr::{Alphanumeric, SampleString};
use tokio::io::AsyncRead;

use super::address::UNMANAGED;
use super::outer::RUNTIME;
use super::removal::{Meant, remove};
use super::{NestError, key};
use crate::engine::{Engine, EngineError, FileMode, Operation, config};

/// Lets the network of wherever it is give the address.
const LEASED: &str = "[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n";
/// Where `/sys` can be written, it would wait for a udev that is not there.
const WAITS_FOR_NONE: &str = "[Service]\nReadOnlyPaths=/sys\n";
/// What sees to that, kept from starting in nests.
const NETWORK: [&str; 2] = ["systemd-networkd.service", "systemd-networkd.socket"];
const UNITS: &str = "/etc/systemd/system";

/// A container that is being unpacked. Until it has its place it counts as half
/// made.
#[derive(Debug)]
pub struct IncomingContainer {
    pub(super) engine: Engine,
    pub(super) container: String,
    /// What it bears; where it is not told, nobody else comes to this engine.
    mark: Option<String>,
    /// Unpacking, as long as it goes on.
    unpacking: Option<Operation>,
}

impl IncomingContainer {
    /// One that is to come under that name.
    pub(super) fn new(engine: Engine, container: String) -> Self {
        IncomingContainer {
            engine,
            container,
            mark: None,
            unpacking: None,
        }
    }

    /// One that is to come under that name to an engine to which others come too.
    ///
    /// # Errors
    /// [`NestError::There`]; as of the engine.
    pub async fn at(engine: &Engine, container: &str) -> Result<Self, NestError> {
        if engine.instance(container).await?.is_some() {
            return Err(NestError::There {
                name: container.to_owned(),
            });
        }
        Ok(IncomingContainer {
            mark: Some(Alphanumeric.sample_string(&mut rand::rng(), 16)),
            ..IncomingContainer::new(engine.clone(), container.to_owned())
        })
    }

    /// What is sent must bear it; see [`super::Located::package`].
    pub fn mark(&self) -> &str {
        self.mark.as_deref().unwrap_or_default()
    }

    /// Sends what another engine has packed, and waits until it is unpacked.
    ///
    /// # Errors
    /// As of the engine; where `packed` breaks off.
    pub async fn receive(
        &mut self,
        pool: Option<&str>,
        packed: impl AsyncRead + Send + Sync + 'static,
    ) -> Result<(), EngineError> {
        let (engine, name) = (&self.engine, &self.container);
        let unpacking = engine.begin_import(name, pool, packed).await?;
        let unpacking = self.unpacking.insert(unpacking);
        engine.ended("unpack the container", unpacking).await?;
        self.unpacking = None;
        Ok(())
    }

    /// Makes it a container like others: it asks for its address, and nothing says
    /// that dbmatrix looks after it. What it is can still be read.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn settle_alone(&self) -> Result<(), NestError> {
        let (engine, name) = (&self.engine, &self.container);
        let file = FileMode::Public;
        engine.push(name, UNMANAGED, file, LEASED).await?;
        for unit in NETWORK {
            engine.remove_file(name, &format!("{UNITS}/{unit}")).await?;
        }
        let folder = format!("{UNITS}/{}.d", NETWORK[0]);
        engine.push_folder(name, &folder).await?;
        let settings = format!("{folder}/network.conf");
        engine.push(name, &settings, file, WAITS_FOR_NONE).await?;
        let link = format!("{UNITS}/multi-user.target.wants/{}", NETWORK[0]);
        let unit = format!("/lib/systemd/system/{}", NETWORK[0]);
        engine.push_link(name, &link, &unit).await?;
        let forgotten = config([
            (key::OWNER, ""),
            (key::STAGE, ""),
            (key::KEY, ""),
            (key::CLIENT, ""),
            (key::PASSWORD, ""),
            (key::TRANSFER_ID, ""),
            (key::ADDRESS, ""),
            (RUNTIME, ""),
        ]);
        Ok(engine.configure_instance(name, &forgotten).await?)
    }

    /// Removes what has come of it so far. What bears another mark is somebody
    /// else's.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn abandon(&self) -> Result<(), NestError> {
        let (engine, name) = (&self.engine, &self.container);
        if let Some(unpacking) = &self.unpacking {
            // However it ends: an engine does not leave it off when it is asked to.
            let _ = engine.ended("unpack the container", unpacking).await;
        }
        if let Some(mark) = &self.mark {
            let found = engine.instance(name).await?;
            let is_it = found.is_some_and(|found| found.config.get(key::TRANSFER_ID) == Some(mark));
            if !is_it {
                return Ok(());
            }
        }
        remove(engine, name, Meant::Incomplete).await
    }
}
