//! `dbmatrix down`.

use std::path::Path;

use dbmatrix_config::hint;
use dbmatrix_containers::host::{
    DaemonRecord, EngineProbe, EngineProject, Names, daemon_record, detect_engine, is_usual,
    run_folder, stop_own_daemon,
};
use dbmatrix_containers::image::{Builder, cache_folder};
use dbmatrix_containers::name::{nest_lock, project_lock};
use dbmatrix_containers::nest::{destroy_nest, existing_nests, subnet_of};
use dbmatrix_containers::route::Routes;
use dbmatrix_engine::privilege::{Request, ask_helper_now, has_helper, is_root};
use dbmatrix_engine::{Engine, Instance};
use dbmatrix_report::event::{Sender, Verdict};
use dbmatrix_report::{Progress, drive};
use dbmatrix_run::{Lock, start_engine, take_leftover_report};

use crate::app::matrix_file::load_matrix;
use crate::app::{Failure, Globals, privilege, say};
use crate::cli::args::DownArgs;

/// Removes one nest, or everything that dbmatrix keeps.
pub(crate) async fn down(global: &Globals, args: &DownArgs) -> Result<Verdict, Failure> {
    let nest = match &args.matrix {
        Some(path) => {
            let matrix = load_matrix(path)?;
            if matrix.flavours.iter().all(|one| one.managed().is_none()) {
                say("external servers stay as they are: nothing to remove");
                return Ok(Verdict::Passed);
            }
            Some(matrix.nest.name)
        }
        None => args.nest.clone(),
    };
    privilege::ensure_engine_access(global).await?;
    let (events, heard) = Sender::channel();
    let reporter = tokio::spawn(drive(heard, Progress::quiet()));
    let names = Names::of(&global.project);
    let found = detect_engine(&global.engine).await;
    // The nest's lock comes before that of the project, as in a run.
    let nests = nests_to_lock(&found, &names, nest.as_deref()).await?;
    let of_nests = nests.iter().map(|name| nest_lock(&names.project, name));
    let of_nests: Vec<String> = of_nests.collect();
    let nest_locks = Lock::take_all(of_nests.clone(), &events)
        .await
        .map_err(Failure::not_provided)?;
    // The notes of failed keepers are removed with their nests.
    for lock in &of_nests {
        take_leftover_report(lock);
    }
    let lock = Lock::take(&project_lock(&names.project), &events)
        .await
        .map_err(Failure::not_provided)?;
    // An engine that was never installed contains nothing of dbmatrix; one that does not
    // run may.
    let mut others = false;
    if matches!(found, EngineProbe::Absent(_)) {
        say(format_args!("no engine is installed: nothing to remove"));
    } else {
        let engine = start_engine(&global.engine.clone(), &events)
            .await
            .map_err(Failure::not_provided)?;
        remove(&engine, &names, nest.as_deref()).await?;
        if args.all {
            others = clear(&engine, &names).await?;
        }
    }
    if args.all && !others {
        Builder::new(cache_folder())
            .clear()
            .map_err(Failure::not_provided)?;
        remove_routes().await?;
    }
    drop((nest_locks, lock));
    if args.all {
        remove_empty_folders();
    }
    drop(events);
    let _ = reporter.await;
    let left = match (args.all, global.engine.remote()) {
        (true, None) => what_is_left(&names, others).await?,
        (true, Some(remote)) => what_is_left_there(&remote.engine, &names).await?,
        (false, _) => Vec::new(),
    };
    if left.is_empty() {
        return Ok(Verdict::Passed);
    }
    Err(Failure::not_provided(format!(
        "not everything is gone: {}; run `dbmatrix down --all` again, and `dbmatrix doctor` where \
         it stays",
        left.join(", ")
    )))
}

/// Checks independently of the engine what is left of a project and, if no other project
/// remains, of dbmatrix as a whole.
async fn what_is_left(names: &Names, others: bool) -> Result<Vec<String>, Failure> {
    let mut left = Vec::new();
    if Path::new("/sys/class/net").join(&names.bridge).exists() {
        left.push(format!("bridge `{}`", names.bridge));
    }
    let of_project = format!("{}.", names.project);
    let files = std::fs::read_dir(run_folder())
        .into_iter()
        .flatten()
        .flatten();
    for file in files.map(|file| file.path()) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&of_project) && name.ends_with(".socket") {
            left.push(format!("socket `{}`", file.display()));
        }
    }
    if others {
        return Ok(left);
    }
    if let DaemonRecord::Alive { engine, pid } = daemon_record() {
        left.push(format!("the {engine} daemon, process {pid}"));
    }
    let routes = Routes::open().map_err(Failure::not_provided)?;
    let routes = routes.own_subnets().await.map_err(Failure::not_provided)?;
    left.extend(routes.iter().map(|subnet| format!("the route to {subnet}")));
    Ok(left)
}

