//! A packed child that arrives at an engine, inside or outside a nest.

use dbmatrix_engine::{Engine, EngineError, FileMode, Operation, config};
use rand::distr::{Alphanumeric, SampleString};
use tokio::io::AsyncRead;

use super::address::UNMANAGED;
use super::outer::RUNTIME;
use super::removal::{Meant, remove};
use super::{NestError, key};

/// Lets the network at its destination assign the address.
const LEASED: &str = "[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n";
/// With a writable `/sys` it would wait for a udev that does not exist.
const WAITS_FOR_NONE: &str = "[Service]\nReadOnlyPaths=/sys\n";
/// The units that do so, which nests disable.
const NETWORK: [&str; 2] = ["systemd-networkd.service", "systemd-networkd.socket"];
const UNITS: &str = "/etc/systemd/system";

/// A container that is being unpacked. It counts as incomplete until it is set up.
#[derive(Debug)]
pub struct IncomingContainer {
    pub(super) engine: Engine,
    pub(super) container: String,
    /// Its transfer ID; `None` if no other transfers use this engine.
    transfer_id: Option<String>,
    /// The unpacking operation, while it runs.
    unpacking: Option<Operation>,
}

impl IncomingContainer {
    /// A transfer that creates a container of that name.
    pub(super) fn new(engine: Engine, container: String) -> Self {
        IncomingContainer {
            engine,
            container,
            transfer_id: None,
            unpacking: None,
        }
    }

    /// The same, for an engine that other transfers use too.
    ///
    /// # Errors
    /// [`NestError::There`]; as of the engine.
    pub async fn into_engine(engine: &Engine, container: &str) -> Result<Self, NestError> {
        if engine.instance(container).await?.is_some() {
            return Err(NestError::There {
                name: container.to_owned(),
            });
        }
        Ok(IncomingContainer {
            transfer_id: Some(Alphanumeric.sample_string(&mut rand::rng(), 16)),
            ..IncomingContainer::new(engine.clone(), container.to_owned())
        })
    }

    /// The transferred child must carry it; see [`super::Located::package`].
    pub fn transfer_id(&self) -> &str {
        self.transfer_id.as_deref().unwrap_or_default()
    }

    /// Sends a packed child, and waits until it is unpacked.
    ///
    /// # Errors
    /// As of the engine; if `packed` is truncated.
    pub async fn receive(
        &mut self,
        pool: Option<&str>,
        packed: impl AsyncRead + Send + Sync + 'static,
    ) -> Result<(), EngineError> {
        let (engine, name) = (&self.engine, &self.container);
        let unpacking = engine.begin_import(name, pool, packed).await?;
        let unpacking = self.unpacking.insert(unpacking);
        engine
            .wait_for_end("unpack the container", unpacking)
            .await?;
        self.unpacking = None;
        Ok(())
    }

    /// Turns it into an ordinary container: it requests its address, and loses the marks
    /// by which dbmatrix manages it. Its description stays readable.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn detach(&self) -> Result<(), NestError> {
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
            (key::USER, ""),
            (key::PASSWORD, ""),
            (key::DATABASE, ""),
            (key::CLIENT_CA, ""),
            (key::CLIENT_CERTIFICATE, ""),
            (key::CLIENT_KEY, ""),
            (key::TRANSFER_ID, ""),
            (key::ADDRESS, ""),
            (RUNTIME, ""),
        ]);
        Ok(engine.configure_instance(name, &forgotten).await?)
    }

    /// Removes what exists of it so far. A container with another transfer ID is left alone.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn abandon(&self) -> Result<(), NestError> {
        let (engine, name) = (&self.engine, &self.container);
        if let Some(unpacking) = &self.unpacking {
            // The result does not matter: an engine ignores requests to cancel this.
            let _ = engine.wait_for_end("unpack the container", unpacking).await;
        }
        if let Some(transfer_id) = &self.transfer_id {
            let found = engine.instance(name).await?;
            let is_it =
                found.is_some_and(|found| found.config.get(key::TRANSFER_ID) == Some(transfer_id));
            if !is_it {
                return Ok(());
            }
        }
        remove(engine, name, Meant::Incomplete).await
    }
}
