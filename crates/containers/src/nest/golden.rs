//! Golden children: servers that were installed, configured and shut down cleanly, and
//! that every run copies.
//!
//! The key of all its inputs names a golden child, so that identical flavours share one.
//! It never runs again once it is complete. On a copy-on-write pool a copy takes a moment
//! and almost no space.

use std::collections::BTreeSet;
use std::time::Duration;

use dbmatrix_engine::{
    Config, Devices, Engine, EngineError, Exec, FileMode, ImageSource, Instance, Power, config,
};
use dbmatrix_sql::session::TlsPolicy;

use super::child::{Child, ChildAccess, ChildSpec, Children, fits};
use super::credential::Credentials;
use super::outer::{is_ready, succeed};
use super::removal::{Meant, remove};
use super::{Nest, NestError, apt, key, schema};
use crate::name;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// Writes that were not waited for while the server was installed.
const SYNC: Duration = Duration::from_secs(300);

/// How often a child is asked to shut down.
const ASKED: usize = 5;

/// A complete golden child.
#[derive(Debug, Clone)]
pub struct Golden {
    pub(super) name: String,
    /// The version that its server reported.
    pub version: String,
    /// The packages that make it up, one a line.
    pub packages: String,
    /// How connections to it are protected.
    pub tls: TlsPolicy,
}

/// When a copy is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// By this run.
    Now,
    /// By the next run, unless another one is faster.
    Later,
}

/// Whether a server gets time to shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopPatience {
    /// It shuts down.
    Some,
    /// The caller waits, so it is killed.
    None,
}

/// Held while the golden child of a key is made.
pub type Making = tokio::sync::OwnedMutexGuard<()>;

/// The keys of a nest's complete golden children. The nest must run.
///
/// # Errors
/// As of the engine.
pub async fn golden_keys(nest: &Nest) -> Result<BTreeSet<String>, NestError> {
    let children = nest.engine.instances().await?;
    let golden = children
        .iter()
        .filter(|child| is_golden(child) && is_ready(child));
    let keys = golden.filter_map(|child| child.config.get(key::KEY).cloned());
    Ok(keys.collect())
}

impl Children {
    /// Waits until no other task makes the golden child of this key.
    pub async fn making(&self, spec: &ChildSpec) -> Making {
        self.making.of(&spec.key).lock_owned().await
    }

