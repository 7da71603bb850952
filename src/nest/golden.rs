//! Golden children: a server installed, set up and shut down cleanly, of which
//! every run gets a copy of its own.
//!
//! A golden child is named by the key of all that went in, so that flavours
//! that are the same share one. It never runs again once it is whole. On a
//! copy-on-write pool a copy takes a moment and next to no room.

use std::time::Duration;

use super::child::{Child, ChildAccess, ChildSpec, Children, fits};
use super::credential::Credentials;
use super::outer::{is_ready, succeed};
use super::removal::{Meant, remove};
use super::{NestError, apt, key, schema};
use crate::engine::{
    Config, Devices, Engine, EngineError, Exec, FileMode, ImageSource, Instance, Power, config,
};
use crate::name;
use crate::session::TlsPolicy;

/// Writes that were not waited for while the server was installed.
const SYNC: Duration = Duration::from_secs(300);

/// How often a child is asked to shut down.
const ASKED: usize = 5;

/// A whole golden child.
#[derive(Debug, Clone)]
pub struct Golden {
    name: String,
    /// What its server said of itself.
    pub version: String,
    /// The packages that make it, one a line.
    pub packages: String,
    /// How connections to it are protected.
    pub tls: TlsPolicy,
}

/// When a copy is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// By this run.
    Now,
    /// By the next one, if nobody else is faster.
    Later,
}

/// Whether a server may take its time to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopPatience {
    /// It shuts down.
    Some,
    /// Somebody waits for the end: it is ended.
    None,
}

/// Held by whoever makes the golden child of a key.
pub type Making = tokio::sync::OwnedMutexGuard<()>;

impl Children {
    /// Waits until nobody else makes the golden child of this key.
    pub async fn making(&self, spec: &ChildSpec) -> Making {
        self.making.of(&spec.key).lock_owned().await
    }

