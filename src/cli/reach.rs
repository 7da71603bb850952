//! A flavour that is up, reached from the command line.

use std::time::Duration;

use super::Failure;
use super::args::Place;
use crate::engine::Engine;
use crate::host::{Names, Survey, survey};
use crate::nest::{Found, Kind, Located, Nest, list_all, locate};
use crate::route::Routes;
use crate::server::{Login, RoutedUser, Server, log_in, started_again};

/// A flavour that somebody is logged in to.
pub(super) struct Reached {
    /// The flavour's name.
    pub(super) flavour: String,
    pub(super) server: Server,
    pub(super) found: Found,
}

/// How long a server may take until somebody can log in.
const LIMIT: Duration = Duration::from_secs(60);

/// Starts a flavour where it does not run, and logs in to it.
pub(super) async fn reach(
    place: &Place,
    flavour: &str,
    nest: Option<&str>,
) -> Result<Reached, Failure> {
    let located = find(place, flavour, nest).await?;
    located.start().await.map_err(Failure::not_provided)?;
    let server = log_in_to(&located).await?;
    Ok(Reached {
        flavour: flavour.to_owned(),
        server,
        found: located.found(),
    })
}

/// Finds a flavour as it is.
pub(super) async fn find(
    place: &Place,
    flavour: &str,
    nest: Option<&str>,
) -> Result<Located, Failure> {
    let engine = running(place).await?;
    let names = Names::of(&place.project);
    let located = locate(&engine, &names, flavour, nest).await;
    located.map_err(Failure::not_provided)
}

/// The engine, where it runs: what is up is in it.
pub(super) async fn running(place: &Place) -> Result<Engine, Failure> {
    match survey(&place.engine()).await {
        Survey::Running(engine) => Ok(engine),
        found @ (Survey::Installed(_) | Survey::Absent(_)) => Err(Failure::not_provided(format!(
            "{found}; `dbmatrix up MATRIX` brings flavours up"
        ))),
    }
}

/// Makes sure of the route to a nest's children.
pub(super) async fn lay_route(nest: &Nest) -> Result<(), Failure> {
    let routes = Routes::open().map_err(Failure::not_provided)?;
    let ensured = routes.ensure(nest.subnet, nest.address, &nest.bridge).await;
    ensured.map_err(Failure::not_provided)
}

/// Logs in to a flavour that runs, or was started a moment ago.
pub(super) async fn log_in_to(located: &Located) -> Result<Server, Failure> {
    let nest = &located.nest;
    lay_route(nest).await?;
    let guard = nest.guard();
    let address = located.child.address;
    let checked = guard.check(address).await;
    let user = RoutedUser {
        address: checked.map_err(Failure::not_provided)?,
        password: nest.password.clone(),
    };
    let login = Login {
        address,
        user: &user,
        guard: &guard,
        limit: LIMIT,
    };
    let server = started_again(&located.child, log_in(&login)).await;
    server.map_err(Failure::not_provided)
}

/// Names of all flavours that are up, in one nest or all.
pub(super) async fn flavours_up(place: &Place, nest: Option<&str>) -> Result<Vec<String>, Failure> {
    let engine = running(place).await?;
    let all = list_all(&engine, &place.project).await;
    let mut all = all.map_err(Failure::not_provided)?;
    all.retain(|row| row.state != "half made" && nest.is_none_or(|nest| row.nest == nest));
    let mut names: Vec<String> = all
        .into_iter()
        .filter_map(|row| match row.kind {
            Kind::Flavour(name) => Some(name),
            _ => None,
        })
        .collect();
    // While a run is at work, a flavour may have two.
    names.dedup();
    if names.is_empty() {
        return Err(Failure::not_provided(
            "no flavour is up; `dbmatrix up MATRIX` brings flavours up",
        ));
    }
    Ok(names)
}
