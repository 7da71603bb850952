//! Cuts a child off from the network of its nest, and joins it again.
//!
//! The engine's end of its interface is set down: the child keeps its address and its
//! route, and connections neither end nor go on, as with a cable that is pulled out. A
//! restart of the child makes a new interface, which is up.

use dbmatrix_engine::{Engine, Exec, Instance, InstanceState, config};

use super::maintenance::MaintenanceError;
use super::outer::succeed;
use super::{Children, ContainerState, Located, NestError, key};

/// The child's interface.
const INTERFACE: &str = "eth0";

/// A state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    Down,
}

/// Sets an interface beside the nest's engine.
const SET: &str = r#"ip link set dev "$LINK" "$STATE""#;

/// A container, its engine, and where that runs.
struct End<'a> {
    host: &'a Engine,
    nest: &'a str,
    engine: &'a Engine,
    container: &'a str,
}

impl End<'_> {
    async fn set(&self, link: &str, state: Link) -> Result<(), NestError> {
        let (word, step) = match state {
            Link::Up => ("up", "connect a child to the network again"),
            Link::Down => ("down", "cut a child off from the network"),
        };
        let set = Exec::script(SET).env("LINK", link).env("STATE", word);
        succeed(self.host, self.nest, step, &set).await
    }

    /// Cuts it off; false if it does not run. It is noted first, so that nothing that was
    /// killed in between leaves one cut off without a note.
    async fn cut(&self) -> Result<bool, NestError> {
        let state = self.engine.instance_state(self.container).await?;
        let Some(link) = state.as_ref().and_then(interface) else {
            return Ok(false);
        };
        let noted = config([(key::CUT, link)]);
        self.engine
            .configure_instance(self.container, &noted)
            .await?;
        self.set(link, Link::Down).await?;
        Ok(true)
    }

    /// Joins it, if `found` is cut off; returns whether it was.
    async fn join(&self, found: &Instance) -> Result<bool, NestError> {
        let Some(cut) = noted(found) else {
            return Ok(false);
        };
        let state = self.engine.instance_state(self.container).await?;
        let is_there = state.as_ref().and_then(interface) == Some(cut);
        if is_there {
            self.set(cut, Link::Up).await?;
        }
        let noted = config([(key::CUT, "")]);
        self.engine
            .configure_instance(self.container, &noted)
            .await?;
        Ok(is_there)
    }
}

/// The engine's end of a child's interface.
fn interface(state: &InstanceState) -> Option<&str> {
    state.host_interface(INTERFACE)
}

/// The interface by which a child was cut off.
fn noted(found: &Instance) -> Option<&str> {
    let noted = found.config.get(key::CUT)?;
    Some(noted.as_str()).filter(|name| !name.is_empty())
}

impl Children {
    fn end<'a>(&'a self, container: &'a str) -> End<'a> {
        End {
            host: &self.nest.host,
            nest: &self.nest.name,
            engine: &self.nest.engine,
            container,
        }
    }

    /// Cuts a child off from the network; one that does not run is cut off anyway.
    ///
    /// # Errors
    /// As of the engines.
    pub async fn disconnect(&self, container: &str) -> Result<(), NestError> {
        self.end(container).cut().await.map(drop)
    }

    /// Joins a child that is cut off. It may be absent.
    ///
    /// # Errors
    /// As of the engines.
    pub async fn reconnect(&self, container: &str) -> Result<(), NestError> {
        match self.nest.engine.instance(container).await? {
            Some(found) => self.rejoin(&found).await,
            None => Ok(()),
        }
    }

    pub(super) async fn rejoin(&self, found: &Instance) -> Result<(), NestError> {
        self.end(&found.name).join(found).await.map(drop)
    }
}

impl Located {
    fn end(&self) -> End<'_> {
        End {
            host: &self.nest.host,
            nest: &self.nest.name,
            engine: &self.child.engine,
            container: &self.child.name,
        }
    }

    /// Whether it is cut off, by its current state.
    pub(super) fn is_cut(&self, state: &InstanceState) -> bool {
        let noted = noted(&self.instance);
        noted.is_some() && noted == interface(state)
    }

    /// Whether it is cut off from the network of its nest.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn is_disconnected(&self) -> Result<bool, NestError> {
        if noted(&self.instance).is_none() {
            return Ok(false);
        }
        let state = self.child.engine.instance_state(&self.child.name).await?;
        Ok(state.is_some_and(|state| self.is_cut(&state)))
    }

    /// Cuts it off from the network of its nest; returns whether it was not before.
    ///
    /// # Errors
    /// [`MaintenanceError::Stopped`]; as of the engines.
    pub async fn disconnect(&self) -> Result<bool, MaintenanceError> {
        if self.is_disconnected().await? {
            return Ok(false);
        }
        if self.state() == ContainerState::Stopped || !self.end().cut().await? {
            return Err(self.stopped("disconnect"));
        }
        self.mark_used().await?;
        Ok(true)
    }

    /// Joins it again; returns whether it was cut off.
    ///
    /// # Errors
    /// [`MaintenanceError::Stopped`]; as of the engines.
    pub async fn reconnect(&self) -> Result<bool, MaintenanceError> {
        if self.state() == ContainerState::Stopped {
            return Err(self.stopped("reconnect"));
        }
        Ok(self.end().join(&self.instance).await?)
    }
}
