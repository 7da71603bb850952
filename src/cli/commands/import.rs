//! `dbmatrix import`.

use std::cell::OnceCell;
use std::io::IsTerminal;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use dbmatrix_containers::host::{EngineProbe, Names, detect_engine};
use dbmatrix_containers::nest::{
    Import, Manifest, Nest, NestError, Unpacked, unpacked, wake_nests,
};
use dbmatrix_engine::EngineError;
use dbmatrix_flavours::matrix::NestSpec;
use dbmatrix_flavours::name_rule::FLAVOUR;
use dbmatrix_flavours::server::{LoginSpec, RoutedUser, Server, grant_access};
use dbmatrix_report::event::{Sender, Verdict};
use dbmatrix_report::{Progress, drive};
use dbmatrix_run::{Environment, EnvironmentOptions, Lock, start_engine};
use indicatif::ProgressBar;
use tokio::fs::File;
use tokio::io::BufReader;

use crate::app::connect_flavour::{ensure_route, log_in_at};
use crate::app::signal::{asked_to_end, end_at_once_when_asked_again};
use crate::app::task::{authorize_route, clean_up};
use crate::app::{Failure, Globals, consent, eprintln, privilege, say, transfer};
use crate::cli::args::ImportArgs;

/// Bytes of a file read at once.
const CHUNK: usize = 256 * 1024;

/// A checked file.
struct Packed<'a> {
    file: &'a Path,
    manifest: Manifest,
    /// The flavour's new name.
    flavour: String,
}

/// Creates a flavour from a file.
pub(crate) async fn import(global: &Globals, args: &ImportArgs) -> Result<Verdict, Failure> {
    privilege::ensure_engine_access(global).await?;
    let packed = Packed::read(args).await?;
    let spec = NestSpec {
        access: args.access,
        ..NestSpec::usual(&args.nest)
    };
    let found = detect_engine(&global.engine).await;
    let is_there = is_there(&found, global, &spec.name).await?;
    let packages = match is_there {
        true => Vec::new(),
        false => found.missing_packages(global.engine.remote().is_none(), true),
    };
    if !packages.is_empty() {
        privilege::ensure_package_access(global).await?;
        consent::ask_for_packages(&packages, args.yes)?;
    }
    if let (EngineProbe::Running(engine), false) = (&found, is_there) {
        authorize_route(global, engine, &spec).await?;
    }
    let options = EnvironmentOptions {
        engine: global.engine.clone(),
        project: global.project.clone(),
        probe: found,
        packages,
        images: Vec::new(),
        cache: None,
        strict: true,
    };
    let lock = OnceCell::new();
    let mut begun = None;
    let ended = tokio::select! {
        ended = bring_in(&options, &spec, &packed, &lock, &mut begun) => Some(ended),
        () = asked_to_end() => None,
    };
    if let Some(Ok(server)) = ended {
        let (flavour, nest) = (&packed.flavour, &spec.name);
        let (version, address) = (&server.identity.full, server.address());
        say(format_args!(
            "{flavour}: imported into nest `{nest}`, {version} at {address}"
        ));
        return Ok(Verdict::Passed);
    }
    if ended.is_none() {
        eprintln!("removing what is incomplete (Ctrl-C again leaves it to the next run)");
        end_at_once_when_asked_again(format!(
            "ended at once: what was half imported may be left in nest `{}`; the next run of its \
             matrix removes it",
            spec.name
        ));
    }
    if lock.get().is_some() {
        clear(&options, &spec.name, begun.as_ref()).await;
    }
    match ended {
        Some(Err(failure)) => Err(failure),
        _ => Ok(Verdict::Interrupted),
    }
}

impl<'a> Packed<'a> {
    async fn read(args: &'a ImportArgs) -> Result<Self, Failure> {
        let file = args.file.as_path();
        let told = |error: &dyn std::fmt::Display| {
            failed(format!("`{}` is not imported: {error}", file.display()))
        };
        let unpacked = open(file, &ProgressBar::hidden()).await?;
        let manifest = Manifest::read(unpacked)
            .await
            .map_err(|error| told(&error))?;
        let machine = std::env::consts::ARCH;
        if manifest.architecture != machine {
            let other = &manifest.architecture;
            let why = format!("its programs are for `{other}`, and this machine is `{machine}`");
            return Err(told(&why));
        }
        let flavour = match &args.name {
            Some(name) => name.clone(),
            None => {
                FLAVOUR.check(&manifest.flavour).map_err(|error| {
                    told(&format!(
                        "its flavour's name: {error}; `--name` gives another one"
                    ))
                })?;
                manifest.flavour.clone()
            }
        };
        Ok(Packed {
            file,
            manifest,
            flavour,
        })
    }