    /// The golden child, if an earlier run has made it.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn golden(&self, spec: &ChildSpec) -> Result<Option<Golden>, NestError> {
        let found = self.nest.engine.instance(&name::golden(&spec.key)).await?;
        let found = found.filter(|found| fits(found, spec));
        Ok(found.map(|found| self.read_golden(found)))
    }

    /// Whether an earlier dbmatrix has left a golden child of such a server under a
    /// key that is not made any more.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn has_former_golden(&self, spec: &ChildSpec) -> Result<bool, NestError> {
        let children = self.nest.engine.instances().await?;
        let is_former = |child: &Instance| {
            is_golden(child)
                && schema::is_first(child)
                && child.config.get(key::SERVER) == Some(&spec.server)
        };
        Ok(children.iter().any(is_former))
    }

    /// Begins a golden child: a container fresh from its image, which runs. One
    /// of the same key that is incomplete, or has other packages, goes.
    ///
    /// # Errors
    /// As of the engine and of the image.
    pub async fn begin_golden(&self, spec: &ChildSpec) -> Result<Child, NestError> {
        let name = name::golden(&spec.key);
        remove(&self.nest.engine, &name, Meant::Golden(&spec.key)).await?;
        self.make(&name, spec).await
    }

    /// Begins a golden child as a copy of another one, which runs. One of the same key
    /// that is incomplete goes.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn begin_golden_from(
        &self,
        parent: &Golden,
        spec: &ChildSpec,
    ) -> Result<Child, NestError> {
        let name = name::golden(&spec.key);
        remove(&self.nest.engine, &name, Meant::Golden(&spec.key)).await?;
        let noted = config([
            (key::STAGE, "making"),
            (key::GOLDEN, ""),
            (key::KEY, &spec.key),
            (key::SERVER, &spec.server),
        ]);
        let child = self
            .copy(parent, &name, noted, spec.access.as_ref())
            .await?;
        self.start(&child).await?;
        Ok(child)
    }

    /// Removes the golden child of this key unless it is whole.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn abandon_golden(&self, spec: &ChildSpec) -> Result<(), NestError> {
        self.remove_incomplete(&name::golden(&spec.key)).await
    }

    /// Shuts a child down and keeps it as golden, with what its server said of
    /// itself, the packages that make it and how connections to it are protected.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn keep_golden(
        &self,
        child: Child,
        version: &str,
        packages: &str,
        tls: TlsPolicy,
    ) -> Result<Golden, NestError> {
        let engine = &self.nest.engine;
        shut_down(engine, &child.name).await?;
        apt::detach(engine, &child.name).await?;
        let credentials = Credentials {
            password: child.credentials.password,
            tls,
        };
        let mut noted = credentials.noted();
        noted.extend(config([
            (key::STAGE, "ready"),
            (key::GOLDEN, "true"),
            (key::VERSION, version),
            (key::PACKAGES, packages),
        ]));
        engine.configure_instance(&child.name, &noted).await?;
        Ok(Golden {
            name: child.name,
            version: version.to_owned(),
            packages: packages.to_owned(),
            tls: credentials.tls,
        })
    }

    /// A child of the flavour that is as its golden child is, held since the
    /// end of an earlier run: it goes on at once.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn claim_standby(&self, spec: &ChildSpec) -> Result<Option<Child>, NestError> {
        let is_fresh = |found: &Instance| {
            fits(found, spec) && found.is_paused() && found.is_marked(key::FRESH)
        };
        self.take(spec, is_fresh).await
    }

    /// A child of the flavour as somebody has left it, started where it does
    /// not run.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn claim_existing(&self, spec: &ChildSpec) -> Result<Option<Child>, NestError> {
        self.take(spec, |found| fits(found, spec)).await
    }

    /// Takes over a flavour's child that an earlier dbmatrix has left under a key that
    /// is not made any more: whoever wants it as it was left may have data in it.
    /// Whether there is one.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn take_over(&self, spec: &ChildSpec) -> Result<bool, NestError> {
        let engine = &self.nest.engine;
        let found = engine.instance(&self.current(&spec.name)).await?;
        let is_former = |found: &Instance| {
            let same = ChildSpec {
                key: found.config.get(key::KEY).cloned().unwrap_or_default(),
                ..spec.clone()
            };
            schema::is_first(found)
                && found.config.get(key::SERVER) == Some(&spec.server)
                && Meant::FlavoursOwn.is(found)
                && fits(found, &same)
        };
        let Some(found) = found.filter(is_former) else {
            return Ok(false);
        };
        let mut noted = schema::noted();
        noted.extend(config([(key::KEY, spec.key.as_str())]));
        engine.configure_instance(&found.name, &noted).await?;
        Ok(true)
    }

    async fn take(
        &self,
        spec: &ChildSpec,
        is_right: impl Fn(&Instance) -> bool,
    ) -> Result<Option<Child>, NestError> {
        let engine = &self.nest.engine;
        let found = engine.instance(&self.current(&spec.name)).await?;
        let Some(found) = found.filter(is_right) else {
            return Ok(None);
        };
        mark_used(engine, &found).await?;
        engine.ensure_running(&found).await?;
        self.read(&found).map(Some)
    }

    /// A flavour's child as a new copy of its golden child, started. It counts as
    /// incomplete until somebody has logged in, and as fresh, where it is to be
    /// held, until somebody uses it. The one before it stays until the end of the
    /// run.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn renew(
        &self,
        golden: &Golden,
        spec: &ChildSpec,
        use_of: Purpose,
    ) -> Result<Child, NestError> {
        let child = self.turn(golden, spec, use_of).await?;
        self.start(&child).await?;
        Ok(child)
    }

    /// Starts a copy; its server starts with it.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn start(&self, child: &Child) -> Result<(), NestError> {
        Ok(self.nest.engine.power(&child.name, Power::Start).await?)
    }

    /// A copy of the golden child that the child `of` came from. It is not
    /// started, and counts as incomplete as long as it is there.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn throwaway(
        &self,
        of: &str,
        name: &str,
        access: &ChildAccess,
    ) -> Result<Child, NestError> {
        let found = self.nest.engine.instance(of).await?;
        let found = found.map(|found| found.config).unwrap_or_default();
        let key = found.get(key::KEY).cloned();
        let title = format!("copy of {of}");
        let noted = config([
            (key::STAGE, "making"),
            (key::GOLDEN, ""),
            (key::SERVER, &title),
        ]);
        let golden = Golden {
            name: name::golden(&key.unwrap_or_default()),
            version: String::new(),
            packages: String::new(),
            tls: Credentials::of_config(&self.nest, &found).tls,
        };
        self.copy(&golden, name, noted, Some(access)).await
    }

    /// Holds a child that was copied for later, unless somebody has come to use
    /// it meanwhile.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn hold(&self, child: &Child) -> Result<(), NestError> {
        let engine = &self.nest.engine;
        match engine.instance(&child.name).await? {
            Some(found) if found.is_marked(key::FRESH) => {
                Ok(engine.power(&child.name, Power::Pause).await?)
            }
            _ => Ok(()),
        }
    }

    async fn is_up(&self, name: &str) -> Result<bool, NestError> {
        let found = self.nest.engine.instance(name).await?;
        Ok(found.is_some_and(|found| found.is_running() || found.is_paused()))
    }

    /// Shuts a child down; it stays as it was left. One that does not end in
    /// time is ended. Absent is fine.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn stop(&self, name: &str, patience: StopPatience) -> Result<(), NestError> {
        let engine = &self.nest.engine;
        let Some(found) = engine.instance(name).await? else {
            return Ok(());
        };
        let is_asked = patience == StopPatience::Some && found.is_running();
        if is_asked && engine.power(name, Power::Stop).await.is_ok() {
            return Ok(());
        }
        if self.is_up(name).await? {
            engine.power(name, Power::Kill).await?;
        }
        Ok(())
    }

    /// Removes a flavour's child, or a copy of one; absent is fine.
    ///
    /// # Errors
    /// [`NestError::NotMeant`]; as of the engine.
    pub async fn remove(&self, name: &str) -> Result<(), NestError> {
        remove(&self.nest.engine, name, Meant::FlavoursOwn).await
    }

    /// A copy under a name; a child of the flavour that has it goes.
    pub(super) async fn copy(
        &self,
        of: &Golden,
        name: &str,
        mut noted: Config,
        access: Option<&ChildAccess>,
    ) -> Result<Child, NestError> {
        let engine = &self.nest.engine;
        self.remove(name).await?;
        let golden = ImageSource::Container(of.name.clone());
        if let Some(access) = access {
            let credentials = Credentials {
                password: access.password.clone(),
                tls: of.tls.clone(),
            };
            noted.extend(credentials.noted());
        }
        let mut child = self.create(name, golden, noted, Devices::new()).await?;
        child.packages = of.packages.clone();
        if let Some(ChildAccess { file, .. }) = access {
            // The file is there, and keeps its owner and who may read it.
            let content = file.content.reveal();
            engine
                .push(name, file.path, FileMode::Private, content)
                .await?;
        }
        Ok(child)
    }

    fn read_golden(&self, found: Instance) -> Golden {
        let text = |key: &str| found.config.get(key).cloned().unwrap_or_default();
        Golden {
            version: text(key::VERSION),
            packages: text(key::PACKAGES),
            tls: Credentials::read(&self.nest, &found).tls,
            name: found.name,
        }
    }
}

