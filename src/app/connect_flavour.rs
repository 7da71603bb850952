//! Connects to a flavour that is up.

use std::pin::pin;
use std::time::Duration;

use dbmatrix_containers::host::{EngineProbe, Names, detect_engine};
use dbmatrix_containers::nest::{
    Child, ContainerKind, Located, Nest, labels, list_all, locate, locate_all,
};
use dbmatrix_engine::Engine;
use dbmatrix_flavours::server::{Login, Server, log_in, started_again};
use dbmatrix_run::wait_for_keepers;
use futures_util::future::try_join_all;
use tokio::time::timeout;

use crate::app::{Failure, Globals, privilege};

/// A flavour with an established login.
pub(crate) struct Reached {
    /// The flavour's name.
    pub(crate) flavour: String,
    /// Its label among the flavours connected with it.
    pub(crate) label: String,
    pub(crate) server: Server,
    /// Its container; an external server has none.
    pub(crate) located: Option<Located>,
}

/// How long a server may take until it accepts logins.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a command may wait without a word.
const SILENCE: Duration = Duration::from_secs(1);

/// Starts a flavour if necessary, and logs in to it.
pub(crate) async fn reach(
    global: &Globals,
    flavour: &str,
    nest: Option<&str>,
) -> Result<Reached, Failure> {
    let located = find(global, flavour, nest).await?;
    start(&located).await?;
    let server = log_in_to(&located).await?;
    Ok(Reached {
        flavour: located.flavour.clone(),
        label: located.flavour.clone(),
        server,
        located: Some(located.clone()),
    })
}

/// Starts a flavour if necessary; an error for one that nothing reaches.
async fn start(located: &Located) -> Result<(), Failure> {
    let is_cut = located.is_disconnected().await;
    if is_cut.map_err(Failure::not_provided)? {
        return Err(Failure::not_provided(format!(
            "it is disconnected; `dbmatrix reconnect {}` joins it again",
            located.flavour
        )));
    }
    located.start().await.map_err(Failure::not_provided)
}

/// Finds a flavour without starting it.
pub(crate) async fn find(
    global: &Globals,
    flavour: &str,
    nest: Option<&str>,
) -> Result<Located, Failure> {
    let engine = running(global).await?;
    let names = Names::of(&global.project);
    let located = locate(&engine, &names, flavour, nest).await;
    located.map_err(Failure::not_provided)
}

/// Waits for the keepers of a project's nests, and says so if it takes long.
pub(crate) async fn await_keepers(project: &str) {
    let mut ended = pin!(wait_for_keepers(project));
    if timeout(SILENCE, &mut ended).await.is_err() {
        eprintln!("waiting until the run before has put its servers away");
        ended.await;
    }
}

/// The engine, if it runs: only then can a flavour be up.
pub(crate) async fn running(global: &Globals) -> Result<Engine, Failure> {
    match detect_engine(&global.engine).await {
        EngineProbe::Running(engine) => {
            await_keepers(&global.project).await;
            Ok(engine)
        }
        found @ (EngineProbe::Installed(_) | EngineProbe::Absent(_)) => Err(Failure::not_provided(
            format!("{found}; `dbmatrix up MATRIX` brings flavours up"),
        )),
    }
}

/// Ensures access to a nest's children.
pub(crate) async fn ensure_route(nest: &Nest) -> Result<(), Failure> {
    if !nest.has_route().await {
        privilege::authorize_routes()?;
    }
    nest.ensure_route().await.map_err(Failure::not_provided)
}

/// Logs in to a flavour that runs or was just started.
pub(crate) async fn log_in_to(located: &Located) -> Result<Server, Failure> {
    log_in_at(&located.nest, &located.child).await
}

/// Logs in to a nest's child that was just started.
pub(crate) async fn log_in_at(nest: &Nest, child: &Child) -> Result<Server, Failure> {
    ensure_route(nest).await?;
    let login = Login {
        child,
        nest,
        limit: LIMIT,
    };
    let server = started_again(child, log_in(&login)).await;
    server.map_err(Failure::not_provided)
}

/// Like [`ensure_route`], once per nest.
pub(crate) async fn ensure_routes(flavours: &[Located]) -> Result<(), Failure> {
    for (at, one) in flavours.iter().enumerate() {
        let is_other = |other: &Located| other.nest.name != one.nest.name;
        if flavours[..at].iter().all(is_other) {
            ensure_route(&one.nest).await?;
        }
    }
    Ok(())
}

/// Like [`reach`] for several flavours concurrently; keeps their order.
pub(crate) async fn reach_all(all: &[Located]) -> Result<Vec<Reached>, Failure> {
    ensure_routes(all).await?;
    let names = labels(&all.iter().map(Located::names).collect::<Vec<_>>());
    let logins = all.iter().zip(names).map(async |(located, label)| {
        let told = |failure: Failure| Failure {
            message: format!("{label}: {}", failure.message),
            ..failure
        };
        start(located).await.map_err(told)?;
        let server = log_in_to(located).await.map_err(told)?;
        Ok(Reached {
            flavour: located.flavour.clone(),
            label,
            server,
            located: Some(located.clone()),
        })
    });
    try_join_all(logins).await
}

/// The flavours of these names, without duplicates.
pub(crate) async fn find_each(
    global: &Globals,
    names: &[String],
    nest: Option<&str>,
) -> Result<Vec<Located>, Failure> {
    let engine = running(global).await?;
    let project = Names::of(&global.project);
    let mut all: Vec<Located> = Vec::new();
    for name in names {
        let one = locate(&engine, &project, name, nest).await;
        let one = one.map_err(Failure::not_provided)?;
        if !all.iter().any(|other| other.is(&one)) {
            all.push(one);
        }
    }
    Ok(all)
}

/// All flavours of one nest or of all nests, without replicas, which take no statements
/// that write.
pub(crate) async fn find_sources(
    global: &Globals,
    nest: Option<&str>,
) -> Result<Vec<Located>, Failure> {
    let mut all = find_all(global, nest).await?;
    all.retain(|one| !one.is_replica());
    Ok(all)
}

/// All flavours of one nest or of all nests, and their replicas; an error if there is none.
pub(crate) async fn find_all(
    global: &Globals,
    nest: Option<&str>,
) -> Result<Vec<Located>, Failure> {
    let engine = running(global).await?;
    let all = locate_all(&engine, &Names::of(&global.project), nest).await;
    let all = all.map_err(Failure::not_provided)?;
    if all.is_empty() {
        return Err(Failure::not_provided(
            "no flavour is up; `dbmatrix up MATRIX` brings flavours up",
        ));
    }
    Ok(all)
}

/// Nest and name of each flavour in running nests; starts nothing. Empty if no engine
/// runs.
pub(crate) async fn flavours_awake(global: &Globals) -> Result<Vec<(String, String)>, Failure> {
    let found = detect_engine(&global.engine).await;
    let EngineProbe::Running(engine) = &found else {
        return Ok(Vec::new());
    };
    let rows = list_all(engine, &global.project).await;
    let mut all = Vec::new();
    for row in rows.map_err(Failure::not_provided)? {
        if let (ContainerKind::Flavour(flavour), true) = (row.kind.clone(), row.is_complete) {
            all.push((row.nest, flavour));
        }
    }
    // During a run, a flavour may have two.
    all.sort();
    all.dedup();
    Ok(all)
}