    /// The users to admit: this nest's user, and that of the previous nest, which may own
    /// views and procedures, with the new password.
    fn users(&self, nest: &Nest, source: Ipv4Addr) -> Vec<RoutedUser> {
        let user = |address| {
            let password = nest.password_of(&self.flavour);
            RoutedUser::new(address, &LoginSpec::default(), password)
        };
        let former = self.manifest.client.filter(|former| *former != source);
        std::iter::once(source).chain(former).map(user).collect()
    }
}

/// Opens a file and counts the bytes read.
async fn open(file: &Path, bar: &ProgressBar) -> Result<Unpacked, Failure> {
    let could_not =
        |error: std::io::Error| failed(format!("could not read `{}`: {error}", file.display()));
    let opened = File::open(file).await.map_err(could_not)?;
    let length = opened.metadata().await.map_err(could_not)?.len();
    transfer::begin(bar, Some(length));
    let counted = BufReader::with_capacity(CHUNK, bar.wrap_async_read(opened));
    unpacked(counted).await.map_err(could_not)
}

/// Whether a complete nest of that name exists.
async fn is_there(found: &EngineProbe, global: &Globals, nest: &str) -> Result<bool, Failure> {
    let EngineProbe::Running(engine) = found else {
        return Ok(false);
    };
    let names = Names::of(&global.project);
    let inside = engine.in_project(&names.project);
    let there = Nest::find(&inside, nest, &names.bridge).await?;
    Ok(there.is_some())
}

/// Stores the started import in `begun`, so that an interruption can clean it up.
async fn bring_in(
    options: &EnvironmentOptions,
    spec: &NestSpec,
    packed: &Packed<'_>,
    lock: &OnceCell<Arc<Lock>>,
    begun: &mut Option<Import>,
) -> Result<Server, Failure> {
    let (events, heard) = Sender::channel();
    let progress = Progress::new(std::io::stderr().is_terminal(), &[]);
    let reporter = tokio::spawn(drive(heard, progress));
    let nest = ensure(options, spec, lock, &events).await;
    drop(events);
    reporter.await.map_err(Failure::not_provided)?;
    let nest = nest?;
    ensure_route(&nest).await?;
    let source = nest.client().await;
    let source = source.map_err(Failure::not_provided)?;
    let import = begun.insert(Import::begin(&nest, &packed.flavour).await?);
    let bar = transfer::bar(&packed.flavour);
    let received = import.receive(open(packed.file, &bar).await?).await;
    received.map_err(|error| match error {
        NestError::Engine(EngineError::Source { reason, .. }) => failed(format!(
            "`{}` is truncated or damaged ({reason}); copy it once more",
            packed.file.display()
        )),
        other => other.into(),
    })?;
    transfer::wait(&bar, "starting");
    let child = import.fit(source).await?;
    let users = packed.users(&nest, source);
    let allowed = grant_access(&child, &packed.manifest.identity, &users).await;
    allowed.map_err(Failure::not_provided)?;
    import.start().await?;
    let server = log_in_at(&nest, &child).await?;
    import.finish().await?;
    bar.finish_and_clear();
    Ok(server)
}

/// The nest, created if necessary. An existing one keeps its settings.
async fn ensure(
    options: &EnvironmentOptions,
    spec: &NestSpec,
    lock: &OnceCell<Arc<Lock>>,
    events: &Sender,
) -> Result<Nest, Failure> {
    let taken = Environment::lock(options, spec, events).await;
    let taken = taken.map_err(Failure::not_provided)?;
    let lock = lock.get_or_init(|| taken);
    if !matches!(options.probe, EngineProbe::Absent(_)) {
        let engine = start_engine(&options.engine, events).await;
        let engine = engine.map_err(Failure::not_provided)?;
        let names = Names::of(&options.project);
        let inside = engine.in_project(&names.project);
        let there = Nest::find(&inside, &spec.name, &names.bridge).await?;
        if let Some(there) = there {
            let awake = wake_nests(&engine, &names, Some(&spec.name)).await;
            let awake = awake.map_err(Failure::not_provided)?;
            return Ok(awake.into_iter().next().unwrap_or(there));
        }
    }
    let environment = Environment::ensure(options, spec, lock, events).await;
    Ok(environment.map_err(Failure::not_provided)?.context.nest)
}

/// Removes what is incomplete; complete objects stay.
async fn clear(options: &EnvironmentOptions, nest: &str, begun: Option<&Import>) {
    if let Some(begun) = begun
        && let Err(left) = begun.abandon().await
    {
        eprintln!("the nest's next run removes what is left: {left}");
    }
    clean_up(options, nest).await;
}

impl From<NestError> for Failure {
    fn from(error: NestError) -> Self {
        match error {
            NestError::Taken { .. } | NestError::There { .. } => failed(error.to_string()),
            other => Failure::not_provided(other),
        }
    }
}

fn failed(message: String) -> Failure {
    Failure {
        verdict: Verdict::Failed,
        message,
    }
}
