//! What flavours need: a running engine, its project, the nest, and the route.

use std::sync::Arc;
use std::time::Instant;

use dbmatrix_containers::host::{
    EngineChoice, EngineProbe, EngineProject, Limits, Names, PackageError, ProjectError, Storage,
    builds, detect_engine, free_disk, install, refresh_lists, running_engine, unenforced_limits,
};
use dbmatrix_containers::image::{
    BaseImage, Builder, Building, ImageOrigin, ImageStore, cache_folder,
};
use dbmatrix_containers::name::{ENGINE_LOCK, nest_lock, project_lock};
use dbmatrix_containers::nest::{
    Access, AccessError, CacheError, CacheFile, Children, Nest, NestError, NestLimits,
    NestSettings, UnmetLimit, nest_image, restore_nest_image,
};
use dbmatrix_containers::route::{GuardError, RouteError};
use dbmatrix_engine::Engine;
use dbmatrix_report::event::{Event, Machine, Sender};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use dbmatrix_flavours::matrix::NestSpec;
use dbmatrix_flavours::mysqltest::TestDrivers;
use dbmatrix_flavours::provision::NestContext;

use super::keeper::take_leftover_report;
use super::lock::{Lock, LockError};

/// A nest that is up and locked for one run.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The nest and the resources of its flavours.
    pub context: NestContext,
    /// The engine project of the nest, as on the command line.
    pub(super) project: Arc<str>,
    pub(super) test_drivers: TestDrivers,
    _lock: Arc<Lock>,
    _ahead: Arc<JoinSet<()>>,
}

/// Why the environment is not available.
#[derive(Debug, Error)]
pub enum EnvironmentError {
    /// System packages.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The engine and the objects of dbmatrix in it.
    #[error(transparent)]
    EngineProject(#[from] ProjectError),
    /// The nest.
    #[error(transparent)]
    Nest(#[from] NestError),
    /// The way to its children.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The firewall guard of the children.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The machine's routes.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// A cache from which the nest is made.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Another run's lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The nest of a finished run.
    #[error("nest `{0}` or its engine has gone")]
    Gone(String),
}

/// Options from the command line.
#[derive(Debug, Clone)]
pub struct EnvironmentOptions {
    /// The chosen engine.
    pub engine: EngineChoice,
    /// The engine project that holds everything.
    pub project: String,
    /// The detected engine.
    pub probe: EngineProbe,
    /// Packages that the user allows dbmatrix to install.
    pub packages: Vec<String>,
    /// Images of the flavours that the run provides.
    pub images: Vec<ImageOrigin>,
    /// A cache from which a nest is made that does not exist; nothing is built then.
    pub cache: Option<CacheFile>,
    /// Whether every flavour is required.
    pub strict: bool,
}

impl Environment {
    /// Waits until no other process is using the nest.
    pub async fn lock(
        options: &EnvironmentOptions,
        spec: &NestSpec,
        events: &Sender,
    ) -> Result<Arc<Lock>, EnvironmentError> {
        let names = Names::of(&options.project);
        let name = nest_lock(&names.project, &spec.name);
        let lock = Lock::take(&name, events).await?;
        if let Some(left) = take_leftover_report(&name) {
            events.warn(format!("after the run before: {left}"));
        }
        Ok(Arc::new(lock))
    }

    /// Ensures everything up to the route. If there is no nest yet, images are built
    /// while the engine is installed and the nest is created.
    pub async fn ensure(
        options: &EnvironmentOptions,
        spec: &NestSpec,
        lock: &Arc<Lock>,
        events: &Sender,
    ) -> Result<Self, EnvironmentError> {
        let begun = Instant::now();
        let names = Names::of(&options.project);
        let project_lock_held = Lock::take(&project_lock(&names.project), events).await?;
        let teller = events.downgrade();
        let builder = Builder::new(cache_folder()).with_listener(move |building| {
            teller.send(match building {
                Building::Started(image) => Event::ImageStarted { image },
                Building::Finished(image) => Event::ImageFinished { image },
            });
        });
        let mut making = Making {
            options,
            spec,
            events,
            builder: &builder,
            ahead: JoinSet::new(),
        };
        let engine_project = making.ensure_project(&names).await?;
        let nest = making.nest(&engine_project).await?;
        let ahead = making.ahead;
        // What another machine's cgroups can enforce is not known here.
        if !nest.host.is_remote() {
            warn_of_limits(&nest, limits_of(spec), events).await;
        }
        step(events, "way to the children");
        nest.ensure_route().await?;
        let source = nest.client().await?;
        drop(project_lock_held);
        let (info, inner) = tokio::try_join!(
            engine_project.engine.server_info(),
            nest.engine.server_info()
        )
        .map_err(ProjectError::from)?;
        events.send(Event::SetupFinished {
            machine: Machine {
                engine: info.title(),
                nest_engine: inner.title(),
                nest_image: spec.image.title(),
                kernel: info.kernel(),
            },
            took: begun.elapsed(),
        });
        let images = ImageStore::new(nest.engine.clone(), builder);
        let children = Children::new(nest.clone(), images);
        children.sweep().await?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Environment {
            context: NestContext {
                children,
                nest,
                source,
                strict: options.strict,
                installing: Arc::new(Semaphore::new(processors)),
            },
            project: options.project.as_str().into(),
            test_drivers: TestDrivers::default(),
            _lock: Arc::clone(lock),
            _ahead: Arc::new(ahead),
        })
    }
}

impl Environment {
    /// Reopens the environment of a finished run for its keeper; starts nothing.
    ///
    /// # Errors
    /// [`EnvironmentError::Gone`] if the nest or its engine no longer exists.
    pub(super) async fn reopen(
        engine: &EngineChoice,
        project: &str,
        nest: &str,
        lock: Lock,
    ) -> Result<Self, EnvironmentError> {
        let names = Names::of(project);
        let gone = || EnvironmentError::Gone(nest.to_owned());
        let EngineProbe::Running(engine) = detect_engine(engine).await else {
            return Err(gone());
        };
        let inside = engine.in_project(&names.project);
        let nest = Nest::find(&inside, nest, &names.bridge).await?;
        let nest = nest.ok_or_else(gone)?;
        let source = nest.client().await?;
        let images = ImageStore::new(nest.engine.clone(), Builder::new(cache_folder()));
        let children = Children::new(nest.clone(), images);
        children.sweep().await?;
        Ok(Environment {
            context: NestContext {
                children,
                nest,
                source,
                strict: false,
                installing: Arc::new(Semaphore::new(1)),
            },
            project: project.into(),
            test_drivers: TestDrivers::default(),
            _lock: Arc::new(lock),
            _ahead: Arc::default(),
        })
    }
}

/// Returns the engine and starts it if necessary. Only one process at a time does so: two
/// daemons would corrupt their data.
///
/// # Errors
/// As of the daemon.
pub async fn start_engine(
    choice: &EngineChoice,
    events: &Sender,
) -> Result<Engine, EnvironmentError> {
    if let found @ EngineProbe::Running(_) = detect_engine(choice).await {
        return Ok(running_engine(&found).await?);
    }
    let _starting = Lock::take(ENGINE_LOCK, events).await?;
    Ok(running_engine(&detect_engine(choice).await).await?)
}

fn step(events: &Sender, step: &str) {
    events.send(Event::SetupStarted {
        step: step.to_owned(),
    });
}

/// An environment in the making.
struct Making<'a> {
    options: &'a EnvironmentOptions,
    spec: &'a NestSpec,
    events: &'a Sender,
    builder: &'a Builder,
    /// Images that are built before they are needed.
    ahead: JoinSet<()>,
}

