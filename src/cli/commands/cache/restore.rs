//! `dbmatrix cache restore`.

use std::cell::OnceCell;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use dbmatrix_containers::host::{EngineProbe, detect_engine};
use dbmatrix_containers::nest::{CacheError, CacheFile, Restored, note_restored, restore_cache};
use dbmatrix_flavours::matrix::Matrix;
use dbmatrix_flavours::provision::cache_key;
use dbmatrix_report::event::{Event, Sender, Verdict};
use dbmatrix_report::{Progress, drive};
use dbmatrix_run::{Environment, EnvironmentError, EnvironmentOptions, Lock};

use crate::app::matrix_file::{load_lock, load_matrix};
use crate::app::signal::{asked_to_end, end_at_once_when_asked_again};
use crate::app::task::{authorize_route, clean_up, uses_btrfs};
use crate::app::{Failure, Globals, consent, eprintln, privilege, say};
use crate::cli::args::CacheRestoreArgs;

/// Makes a matrix's nest from a file.
pub(super) async fn restore(global: &Globals, args: &CacheRestoreArgs) -> Result<Verdict, Failure> {
    let matrix = load_matrix(&args.matrix)?;
    let key = cache_key(&matrix, &load_lock(&matrix)?);
    let file = open_checked(&args.file, &key).await?;
    privilege::ensure_engine_access(global).await?;
    let found = detect_engine(&global.engine).await;
    let packages = found.missing_packages(uses_btrfs(&matrix), false);
    if !packages.is_empty() {
        privilege::ensure_package_access(global).await?;
        consent::ask_for_packages(&packages, args.yes)?;
    }
    if let EngineProbe::Running(engine) = &found {
        authorize_route(global, engine, &matrix.nest).await?;
    }
    let options = EnvironmentOptions {
        engine: global.engine.clone(),
        project: global.project.clone(),
        probe: found,
        packages,
        images: Vec::new(),
        cache: Some(file.clone()),
        strict: true,
    };
    let lock = OnceCell::new();
    let (events, heard) = Sender::channel();
    let progress = Progress::new(std::io::stderr().is_terminal(), &[]);
    let reporter = tokio::spawn(drive(heard, progress));
    let ended = tokio::select! {
        ended = restore_locked(&options, &matrix, &file, &lock, &events) => Some(ended),
        () = asked_to_end() => None,
    };
    drop(events);
    let _ = reporter.await;
    let nest = &matrix.nest.name;
    if let Some(Ok(restored)) = ended {
        say(match restored {
            Restored { made: 0, .. } => format!("nest `{nest}` has all of it: nothing to do"),
            Restored { made, found: 0 } => format!("restored nest `{nest}` with {made} servers"),
            Restored { made, found } => {
                format!("restored {made} servers in nest `{nest}`, which had {found}")
            }
        });
        return Ok(Verdict::Passed);
    }
    if ended.is_none() {
        eprintln!("removing what is incomplete (Ctrl-C again leaves it to the next run)");
        end_at_once_when_asked_again(format!(
            "ended at once: what is incomplete may be left in nest `{nest}`; the next run removes it"
        ));
    }
    if lock.get().is_some() {
        clean_up(&options, nest).await;
    }
    match ended {
        Some(Err(error)) => Err(not_restored(&args.file, error)),
        _ => Ok(Verdict::Interrupted),
    }
}

/// Reads the whole file, and checks that it is what the matrix needs.
async fn open_checked(path: &Path, key: &str) -> Result<CacheFile, Failure> {
    let (path, key) = (path.to_owned(), key.to_owned());
    let reading = tokio::task::spawn_blocking(move || {
        let opened = CacheFile::open(&path).and_then(|file| {
            file.check(&key)?;
            Ok(file)
        });
        opened.map_err(|error| refused(&path, &error))
    });
    tokio::select! {
        read = reading => read.map_err(Failure::not_provided)?,
        () = asked_to_end() => Err(Failure {
            verdict: Verdict::Interrupted,
            message: "interrupted; nothing was made".to_owned(),
        }),
    }
}

fn refused(file: &Path, error: &CacheError) -> Failure {
    Failure::impossible(format!("`{}` is not restored: {error}", file.display()))
}

fn not_restored(file: &Path, error: EnvironmentError) -> Failure {
    match error {
        EnvironmentError::Cache(error) if error.is_refusal() => refused(file, &error),
        other => Failure::not_provided(other),
    }
}

async fn restore_locked(
    options: &EnvironmentOptions,
    matrix: &Matrix,
    file: &CacheFile,
    lock: &OnceCell<Arc<Lock>>,
    events: &Sender,
) -> Result<Restored, EnvironmentError> {
    let taken = Environment::lock(options, &matrix.nest, events).await?;
    let lock = lock.get_or_init(|| taken);
    let environment = Environment::ensure(options, &matrix.nest, lock, events).await?;
    let context = &environment.context;
    let progress = |server: &str| {
        events.send(Event::SetupStarted {
            step: format!("restoring {server}"),
        });
    };
    let restored = restore_cache(&context.children, file, context.source, &progress).await?;
    note_restored(&context.nest, &file.index.key).await?;
    Ok(restored)
}
