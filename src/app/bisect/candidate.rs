//! The releases of a bisect: each as a flavour, or why this machine cannot have it.

use std::collections::BTreeMap;
use std::path::Path;

use dbmatrix_containers::image::{Answer, ask_for_files, is_answer};
use dbmatrix_flavours::catalogue::{ServerRequest, find};
use dbmatrix_flavours::matrix::{Flavour, Matrix, NamedServer};
use dbmatrix_flavours::server::Installation;

use crate::app::Failure;
use crate::app::task::read_matrix_for;

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

/// Reads a matrix for the releases of a line, and asks once for each vendor's server whether
/// this machine reaches it. A series of which no release is reached is represented by the
/// one that Debian has, unless the line ends before the newest of the series.
///
/// # Errors
/// A matrix that is not as it should be.
pub(super) async fn read(
    path: &Path,
    text: &str,
    line: &[ServerRequest],
    ends: [&str; 2],
) -> Result<(Matrix, Vec<Candidate>), Failure> {
    let series: Vec<ServerRequest> = line
        .chunk_by(is_of_same_series)
        .map(|of_series| series_of(&of_series[0]))
        .collect();
    let servers: Vec<NamedServer> = line.iter().chain(&series).map(named_server).collect();
    let (matrix, flavours) = read_matrix_for(path, text, &servers)?;
    let unreached = unreached_hosts(&flavours).await;
    let is_named = |request: &ServerRequest| ends.contains(&request.name().as_str());
    let mut flavours = flavours.into_iter();
    let mut exact: Vec<(&ServerRequest, Reached)> = Vec::new();
    for request in line {
        let flavour = flavours.next().unwrap_or_else(|| Err(String::new()));
        exact.push((request, Reached::check(flavour, &unreached)));
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
        if let Reached::Yes(flavour) = Reached::check(flavour, &unreached)
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
    Ok((matrix, all))
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

fn named_server(request: &ServerRequest) -> NamedServer {
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

/// Whether a flavour's source is reached.
enum Reached {
    Yes(Flavour),
    /// The vendor is not. Debian may have the release, which only apt in its container knows.
    Perhaps(Flavour, String),
    No(String),
}

impl Reached {
    fn check(flavour: Result<Flavour, String>, unreached: &BTreeMap<String, String>) -> Self {
        let flavour = match flavour {
            Ok(flavour) => flavour,
            Err(why) => return Reached::No(why),
        };
        let installation = installation(&flavour);
        let hosts = installation.map(Installation::hosts).unwrap_or_default();
        let mut hosts = hosts.iter().map(|host| &host.host);
        let why = hosts.find_map(|host| Some((host, unreached.get(host)?)));
        let Some(why) = why.map(|(host, why)| format!("{host} is not reached from here: {why}"))
        else {
            return Reached::Yes(flavour);
        };
        match installation.is_some_and(Installation::may_be_in_image) {
            true => Reached::Perhaps(flavour, why),
            false => Reached::No(why),
        }
    }

    /// Of those that Debian may have, only what the user `is_named` is worth a try.
    fn into_flavour(self, is_named: bool) -> Result<Flavour, String> {
        match self {
            Reached::Yes(flavour) => Ok(flavour),
            Reached::Perhaps(flavour, _) if is_named => Ok(flavour),
            Reached::Perhaps(_, why) | Reached::No(why) => Err(why),
        }
    }
}

fn installation(flavour: &Flavour) -> Option<&Installation> {
    Some(&flavour.managed()?.spec.installation)
}

/// The vendors' servers that do not answer, and why. Each is asked for two small files at
/// most, all at once.
async fn unreached_hosts(flavours: &[Result<Flavour, String>]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let installations = flavours.iter().flatten().filter_map(installation);
    for host in installations.flat_map(Installation::hosts) {
        let of_host = files.entry(host.host).or_default();
        of_host.truncate(1);
        of_host.push(host.file);
    }
    let answers = ask_for_files(files.values().flatten().cloned().collect()).await;
    let answers = answers.unwrap_or_else(|why| {
        eprintln!("warning: which vendors are reached shows only when a server is made: {why}");
        BTreeMap::new()
    });
    let why_not = |file: &String| match answers.get(file) {
        Some(Answer::Unreached(why)) if !is_answer(why) => Some(why.clone()),
        _ => None,
    };
    let unreached = files.into_iter().filter_map(|(host, files)| {
        let reasons: Option<Vec<String>> = files.iter().map(why_not).collect();
        Some((host, reasons?.into_iter().next()?))
    });
    unreached.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check(server: &str, unreached: &[&str]) -> Reached {
        let request = find(server).expect("a server");
        let read = read_matrix_for(Path::new("m.toml"), "", &[named_server(&request)]);
        let (_, mut flavours) = read.expect("a matrix");
        let unreached = unreached.iter();
        let unreached: BTreeMap<String, String> = unreached
            .map(|host| ((*host).to_owned(), "no route".to_owned()))
            .collect();
        Reached::check(flavours.swap_remove(0), &unreached)
    }

    #[test]
    fn a_release_of_a_vendor_that_is_not_reached_is_not_available() {
        let archive = "https://archive.mariadb.org";
        let Reached::No(why) = check("mariadb:10.6.18", &[archive]) else {
            panic!("it is reached");
        };
        assert_eq!(
            why,
            "https://archive.mariadb.org is not reached from here: no route"
        );
        assert!(matches!(check("mariadb:10.6.18", &[]), Reached::Yes(_)));
        assert!(matches!(check("mariadb:10.5", &[archive]), Reached::Yes(_)));
    }

    #[test]
    fn a_release_that_debian_may_have_is_tried_only_if_it_is_named() {
        let reached = || check("mariadb:10.11.6", &["https://archive.mariadb.org"]);
        assert!(matches!(reached(), Reached::Perhaps(..)));
        assert!(reached().into_flavour(true).is_ok());
        assert!(reached().into_flavour(false).is_err());
    }
}
