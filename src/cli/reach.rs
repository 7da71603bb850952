//! A flavour that is up, reached from the command line.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::Failure;
use super::args::Place;
use crate::engine::Engine;
use crate::host::{Names, Survey, survey};
use crate::nest::{Child, Found, Kind, Located, Nest, list_all, locate};
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
    log_in_at(&located.nest, &located.child).await
}

/// Logs in to a nest's child that was started a moment ago.
pub(super) async fn log_in_at(nest: &Nest, child: &Child) -> Result<Server, Failure> {
    lay_route(nest).await?;
    let guard = nest.guard();
    let address = child.address;
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
    let server = started_again(child, log_in(&login)).await;
    server.map_err(Failure::not_provided)
}

/// A flavour that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meant {
    /// Its name.
    pub(super) flavour: String,
    /// Its nest, where that is told.
    pub(super) nest: Option<String>,
}

/// As [`reach`], several side by side, in their order.
pub(super) async fn reach_all(place: &Place, all: &[Meant]) -> Result<Vec<Reached>, Failure> {
    let mut found = Vec::new();
    // One after the other: two would start the same nest.
    for Meant { flavour, nest } in all {
        let located = find(place, flavour, nest.as_deref()).await?;
        located.start().await.map_err(Failure::not_provided)?;
        found.push(located);
    }
    let logins = found.iter().map(async |located| {
        let told = |failure: Failure| Failure {
            message: format!("{}: {}", located.flavour, failure.message),
            ..failure
        };
        Ok(Reached {
            flavour: located.flavour.clone(),
            server: log_in_to(located).await.map_err(told)?,
            found: located.found(),
        })
    });
    try_join_all(logins).await
}

/// All flavours that are up, in one nest or all; an error where there is none.
pub(super) async fn flavours_up(place: &Place, nest: Option<&str>) -> Result<Vec<Meant>, Failure> {
    running(place).await?;
    let all = flavours_in(place, nest).await?;
    if all.is_empty() {
        return Err(Failure::not_provided(
            "no flavour is up; `dbmatrix up MATRIX` brings flavours up",
        ));
    }
    Ok(all)
}

/// The flavours of one nest or all; none where no engine runs.
pub(super) async fn flavours_in(place: &Place, nest: Option<&str>) -> Result<Vec<Meant>, Failure> {
    let found = survey(&place.engine()).await;
    let Survey::Running(engine) = &found else {
        return Ok(Vec::new());
    };
    let rows = list_all(engine, &place.project).await;
    let rows = rows.map_err(Failure::not_provided)?;
    let mut all = Vec::new();
    for row in rows {
        let is_chosen = nest.is_none_or(|nest| row.nest == nest);
        if let (Kind::Flavour(flavour), true) = (row.kind, is_chosen && row.state != "half made") {
            let nest = Some(row.nest);
            all.push(Meant { flavour, nest });
        }
    }
    // While a run is at work, a flavour may have two.
    all.dedup();
    Ok(all)
}