    /// The golden child, if it exists.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn golden(&self, spec: &ChildSpec) -> Result<Option<Golden>, NestError> {
        let found = self.nest.engine.instance(&name::golden(&spec.key)).await?;
        let found = found.filter(|found| fits(found, spec));
        Ok(found.map(|found| self.read_golden(found)))
    }

    /// Whether an earlier dbmatrix left a golden child of such a server under an obsolete
    /// key.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn has_former_golden(&self, spec: &ChildSpec) -> Result<bool, NestError> {
        let children = self.nest.engine.instances().await?;
        let is_former = |child: &Instance| {
            is_golden(child)
                && schema::has_former_key(child)
                && child.config.get(key::SERVER) == Some(&spec.server)
        };
        Ok(children.iter().any(is_former))
    }

    /// Starts a golden child in a new, running container from its image. Removes one of
    /// the same key that is incomplete or has other packages.
    ///
    /// # Errors
    /// As of the engine and of the image.
    pub async fn begin_golden(&self, spec: &ChildSpec) -> Result<Child, NestError> {
        let name = name::golden(&spec.key);
        remove(&self.nest.engine, &name, Meant::Golden(&spec.key)).await?;
        self.make(&name, spec).await
    }

    /// Starts a golden child as a running copy of another one. Removes an incomplete one
    /// of the same key.
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

    /// Removes the golden child of this key unless it is complete.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn abandon_golden(&self, spec: &ChildSpec) -> Result<(), NestError> {
        self.remove_incomplete(&name::golden(&spec.key)).await
    }

    /// Shuts a child down and keeps it as golden child, with its server's version,
    /// packages and TLS policy.
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
            login: child.credentials.login,
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

    /// An unused child of the flavour that an earlier run left paused: it resumes at
    /// once.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn claim_standby(&self, spec: &ChildSpec) -> Result<Option<Child>, NestError> {
        let is_fresh = |found: &Instance| {
            fits(found, spec) && found.is_paused() && found.is_marked(key::FRESH)
        };
        self.take(spec, is_fresh).await
    }

    /// The flavour's existing child with its data, started if necessary.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn claim_existing(&self, spec: &ChildSpec) -> Result<Option<Child>, NestError> {
        self.take(spec, |found| fits(found, spec)).await
    }

    /// Takes over a flavour's child that an earlier dbmatrix left under an obsolete key,
    /// because a user who continues with an existing child may have data in it. Returns
    /// whether there is one.
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
            schema::has_former_key(found)
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
        // The matrix may have moved.
        if let Some(ChildAccess { certificates, .. }) = &spec.access
            && !certificates.are_noted(&found.config)
        {
            let noted = certificates.noted();
            engine.configure_instance(&found.name, &noted).await?;
        }
        engine.ensure_running(&found).await?;
        self.rejoin(&found).await?;
        self.read(&found).map(Some)
    }

    /// Replaces a flavour's child by a new, running copy of its golden child. The copy
    /// counts as incomplete until a login succeeds. If it is to be paused, it counts as
    /// fresh until its first use. The previous child stays until the end of the run.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn create_from_template(
        &self,
        golden: &Golden,
        spec: &ChildSpec,
        use_of: Purpose,
    ) -> Result<Child, NestError> {
        let child = self.activate_copy(golden, spec, use_of).await?;
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

    /// Pauses a child that was copied for later, unless it has been used in the meantime.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn pause_for_later(&self, child: &Child) -> Result<(), NestError> {
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

    /// Pauses a child that runs.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn pause(&self, name: &str) -> Result<(), NestError> {
        let engine = &self.nest.engine;
        match engine.instance(name).await? {
            Some(found) if found.is_running() => Ok(engine.power(name, Power::Pause).await?),
            _ => Ok(()),
        }
    }

    /// Resumes a child that is paused.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn resume(&self, name: &str) -> Result<(), NestError> {
        let engine = &self.nest.engine;
        match engine.instance(name).await? {
            Some(found) if found.is_paused() => Ok(engine.power(name, Power::Resume).await?),
            _ => Ok(()),
        }
    }

    /// Shuts a child down and keeps its data. Kills one that does not end in time. It may
    /// be absent.
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

    /// Removes a flavour's child, or a copy of one; it may be absent.
    ///
    /// # Errors
    /// [`NestError::NotMeant`]; as of the engine.
    pub fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), NestError>> {
        async move { remove(&self.nest.engine, name, Meant::FlavoursOwn).await }.boxed()
    }

    /// Copies a golden child under a name; replaces the flavour's child of that name.
    pub(super) fn copy<'a>(
        &'a self,
        of: &'a Golden,
        name: &'a str,
        mut noted: Config,
        access: Option<&'a ChildAccess>,
    ) -> BoxFuture<'a, Result<Child, NestError>> {
        async move {
            let engine = &self.nest.engine;
            self.remove(name).await?;
            let golden = ImageSource::Container(of.name.clone());
            if let Some(access) = access {
                let credentials = Credentials {
                    login: access.login.clone(),
                    tls: of.tls.clone(),
                };
                noted.extend(credentials.noted());
                noted.extend(access.certificates.noted());
            }
            let mut child = self.create(name, golden, noted, Devices::new()).await?;
            child.packages = of.packages.clone();
            if let Some(ChildAccess { file, .. }) = access {
                // The file exists, and keeps its owner and permissions.
                let content = file.content.reveal();
                engine
                    .push(name, file.path, FileMode::Private, content)
                    .await?;
            }
            Ok(child)
        }
        .boxed()
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

/// Flushes a child's writes to its disk.
///
/// # Errors
/// If the child has no space left.
pub async fn sync(child: &Child) -> Result<(), NestError> {
    let sync = Exec::new("sync", ["--file-system", "/"]).limit(SYNC);
    succeed(&child.engine, &child.name, "write all to disk", &sync).await
}

/// Shuts a server down; one with much to write gets time. A server that has ended since
/// the first request is not asked again, because an engine reports that as an error.
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

/// Marks a child as used. This must happen before it resumes, since an engine runs one
/// operation at a time on a container.
pub(super) async fn mark_used(engine: &Engine, child: &Instance) -> Result<(), NestError> {
    if child.is_marked(key::FRESH) {
        let used = config([(key::FRESH, "")]);
        engine.configure_instance(&child.name, &used).await?;
    }
    Ok(())
}

/// Whether a container is a complete golden child.
pub(super) fn is_golden(instance: &Instance) -> bool {
    is_ready(instance) && instance.is_marked(key::GOLDEN)
}
