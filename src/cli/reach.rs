//! A flavour that is up, reached from the command line.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::Failure;
use super::args::Place;
use crate::host::{Names, Survey, survey};
use crate::nest::{Found, Kind, find_flavour, list_all};
use crate::route::Routes;
use crate::server::{Login, RoutedUser, Server, log_in};

/// A flavour that somebody is logged in to.
pub(super) struct Reached {
    /// The flavour's name.
    pub(super) flavour: String,
    pub(super) server: Server,
    pub(super) found: Found,
}

/// Starts a flavour where it does not run, and logs in to it.
pub(super) async fn reach(
    place: &Place,
    flavour: &str,
    nest: Option<&str>,
) -> Result<Reached, Failure> {
    log_in_to(flavour, find(place, flavour, nest).await?).await
}

/// As [`reach`], several side by side, in their order, each with its nest where
/// that is known.
pub(super) async fn reach_all(
    place: &Place,
    flavours: &[(String, Option<String>)],
) -> Result<Vec<Reached>, Failure> {
    let mut found = Vec::new();
    // One after the other: two would start the same nest.
    for (flavour, nest) in flavours {
        found.push((flavour, find(place, flavour, nest.as_deref()).await?));
    }
    let logins = found.into_iter();
    try_join_all(logins.map(|(flavour, found)| log_in_to(flavour, found))).await
}

async fn find(place: &Place, flavour: &str, nest: Option<&str>) -> Result<Found, Failure> {
    let found = survey(&place.engine()).await;
    let Survey::Running(engine) = &found else {
        return Err(Failure::not_provided(format!(
            "{found}; `dbmatrix up MATRIX` brings flavours up"
        )));
    };
    let names = Names::of(&place.project);
    let found = find_flavour(engine, &names, flavour, nest).await;
    found.map_err(Failure::not_provided)
}

async fn log_in_to(flavour: &str, found: Found) -> Result<Reached, Failure> {
    let nest = &found.nest;
    let routes = Routes::open().map_err(Failure::not_provided)?;
    let ensured = routes.ensure(nest.subnet, nest.address, &nest.bridge).await;
    ensured.map_err(Failure::not_provided)?;
    let guard = nest.guard();
    let checked = guard.check(found.address).await;
    let user = RoutedUser {
        address: checked.map_err(Failure::not_provided)?,
        password: nest.password.clone(),
    };
    let login = Login {
        address: found.address,
        user: &user,
        guard: &guard,
        limit: Duration::from_secs(60),
    };
    let told = |error| Failure::not_provided(format!("{flavour}: {error}"));
    let server = log_in(&login).await.map_err(told)?;
    Ok(Reached {
        flavour: flavour.to_owned(),
        server,
        found,
    })
}

/// Names of all flavours that are up, in one nest or all; an error where there is
/// none.
pub(super) async fn flavours_up(place: &Place, nest: Option<&str>) -> Result<Vec<String>, Failure> {
    let names = flavours_in(place, nest).await?;
    if names.is_empty() {
        return Err(Failure::not_provided(
            "no flavour is up; `dbmatrix up MATRIX` brings flavours up",
        ));
    }
    Ok(names)
}

/// Names of the flavours of one nest or all; none where no engine runs.
pub(super) async fn flavours_in(place: &Place, nest: Option<&str>) -> Result<Vec<String>, Failure> {
    let found = survey(&place.engine()).await;
    let Survey::Running(engine) = &found else {
        return Ok(Vec::new());
    };
    let all = list_all(engine, &place.project).await;
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
    Ok(names)
}
