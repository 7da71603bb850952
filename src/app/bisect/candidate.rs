//! The releases of a bisect: each as a flavour, or why this machine cannot have it.

use std::path::Path;

use dbmatrix_flavours::catalogue::{ServerRequest, find};
use dbmatrix_flavours::matrix::{Flavour, Matrix, NamedServer};

use crate::app::matrix_file::read_matrix_for;
use crate::app::sources::{Reached, Sources};
use crate::app::{Failure, Globals, privilege};

/// The beginning of the flavours' names: a bisect deletes its flavours, and those that the
/// user has brought up stay.
const PREFIX: &str = "bisect-";

/// A release that may be asked.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Its name, such as `mysql:8.0.36`. A series stands for the release that Debian has.
    pub(super) name: String,
    /// When it was published, if that is known.
    pub(super) released: Option<String>,
    /// Its flavour, or why there is none.
    pub(super) flavour: Result<Flavour, String>,
}

/// Reads a matrix for the releases of a line, and asks each vendor's server once whether this
/// machine reaches it. A series of which no release is reached is represented by the
/// one that Debian has, unless the line ends before the newest of the series.
///
/// # Errors
/// A matrix that is not as it should be.
pub(super) async fn read(
    global: &Globals,
    path: &Path,
    text: &str,
    line: &[ServerRequest],
    ends: [&str; 2],
) -> Result<(Matrix, Vec<Candidate>, Sources), Failure> {
    let series: Vec<ServerRequest> = line
        .chunk_by(is_of_same_series)
        .map(|of_series| series_of(&of_series[0]))
        .collect();
    let servers: Vec<NamedServer> = line.iter().chain(&series).map(named_server).collect();
    let (matrix, flavours) = read_matrix_for(path, text, &servers)?;
    privilege::ensure_engine_access(global).await?;
    let sources = Sources::ask(global, &matrix.nest.name, &flavours).await;
    let is_named = |request: &ServerRequest| ends.contains(&request.name().as_str());
    let mut flavours = flavours.into_iter();
    let mut exact: Vec<(&ServerRequest, Reached)> = Vec::new();
    for request in line {
        let flavour = flavours.next().unwrap_or_else(|| Err(String::new()));
        exact.push((request, sources.check(flavour)));
    }
    let cut = ends_within(ends[1]);
    let mut all = Vec::new();
    let mut exact = exact.into_iter().peekable();
    for (of_series, flavour) in series.iter().zip(flavours) {
        let mut is_had = false;
        while let Some((request, reached)) =
            exact.next_if(|(request, _)| is_of_same_series(request, of_series))
        {
            is_had |= matches!(reached, Reached::Yes(_));
            all.push(Candidate {
                name: request.name(),
                released: request.release().and_then(|release| release.date.clone()),
                flavour: reached.into_flavour(is_named(request)),
            });
        }
        let is_cut = cut
            .as_ref()
            .is_some_and(|cut| is_of_same_series(cut, of_series));
        if let Reached::Yes(flavour) = sources.check(flavour)
            && !is_had
            && !is_cut
        {
            all.push(Candidate {
                name: of_series.name(),
                released: None,
                flavour: Ok(flavour),
            });
        }
    }
    Ok((matrix, all, sources))
}

fn is_of_same_series(one: &ServerRequest, other: &ServerRequest) -> bool {
    one.version.series() == other.version.series()
}

fn series_of(request: &ServerRequest) -> ServerRequest {
    match request.series {
        Some(series) => series.request(),
        None => request.clone(),
    }
}

pub(super) fn named_server(request: &ServerRequest) -> NamedServer {
    let server = request.name();
    NamedServer {
        name: format!("{PREFIX}{}", server.replace(':', "-")),
        server,
    }
}

/// The last release, if the user names one: its series may have newer ones.
fn ends_within(name: &str) -> Option<ServerRequest> {
    find(name).ok().filter(|request| request.version.is_exact())
}
