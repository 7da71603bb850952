//! Maps `family:version` to a recipe, as data.
//!
//! `servers.toml` beside this file lists the servers that dbmatrix can install, and their
//! sources. Knows no matrix and no container.

mod recipe;

pub use recipe::{Recipe, RepositoryRecipe, SourceKind};

use std::sync::LazyLock;

use serde::Deserialize;
use thiserror::Error;

use dbmatrix_config::{hint, nearest};
use dbmatrix_sql::version::{Family, Version, VersionError};

const SERVERS: &str = include_str!("servers.toml");

/// A server of the catalogue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Server {
    /// Its family.
    pub family: Family,
    /// Its release series.
    pub version: Version,
    /// Alternative words for the version, such as `lts`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Year and month in which its vendor's support ends, if known.
    #[serde(default)]
    pub end_of_life: Option<String>,
    /// Its sources, the preferred one first.
    pub source: Vec<Recipe>,
}

impl Server {
    /// Its name in a matrix.
    pub fn name(&self) -> String {
        format!("{}:{}", self.family, self.version)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    server: Vec<Server>,
}

/// All servers, in the order of the file.
pub fn servers() -> &'static [Server] {
    static READ: LazyLock<Vec<Server>> = LazyLock::new(|| {
        let file: File = toml::from_str(SERVERS).expect("servers.toml is checked by a test");
        file.server
    });
    &READ
}

/// A name without a server.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UnknownServer {
    /// It contains no colon.
    #[error("expected `family:version`, such as `mysql:9.7`; found `{0}`")]
    Form(String),
    /// Its family is unknown.
    #[error("{source}{near}")]
    Family {
        /// The known families.
        source: VersionError,
        /// A similar name.
        near: String,
    },
    /// Its version is invalid.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The catalogue does not know this word for a version.
    #[error("the catalogue has no `{name}`; {hint}")]
    Alias {
        /// The name.
        name: String,
        /// A similar name, and the available ones of that family.
        hint: String,
    },
}

/// The server that a matrix requests: one of the catalogue, or one with at least a known
/// family and version.
#[derive(Debug, Clone)]
pub struct ServerRequest {
    /// Its family.
    pub family: Family,
    /// Its version, as far as it is known.
    pub version: Version,
    /// The catalogue's entry.
    pub server: Option<&'static Server>,
}

/// Parses `family:version` or `family:alias`.
///
/// # Errors
/// [`UnknownServer`].
pub fn find(name: &str) -> Result<ServerRequest, UnknownServer> {
    let (family, rest) = name
        .split_once(':')
        .ok_or_else(|| UnknownServer::Form(name.to_owned()))?;
    let word = family.trim();
    let found = word.parse::<Family>();
    let found = found.ok().filter(|family| family.is_installable());
    let family = found.ok_or_else(|| UnknownServer::Family {
        source: VersionError::NotInstallable(word.to_owned()),
        near: near(name),
    })?;
    let rest = rest.trim();
    let of_family = || servers().iter().filter(|server| server.family == family);
    let wanted = |server: &'static Server, version: Version| ServerRequest {
        family,
        version,
        server: Some(server),
    };
    if let Some(server) =
        of_family().find(|server| server.aliases.iter().any(|alias| alias == rest))
    {
        return Ok(wanted(server, server.version));
    }
    let version: Version = match rest.parse() {
        Ok(version) => version,
        Err(error) if rest.starts_with(|c: char| c.is_ascii_digit()) => return Err(error.into()),
        Err(_) => {
            return Err(UnknownServer::Alias {
                name: name.to_owned(),
                hint: known(family, name),
            });
        }
    };
    let fits = |server: &&Server| server.version == version || server.version.is_prefix_of(version);
    Ok(match of_family().find(fits) {
        Some(server) => wanted(server, version),
        None => ServerRequest {
            family,
            version,
            server: None,
        },
    })
}

/// The catalogue's servers of one family, and the one most similar to `name`, for a
/// message.
pub fn known(family: Family, name: &str) -> String {
    let of_family = servers().iter().filter(|server| server.family == family);
    let names: Vec<String> = of_family.flat_map(names).collect();
    hint(name, names.iter().map(String::as_str))
}

fn near(name: &str) -> String {
    let names: Vec<String> = servers().iter().flat_map(names).collect();
    let near = nearest(name, names.iter().map(String::as_str));
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// All names of a server.
fn names(server: &Server) -> impl Iterator<Item = String> {
    let family = server.family;
    let aliases = server.aliases.iter();
    let aliases = aliases.map(move |alias| format!("{family}:{alias}"));
    std::iter::once(server.name()).chain(aliases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_whole() {
        for server in servers() {
            let name = server.name();
            assert!(!server.source.is_empty(), "{name}: no source");
            for recipe in &server.source {
                assert!(
                    !recipe.packages.is_empty() && !recipe.service.is_empty(),
                    "{name}"
                );
                assert_eq!(
                    recipe.source == SourceKind::Vendor,
                    recipe.repository.is_some(),
                    "{name}"
                );
                let keys = recipe
                    .repository
                    .iter()
                    .flat_map(|repository| &repository.fingerprints);
                for print in keys {
                    assert_eq!(print.len(), 40, "{name}: {print}");
                }
            }
        }
    }

    #[test]
    fn aliases_and_patch_versions_lead_to_their_series() {
        let version = |name: &str| find(name).expect("known").server.expect("an entry").name();
        assert_eq!(version("mysql:lts"), "mysql:9.7");
        assert_eq!(version("mysql:innovation"), "mysql:26.7");
        assert_eq!(version("mariadb:10.11.18"), "mariadb:10.11");
        assert_eq!(
            find("mysql:5.6")
                .expect("a version")
                .server
                .map(Server::name),
            None
        );
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let told = find("mysql:latest-and-greatest")
            .expect_err("no alias")
            .to_string();
        assert!(told.contains("`mysql:lts`"), "{told}");
        let told = find("mysql:ltss").expect_err("no alias").to_string();
        assert!(told.contains("did you mean `mysql:lts`?"), "{told}");
        let told = find("mysq:9.7").expect_err("no family").to_string();
        assert!(told.ends_with("; did you mean `mysql:9.7`?"), "{told}");
        assert!(find("mysql").is_err());
        assert!(find("oracle:23").is_err());
        assert!(find("mysql:8.x").is_err());
    }
}
