//! `dbmatrix cache save`.

use std::collections::BTreeSet;
use std::io::IsTerminal;

use bytesize::ByteSize;
use dbmatrix_containers::host::{EngineProbe, Names, detect_engine};
use dbmatrix_containers::name::nest_lock;
use dbmatrix_containers::nest::{
    CacheError, FindError, Nest, SaveRequest, complete_keys, save_cache, wake_nests,
};
use dbmatrix_engine::Engine;
use dbmatrix_flavours::matrix::{Flavour, Matrix, MatrixLock};
use dbmatrix_flavours::provision::{
    cache_key, own_template_keys, suite_template_keys, upgrade_template_keys,
};
use dbmatrix_report::event::{Event, Sender, Verdict};
use dbmatrix_report::{Progress, drive};
use dbmatrix_run::Lock;
use tempfile::NamedTempFile;

use crate::app::matrix_file::{load_lock, load_matrix};
use crate::app::signal::asked_to_end;
use crate::app::{Failure, Globals, eprintln, privilege, say};
use crate::cli::args::CacheSaveArgs;
use crate::cli::commands::export::{half_file, is_there, place_file};

/// Saves a matrix's nest.
pub(super) async fn save(global: &Globals, args: &CacheSaveArgs) -> Result<Verdict, Failure> {
    let matrix = load_matrix(&args.matrix)?;
    let lock = load_lock(&matrix)?;
    let mut flavours = matrix.flavours.iter();
    if matrix.upgrades.is_empty() && flavours.all(|flavour| flavour.managed().is_none()) {
        return Err(Failure::misused(format!(
            "`{}` names external servers alone: there is nothing to save",
            args.matrix.display()
        )));
    }
    if !args.force && std::fs::symlink_metadata(&args.file).is_ok() {
        return Err(is_there(&args.file));
    }
    let half = half_file(&args.file)?;
    privilege::ensure_engine_access(global).await?;
    let EngineProbe::Running(engine) = detect_engine(&global.engine).await else {
        return Err(no_nest(&matrix));
    };
    let (events, heard) = Sender::channel();
    let progress = Progress::new(std::io::stderr().is_terminal(), &[]);
    let reporter = tokio::spawn(drive(heard, progress));
    let saved = tokio::select! {
        saved = save_locked(global, &engine, &matrix, &lock, &half, &events) => Some(saved),
        () = asked_to_end() => None,
    };
    drop(events);
    let _ = reporter.await;
    let Some(saved) = saved else {
        return Ok(Verdict::Interrupted);
    };
    let size = ByteSize(saved?).display().iec();
    place_file(half, &args.file, args.force)?;
    let (matrix, file) = (args.matrix.display(), args.file.display());
    say(format_args!(
        "saved, {size}; on the other machine: dbmatrix cache restore {matrix} {file}"
    ));
    Ok(Verdict::Passed)
}

async fn save_locked(
    global: &Globals,
    engine: &Engine,
    matrix: &Matrix,
    lock: &MatrixLock,
    half: &NamedTempFile,
    events: &Sender,
) -> Result<u64, Failure> {
    let names = Names::of(&global.project);
    let taken = Lock::take(&nest_lock(&names.project, &matrix.nest.name), events).await;
    let _held = taken.map_err(Failure::not_provided)?;
    let nests = wake_nests(engine, &names, Some(&matrix.nest.name)).await;
    let nests = nests.map_err(|error| match error {
        FindError::NoNest { .. } => no_nest(matrix),
        other => Failure::not_provided(other),
    })?;
    let nest = nests.into_iter().next().ok_or_else(|| no_nest(matrix))?;
    let golden = golden_keys(&nest, matrix, lock).await?;
    let file = half.as_file().try_clone().map_err(Failure::not_provided)?;
    let request = SaveRequest {
        program: concat!("dbmatrix ", env!("CARGO_PKG_VERSION")),
        key: &cache_key(matrix, lock),
        golden: &golden,
    };
    let progress = |part: &str| {
        events.send(Event::SetupStarted {
            step: format!("saving {part}"),
        });
    };
    let saved = save_cache(&nest, &request, file, &progress).await;
    saved.map_err(not_saved)
}

fn not_saved(error: CacheError) -> Failure {
    match error {
        CacheError::File { .. } => Failure::impossible(error),
        other => Failure::not_provided(other),
    }
}

fn no_nest(matrix: &Matrix) -> Failure {
    let path = matrix.path.display();
    Failure::impossible(format!(
        "there is no nest `{}` to save; `dbmatrix up {path}` makes it",
        matrix.nest.name
    ))
}

/// The golden children to save: each flavour's own, of which a required one has at least
/// one.
async fn golden_keys(
    nest: &Nest,
    matrix: &Matrix,
    lock: &MatrixLock,
) -> Result<Vec<String>, Failure> {
    let there = complete_keys(nest).await.map_err(Failure::not_provided)?;
    let of_upgrades = upgrade_template_keys(matrix).into_iter();
    // What `upgrade` has not made yet, it makes where the cache is restored.
    let of_upgrades = of_upgrades.filter(|key| there.contains(key));
    let mut golden: BTreeSet<String> = of_upgrades.collect();
    let mut missing = Vec::new();
    for flavour in matrix.flavours.iter().flat_map(Flavour::servers) {
        let Some(managed) = flavour.managed() else {
            continue;
        };
        let of_suites = suite_template_keys(matrix, flavour).into_iter();
        golden.extend(of_suites.filter(|key| there.contains(key)));
        let mut keys = own_template_keys(managed, lock.get(&flavour.name));
        keys.retain(|key| there.contains(key));
        match (keys.is_empty(), flavour.required) {
            (true, true) => missing.push(format!("`{}`", flavour.name)),
            (true, false) => eprintln!(
                "warning: `{}` was not available so far, and is left out: it is not required",
                flavour.name
            ),
            (false, _) => golden.extend(keys),
        }
    }
    if missing.is_empty() {
        return Ok(golden.into_iter().collect());
    }
    let path = matrix.path.display();
    Err(Failure::impossible(format!(
        "nest `{}` has no golden child of {} as the matrix asks for it; `dbmatrix up {path}` \
         makes it",
        nest.name,
        missing.join(", ")
    )))
}