impl Making<'_> {
    async fn ensure_project(&mut self, names: &Names) -> Result<EngineProject, EnvironmentError> {
        let packages = &self.options.packages;
        let (builders, others): (Vec<String>, Vec<String>) =
            packages.iter().cloned().partition(|name| builds(name));
        if !packages.is_empty() {
            step(self.events, &format!("installing {}", packages.join(", ")));
            refresh_lists(packages).await?;
            install(&builders).await?;
        }
        if matches!(self.options.probe, EngineProbe::Absent(_)) && self.options.cache.is_none() {
            self.build_ahead();
        }
        install(&others).await?;
        step(self.events, "engine");
        let engine = match &self.options.probe {
            running @ EngineProbe::Running(_) => running_engine(running).await?,
            EngineProbe::Installed(_) | EngineProbe::Absent(_) => {
                start_engine(&self.options.engine, self.events).await?
            }
        };
        step(self.events, "project, bridge and pool");
        let engine_project = EngineProject::ensure(&engine, names, self.spec.storage).await?;
        if !engine.is_remote() {
            warn_of_machine(self.spec, self.events);
        }
        warn_of_storage(self.spec, &engine_project, self.events);
        Ok(engine_project)
    }

    async fn nest(&mut self, engine_project: &EngineProject) -> Result<Nest, EnvironmentError> {
        let spec = self.spec;
        let there = engine_project.engine.instance(&spec.name).await;
        let title = format!("nest `{}`", spec.name);
        match (there.map_err(ProjectError::from)?, &self.options.cache) {
            (Some(_), _) => {}
            (None, None) => self.build_ahead(),
            (None, Some(cache)) => {
                step(self.events, &format!("{title}: unpacking"));
                restore_nest_image(&engine_project.engine, &spec.image, cache).await?;
            }
        }
        let settings = NestSettings {
            name: spec.name.clone(),
            limits: limits_of(spec),
            privileged: spec.privileged,
            access: Access::of_engine(spec.access, &engine_project.engine)?,
            image: spec.image.clone(),
            made_of: self.nest_image(),
        };
        step(self.events, &title);
        let progress = |part: &str| step(self.events, &format!("{title}: {part}"));
        Ok(Nest::ensure(engine_project, &settings, self.builder, &progress).await?)
    }

    /// The nest's image that includes the engine, or the plain one if a flavour needs
    /// that too: building one image is faster than two.
    fn nest_image(&self) -> ImageOrigin {
        match self.options.images.contains(&self.spec.image) {
            true => self.spec.image.clone(),
            false => nest_image(&self.spec.image),
        }
    }

    /// Starts building the images once, that of the nest first.
    fn build_ahead(&mut self) {
        if !self.ahead.is_empty() {
            return;
        }
        let mut images: Vec<BaseImage> = Vec::new();
        let nest = self.nest_image();
        for image in std::iter::once(&nest).chain(&self.options.images) {
            if let ImageOrigin::Built(image) = image
                && !images.contains(image)
            {
                images.push(image.clone());
            }
        }
        self.ahead = self.builder.prefetch(images);
    }
}