/// Brings what was written to a child's disk there.
///
/// # Errors
/// Where the child has no room left.
pub async fn sync(child: &Child) -> Result<(), NestError> {
    let sync = Exec::new("sync", ["--file-system", "/"]).limit(SYNC);
    succeed(&child.engine, &child.name, "write all to disk", &sync).await
}

/// A server with much to write may take its time. One that has ended since it
/// was asked is not asked again: that is an error to an engine.
pub(super) async fn shut_down(engine: &Engine, name: &str) -> Result<(), EngineError> {
    for _ in 1..ASKED {
        if engine.power(name, Power::Stop).await.is_ok() {
            return Ok(());
        }
        let found = engine.instance(name).await?;
        if found.is_some_and(|found| found.is_stopped()) {
            return Ok(());
        }
    }
    engine.power(name, Power::Stop).await
}

/// Notes that somebody uses a child; before it goes on, since an engine does one
/// thing at a time with a container.
pub(super) async fn mark_used(engine: &Engine, child: &Instance) -> Result<(), NestError> {
    if child.is_marked(key::FRESH) {
        let used = config([(key::FRESH, "")]);
        engine.configure_instance(&child.name, &used).await?;
    }
    Ok(())
}

/// Whether a container is a whole golden child.
pub(super) fn is_golden(instance: &Instance) -> bool {
    is_ready(instance) && instance.is_marked(key::GOLDEN)
}