/// The same of an engine on another machine.
async fn what_is_left_there(engine: &Engine, names: &Names) -> Result<Vec<String>, Failure> {
    let (project, bridge, pool) = tokio::try_join!(
        engine.project(&names.project),
        engine.network(&names.bridge),
        engine.pool(&names.project),
    )
    .map_err(Failure::not_provided)?;
    let all = [
        project.map(|_| format!("project `{}`", names.project)),
        bridge.map(|_| format!("bridge `{}`", names.bridge)),
        pool.map(|_| format!("storage pool `{}`", names.project)),
    ];
    Ok(all.into_iter().flatten().collect())
}

/// The nests to remove, as far as they are known before the engine runs.
async fn nests_to_lock(
    found: &EngineProbe,
    names: &Names,
    nest: Option<&str>,
) -> Result<Vec<String>, Failure> {
    match (nest, found) {
        (Some(name), _) => Ok(vec![name.to_owned()]),
        (None, EngineProbe::Running(engine)) => {
            let nests = nests(engine, names).await?;
            Ok(nests.into_iter().map(|nest| nest.name).collect())
        }
        (None, EngineProbe::Installed(_) | EngineProbe::Absent(_)) => Ok(Vec::new()),
    }
}

async fn nests(engine: &Engine, names: &Names) -> Result<Vec<Instance>, Failure> {
    let there = engine.project(&names.project).await;
    if there.map_err(Failure::not_provided)?.is_none() {
        return Ok(Vec::new());
    }
    let inside = engine.in_project(&names.project);
    existing_nests(&inside).await.map_err(Failure::not_provided)
}

async fn remove(engine: &Engine, names: &Names, nest: Option<&str>) -> Result<(), Failure> {
    let inside = engine.in_project(&names.project);
    let nests = nests(engine, names).await?;
    let chosen: Vec<_> = nests
        .iter()
        .filter(|found| nest.is_none_or(|name| found.name == name))
        .collect();
    if let (Some(name), true) = (nest, chosen.is_empty()) {
        let there = hint(name, nests.iter().map(|nest| nest.name.as_str()));
        say(format_args!(
            "nest `{name}` is not there: nothing to remove; {there}"
        ));
    }
    if !engine.is_remote() {
        authorize_routes_to(&chosen).await?;
    }
    for found in chosen {
        destroy_nest(&inside, found)
            .await
            .map_err(Failure::not_provided)?;
        let with = match engine.is_remote() {
            true => "its children",
            false => "its children and its route",
        };
        say(format_args!("removed nest `{}` with {with}", found.name));
    }
    Ok(())
}

/// Ensures that the routes to nests can be removed.
async fn authorize_routes_to(nests: &[&Instance]) -> Result<(), Failure> {
    let routed = Routes::open()
        .map_err(Failure::not_provided)?
        .own_subnets()
        .await;
    let routed = routed.map_err(Failure::not_provided)?;
    let has_route = |nest: &Instance| subnet_of(nest).is_some_and(|net| routed.contains(&net));
    match nests.iter().any(|nest| has_route(nest)) {
        true => privilege::authorize_routes(),
        false => Ok(()),
    }
}

/// Removes project, bridge, pool and images, and stops dbmatrix's own daemon if nothing
/// else uses it. Returns whether other projects may remain, there or in another engine.
async fn clear(engine: &Engine, names: &Names) -> Result<bool, Failure> {
    EngineProject::delete(engine, names)
        .await
        .map_err(Failure::not_provided)?;
    say(format_args!(
        "removed project `{}` with its bridge, pool and images",
        names.project
    ));
    if engine.is_remote() {
        return Ok(true);
    }
    if !is_usual(engine) {
        say(format_args!(
            "the engine is not the machine's usual one: its daemon stays as it is"
        ));
        return Ok(true);
    }
    let others = engine
        .has_projects_or_instances()
        .await
        .map_err(Failure::not_provided)?;
    if others {
        say(format_args!(
            "the engine holds other things: its daemon stays as it is"
        ));
        return Ok(true);
    }
    if !(is_root() || has_helper()) && daemon_record() != DaemonRecord::Absent {
        say(format_args!(
            "the daemon is root's and stays; `sudo dbmatrix down --all` ends it"
        ));
        return Ok(true);
    }
    if stop_own_daemon().await.map_err(Failure::not_provided)? {
        say(format_args!("ended the daemon that dbmatrix started"));
    }
    Ok(false)
}

/// Another project may still use them.
fn remove_empty_folders() {
    if has_helper()
        && let Err(error) = ask_helper_now(Request::RemoveRunFolder)
    {
        tracing::debug!(%error, "the run folder stays");
    }
    for folder in [run_folder(), cache_folder()] {
        if let Err(error) = std::fs::remove_dir(&folder) {
            tracing::debug!(%error, folder = %folder.display(), "a folder stays");
        }
    }
}

/// Removes routes of nests that no longer exist.
async fn remove_routes() -> Result<(), Failure> {
    let routes = Routes::open().map_err(Failure::not_provided)?;
    let ours = routes.own_subnets().await.map_err(Failure::not_provided)?;
    if !ours.is_empty() {
        privilege::authorize_routes()?;
    }
    for subnet in ours {
        routes.remove(subnet).await.map_err(Failure::not_provided)?;
    }
    Ok(())
}