fn limits_of(spec: &NestSpec) -> NestLimits {
    NestLimits {
        cpus: spec.cpus,
        memory: spec.memory,
    }
}

/// Warns of limits that the machine could enforce and that are not in effect in the nest.
async fn warn_of_limits(nest: &Nest, limits: NestLimits, events: &Sender) {
    let wanted = Limits {
        cpus: limits.cpus.is_some(),
        memory: limits.memory.is_some(),
    };
    let unenforced = unenforced_limits(wanted);
    let enforced = |controller: &str| !unenforced.contains(&controller);
    let limits = NestLimits {
        cpus: limits.cpus.filter(|_| enforced("cpuset")),
        memory: limits.memory.filter(|_| enforced("memory")),
    };
    match nest.unmet_limits(limits).await {
        Ok(unmet) => unmet
            .into_iter()
            .for_each(|unmet| events.warn(unmet_text(&nest.name, unmet))),
        Err(error) => events.warn(format!(
            "the limits of nest `{}` could not be checked: {error}",
            nest.name
        )),
    }
}

fn unmet_text(nest: &str, unmet: UnmetLimit) -> String {
    let (key, found, expected) = match unmet {
        UnmetLimit::Cpus { expected, found } => {
            let found = found.map_or("all".to_owned(), |found| found.to_string());
            ("cpus", format!("{found} processors"), expected.to_string())
        }
        UnmetLimit::Memory { expected, found } => {
            let size = |bytes| bytesize::ByteSize(bytes).to_string();
            let found = found.map_or("all of the".to_owned(), |found| size(found) + " of");
            ("memory", format!("{found} memory"), size(expected))
        }
    };
    format!(
        "nest `{nest}` may use {found}, expected {expected}: the engine has not applied `{key}` to the running nest; after `dbmatrix down --nest {nest}` the next run makes a nest with that limit"
    )
}

/// Space that the nest, its images and a few servers take.
const ROOM: u64 = 6 << 30;

fn warn_of_machine(spec: &NestSpec, events: &Sender) {
    let wanted = Limits {
        cpus: spec.cpus.is_some(),
        memory: spec.memory.is_some(),
    };
    for controller in unenforced_limits(wanted) {
        events.warn(format!(
            "this machine's cgroup2 tree has no `{controller}` controller: the nest's limit is set and not enforced"
        ));
    }
    if let Some(free) = free_disk()
        && free < ROOM
    {
        let free = bytesize::ByteSize(free);
        events.warn(format!(
            "only {free} are free in /var/lib; a matrix of five flavours takes some 5 GiB"
        ));
    }
}

fn warn_of_storage(spec: &NestSpec, engine_project: &EngineProject, events: &Sender) {
    match (spec.storage, engine_project.copy_on_write) {
        (Storage::Btrfs { .. }, true) => {}
        (Storage::Folder, false) => events.warn(
            "the pool is a plain folder: copies of containers are slow (`storage = \"btrfs\"` is fast)",
        ),
        (Storage::Btrfs { .. }, false) => events.warn(
            "the pool was made as a plain folder, where copies are slow: `storage = \"btrfs\"` is applied after `dbmatrix down --all`",
        ),
        (Storage::Folder, true) => events.warn(
            "the pool was made as btrfs: `storage = \"dir\"` is applied after `dbmatrix down --all`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unmet_limit_is_told_with_what_was_found() {
        let cpus = UnmetLimit::Cpus {
            expected: 2,
            found: Some(4),
        };
        assert_eq!(
            unmet_text("m", cpus),
            "nest `m` may use 4 processors, expected 2: the engine has not applied `cpus` to the running nest; after `dbmatrix down --nest m` the next run makes a nest with that limit"
        );
        let memory = UnmetLimit::Memory {
            expected: 3 << 30,
            found: None,
        };
        let text = unmet_text("m", memory);
        assert!(
            text.starts_with("nest `m` may use all of the memory, expected 3.0 GiB"),
            "{text}"
        );
    }
}
