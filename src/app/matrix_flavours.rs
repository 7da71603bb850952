//! Connects to flavours of a matrix: those that are up in its nest, and the external
//! servers that it names.

use std::path::Path;

use dbmatrix_config::hint;
use dbmatrix_containers::nest::Located;
use dbmatrix_flavours::matrix::{Flavour, Matrix};
use dbmatrix_flavours::server::log_in_to_external;
use dbmatrix_sql::session::Endpoint;
use futures_util::future::try_join_all;
use globset::Glob;

use super::connect_flavour::{Reached, find, find_all, reach_all};
use super::matrix_file::load_matrix;
use super::{Failure, Globals, privilege};

/// The selection of flavours.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Meant<'a> {
    /// All external ones, and those others that are up.
    All,
    /// Those of these names.
    Named(&'a [String]),
}

/// The nest of a matrix, and the flavours of the matrix that dbmatrix makes in it.
#[derive(Debug)]
pub(crate) struct InMatrix {
    pub(crate) nest: String,
    pub(crate) flavours: Vec<String>,
}

/// Reads where flavours of these names or patterns are.
///
/// # Errors
/// A matrix that is not as it should be, a name or pattern that fits none of its
/// flavours, or one that only external servers have.
pub(crate) fn find_in_matrix<S: AsRef<str>>(
    path: &Path,
    wanted: &[S],
) -> Result<InMatrix, Failure> {
    let matrix = load_matrix(path)?;
    for wanted in wanted {
        check_wanted(&matrix, wanted.as_ref())?;
    }
    let managed = matrix.flavours.iter().filter(|one| one.managed().is_some());
    let servers = managed.flat_map(Flavour::servers);
    let flavours: Vec<String> = servers.map(|one| one.name.clone()).collect();
    if flavours.is_empty() {
        return Err(Failure::impossible(format!(
            "`{}` names external servers alone: dbmatrix does not keep them",
            path.display()
        )));
    }
    Ok(InMatrix {
        nest: matrix.nest.name,
        flavours,
    })
}

fn check_wanted(matrix: &Matrix, wanted: &str) -> Result<(), Failure> {
    let pattern = Glob::new(wanted).map(|glob| glob.compile_matcher());
    let is_meant = |one: &&Flavour| {
        let pattern = pattern.as_ref();
        one.name == wanted || pattern.is_ok_and(|pattern| pattern.is_match(&one.name))
    };
    let servers = matrix.flavours.iter().flat_map(Flavour::servers);
    let meant: Vec<&Flavour> = servers.filter(is_meant).collect();
    match meant.first() {
        None => {
            let there = matrix.flavours.iter().map(|one| one.name.as_str());
            let (path, hint) = (matrix.path.display(), hint(wanted, there));
            Err(Failure::misused(format!(
                "no flavour `{wanted}` in `{path}`; {hint}"
            )))
        }
        Some(first) if meant.iter().all(|one| one.external().is_some()) => {
            Err(Failure::impossible(format!(
                "`{}` is an external server: dbmatrix does not keep it and can only ask it (`run`, `diff`, `exec`, `connect`)",
                first.name
            )))
        }
        _ => Ok(()),
    }
}

/// Connects to flavours of a matrix concurrently, and keeps their order. Starts servers
/// in the nest if necessary.
pub(crate) async fn reach_flavours(
    global: &Globals,
    path: &Path,
    meant: Meant<'_>,
) -> Result<Vec<Reached>, Failure> {
    let matrix = load_matrix(path)?;
    let flavours = chosen(&matrix, meant)?;
    let mut external = Vec::new();
    for flavour in &flavours {
        if let Some(server) = flavour.external() {
            let endpoint = server.endpoint(&flavour.name).map_err(Failure::misused);
            external.push((*flavour, endpoint));
        }
    }
    let external = external.into_iter().map(async |(flavour, endpoint)| {
        let reached = match endpoint {
            Ok(endpoint) => reach(&flavour.name, endpoint).await,
            Err(failure) => Err(failure),
        };
        match reached {
            Err(failure) if !flavour.required && matches!(meant, Meant::All) => {
                let why = failure.message;
                eprintln!("warning: not required, and left out: {why}");
                Ok(None)
            }
            reached => reached.map(Some),
        }
    });
    let located = locate(global, &matrix, &flavours, meant).await?;
    let (mut reached, external) = tokio::try_join!(reach_all(&located), try_join_all(external))?;
    reached.extend(external.into_iter().flatten());
    if reached.is_empty() {
        return Err(Failure::not_provided("no flavour was reached"));
    }
    let order = |one: &Reached| {
        flavours
            .iter()
            .position(|flavour| flavour.name == one.flavour)
    };
    reached.sort_by_key(order);
    Ok(reached)
}

fn chosen<'m>(matrix: &'m Matrix, meant: Meant<'_>) -> Result<Vec<&'m Flavour>, Failure> {
    let Meant::Named(names) = meant else {
        return Ok(matrix.flavours.iter().collect());
    };
    let mut chosen: Vec<&Flavour> = Vec::new();
    for name in names {
        let mut servers = matrix.flavours.iter().flat_map(Flavour::servers);
        let found = servers.find(|one| one.name == *name);
        let flavour = found.ok_or_else(|| {
            let there = matrix.flavours.iter().map(|one| one.name.as_str());
            let (path, hint) = (matrix.path.display(), hint(name, there));
            Failure::misused(format!("no flavour `{name}` in `{path}`; {hint}"))
        })?;
        if !chosen.iter().any(|one| one.name == flavour.name) {
            chosen.push(flavour);
        }
    }
    Ok(chosen)
}

/// The flavours that dbmatrix made, in the nest of the matrix. Asks an engine only if
/// there may be some.
async fn locate(
    global: &Globals,
    matrix: &Matrix,
    flavours: &[&Flavour],
    meant: Meant<'_>,
) -> Result<Vec<Located>, Failure> {
    let managed = flavours.iter().filter(|one| one.managed().is_some());
    let managed: Vec<&str> = managed.map(|one| one.name.as_str()).collect();
    if managed.is_empty() {
        return Ok(Vec::new());
    }
    privilege::ensure_engine_access(global).await?;
    let nest = Some(matrix.nest.name.as_str());
    let mut located = Vec::new();
    match meant {
        Meant::Named(_) => {
            for name in managed {
                located.push(find(global, name, nest).await?);
            }
        }
        Meant::All => match find_all(global, nest).await {
            Ok(all) => located.extend(
                all.into_iter()
                    .filter(|one| managed.contains(&one.flavour.as_str())),
            ),
            Err(failure) if managed.len() < flavours.len() => {
                eprintln!(
                    "warning: only external servers are asked: {}",
                    failure.message
                );
            }
            Err(failure) => return Err(failure),
        },
    }
    Ok(located)
}

async fn reach(name: &str, endpoint: Endpoint) -> Result<Reached, Failure> {
    let server = log_in_to_external(endpoint).await;
    let server = server.map_err(|error| Failure::not_provided(format!("{name}: {error}")))?;
    Ok(Reached {
        flavour: name.to_owned(),
        label: name.to_owned(),
        server,
        located: None,
    })
}
