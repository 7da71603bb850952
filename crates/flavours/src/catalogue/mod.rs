//! Maps `family:version` to recipes, as data.
//!
//! `series.toml` lists the series of releases, `releases.csv` the releases,
//! `sources.toml` where they are, and `checksums.csv` those of tarballs.
//! `cargo xtask catalogue` adds what vendors have released since. Knows no matrix and no
//! container.

mod choice;
mod line;
mod recipe;
mod release;
mod series;
mod source;

pub use choice::{NoChoice, choose};
pub use line::{NoLine, line_between};
pub use recipe::{
    Architecture, KeyRecipe, Recipe, RepositoryRecipe, SourceKind, TarballProof, TarballRecipe,
};
pub use release::{Release, releases, releases_of};
pub use series::{Series, series};

use thiserror::Error;

use dbmatrix_config::{hint, nearest};
use dbmatrix_sql::version::{Family, Version, VersionError};

use source::{Target, Wants};

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
    /// The vendor's own number after the version, if the name has one.
    pub build: Option<String>,
    /// Its series, if the catalogue has it.
    pub series: Option<&'static Series>,
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
    if let Some(series) = series_of(family).find(|series| series.aliases.iter().any(|a| a == rest))
    {
        return Ok(series.request());
    }
    let (number, build) = release::split_number(rest);
    let version: Version = match number.parse() {
        Ok(version) => version,
        Err(error) if rest.starts_with(|c: char| c.is_ascii_digit()) => return Err(error.into()),
        Err(_) => {
            return Err(UnknownServer::Alias {
                name: name.to_owned(),
                hint: known(family, name),
            });
        }
    };
    let is_build = |build: &str| {
        let is_letter = |c: char| c.is_ascii_digit() || c == '.';
        !build.is_empty() && version.is_exact() && build.chars().all(is_letter)
    };
    if build.is_some_and(|build| !is_build(build)) {
        return Err(VersionError::Version(rest.to_owned()).into());
    }
    Ok(ServerRequest {
        family,
        version,
        build: build.map(str::to_owned),
        series: series_of(family).find(|series| series.version.is_prefix_of(version)),
    })
}

impl Series {
    /// The request for any release of it.
    pub fn request(&'static self) -> ServerRequest {
        ServerRequest {
            family: self.family,
            version: self.version,
            build: None,
            series: Some(self),
        }
    }
}

impl Release {
    /// The request for exactly this release.
    pub fn request(&self) -> ServerRequest {
        ServerRequest {
            family: self.family,
            version: self.version,
            build: self.build.clone(),
            series: series_of(self.family).find(|series| series.version == self.series()),
        }
    }
}

impl ServerRequest {
    /// Its name, with a number in place of a word such as `lts`.
    pub fn name(&self) -> String {
        let (family, version) = (self.family, self.version);
        match &self.build {
            Some(build) => format!("{family}:{version}-{build}"),
            None => format!("{family}:{version}"),
        }
    }

    /// The release that is installed where nothing newer is found: the one that is named,
    /// or the newest of the series.
    pub fn release(&self) -> Option<&'static Release> {
        let of_series = || releases_of(self.family, self.version);
        if !self.version.is_exact() {
            return of_series().last();
        }
        match &self.build {
            Some(build) => of_series().find(|release| release.build.as_ref() == Some(build)),
            None => of_series().last(),
        }
    }

    /// The ways to install it on any architecture, the preferred one first; none if the
    /// catalogue knows neither its series nor the release. A release that is newer than
    /// all that the catalogue knows is looked for where those are.
    pub fn recipes(&self) -> Vec<Recipe> {
        let Some(series) = self.series else {
            return Vec::new();
        };
        let target = match self.release() {
            Some(release) => Target {
                family: self.family,
                version: release.version,
                build: release.build.clone(),
                wants: match self.version.is_exact() {
                    true => Wants::Exact,
                    false => Wants::Series,
                },
            },
            None if self.is_newer_than(series) => Target {
                family: self.family,
                version: self.version,
                build: self.build.clone(),
                wants: Wants::Newer,
            },
            None => return Vec::new(),
        };
        source::recipes(&target)
    }

    /// The beginning of the only version of packages to install, where the vendor's own
    /// number belongs to it.
    pub fn pin(&self) -> Option<String> {
        let build = self.build.as_ref()?;
        Some(format!("{}-{build}", self.version))
    }

    fn is_newer_than(&self, series: &Series) -> bool {
        let newest = series.releases().last();
        newest.is_none_or(|newest| newest.order() < self.order())
    }

    fn order(&self) -> (Version, Vec<u32>) {
        release::order_of(self.version, self.build.as_deref())
    }
}

fn series_of(family: Family) -> impl Iterator<Item = &'static Series> {
    series()
        .iter()
        .filter(move |series| series.family == family)
}

/// What the catalogue has in place of a server that it does not have, for a message: the
/// neighbours of its release or of its series, or the series of its family.
pub fn alternatives(request: &ServerRequest, name: &str) -> String {
    let names = |before: Option<String>, after: Option<String>| match (before, after) {
        (Some(before), Some(after)) => {
            Some(format!("the nearest that it has are {before} and {after}"))
        }
        (Some(one), None) | (None, Some(one)) => Some(format!("the nearest that it has is {one}")),
        (None, None) => None,
    };
    let quoted = |name: String| format!("`{name}`");
    let (family, version) = (request.family, request.version);
    let told = match request.series {
        Some(series) => {
            let before = series
                .releases()
                .filter(|release| release.version <= version);
            let after = series.releases().find(|release| release.version > version);
            names(
                before.last().map(|release| quoted(release.to_string())),
                after.map(|release| quoted(release.to_string())),
            )
        }
        None => {
            let older = series_of(family).find(|series| series.version < version);
            let newer = series_of(family).filter(|series| series.version > version);
            names(
                older.map(|series| quoted(series.name())),
                newer.last().map(|series| quoted(series.name())),
            )
        }
    };
    told.unwrap_or_else(|| known(family, name))
}

/// The catalogue's series of one family, and the one most similar to `name`, for a
/// message.
fn known(family: Family, name: &str) -> String {
    let names: Vec<String> = series_of(family).flat_map(Series::names).collect();
    hint(name, names.iter().map(String::as_str))
}

fn near(name: &str) -> String {
    let names: Vec<String> = series().iter().flat_map(Series::names).collect();
    let near = nearest(name, names.iter().map(String::as_str));
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str) -> ServerRequest {
        find(name).expect("a name of the right form")
    }

    fn first(name: &str) -> Recipe {
        let mut recipes = request(name).recipes();
        assert!(!recipes.is_empty(), "no source has {name}");
        recipes.swap_remove(0)
    }

    #[test]
    fn every_series_and_every_release_has_a_source() {
        for series in series() {
            assert!(!series.request().recipes().is_empty(), "{}", series.name());
        }
        for release in releases() {
            assert!(!release.request().recipes().is_empty(), "{release}");
        }
    }

    #[test]
    fn aliases_and_releases_lead_to_their_series() {
        let series = |name: &str| request(name).series.map(Series::name);
        assert_eq!(series("mysql:lts").as_deref(), Some("mysql:9.7"));
        assert_eq!(series("mysql:innovation").as_deref(), Some("mysql:26.7"));
        assert_eq!(series("mariadb:10.11.18").as_deref(), Some("mariadb:10.11"));
        assert_eq!(series("percona:8.0.36-28").as_deref(), Some("percona:8.0"));
        assert_eq!(series("mysql:7.0"), None);
    }

    #[test]
    fn a_release_comes_from_where_its_vendor_keeps_it() {
        let url = |name: &str| first(name).url().unwrap_or_default().to_owned();
        insta::assert_snapshot!(
            [
                "mysql:8.0.36", "mysql:5.7", "mysql:5.5.62", "mysql:8.0", "mysql:9.6",
                "mariadb:10.6.18", "mariadb:10.3", "mariadb:10.6", "mariadb:11.4.2",
                "percona:8.0.36-28", "percona:5.7", "percona:8.4",
            ].map(url).join("\n"), @r"
        https://cdn.mysql.com/archives/mysql-8.0/mysql-8.0.36-linux-glibc2.17-x86_64-minimal.tar.xz
        https://cdn.mysql.com/archives/mysql-5.7/mysql-5.7.44-linux-glibc2.12-x86_64.tar.gz
        https://cdn.mysql.com/archives/mysql-5.5/mysql-5.5.62-linux-glibc2.12-x86_64.tar.gz
        https://repo.mysql.com/apt/debian
        https://cdn.mysql.com/archives/mysql-9.6/mysql-9.6.0-linux-glibc2.28-x86_64-minimal.tar.xz
        https://archive.mariadb.org/mariadb-10.6.18/repo/debian
        https://archive.mariadb.org/mariadb-10.3.39/bintar-linux-systemd-x86_64/mariadb-10.3.39-linux-systemd-x86_64.tar.gz
        https://archive.mariadb.org/mariadb-10.6.28/repo/debian
        https://archive.mariadb.org/mariadb-11.4.2/repo/debian
        https://repo.percona.com/ps-80/apt
        https://downloads.percona.com/downloads/Percona-Server-5.7/Percona-Server-5.7.44-48/binary/tarball/Percona-Server-5.7.44-48-Linux.x86_64.glibc2.17-minimal.tar.gz
        https://repo.percona.com/ps-84-lts/apt
        ");
        assert_eq!(first("mariadb:11.4.6").source, SourceKind::Vendor);
    }

    #[test]
    fn debian_comes_first_where_it_may_have_a_release() {
        for name in ["mysql:9.7", "mysql:9.7.99", "mariadb:10.11"] {
            let recipe = first(name);
            assert_eq!(recipe.source, SourceKind::Debian, "{name}");
            assert_eq!(recipe.url(), None, "{name}");
        }
        // Debian has one of these now, and the vendor all of them.
        for name in ["mariadb:10.11.6", "mariadb:10.11.99", "mariadb:11.8.5"] {
            let recipe = first(name);
            assert_eq!(recipe.source, SourceKind::Debian, "{name}");
            assert!(recipe.only_if_missing, "{name}");
        }
        // The vendor has these for other images alone.
        for name in ["mariadb:10.11.3", "mysql:9.7.1"] {
            assert_ne!(first(name).source, SourceKind::Debian, "{name}");
            let mut all = request(name).recipes().into_iter();
            assert!(
                all.any(|recipe| recipe.source == SourceKind::Debian),
                "{name}"
            );
        }
    }

    #[test]
    fn a_build_is_pinned_and_one_that_is_newer_than_the_catalogue_is_looked_for() {
        let pin = |name: &str| request(name).pin();
        assert_eq!(pin("percona:8.0.36-28").as_deref(), Some("8.0.36-28"));
        assert_eq!(pin("percona:8.0.36"), None);
        assert_eq!(first("percona:8.0.46-99").source, SourceKind::Vendor);
        assert!(request("percona:8.0.36-27").recipes().is_empty());
        let newer = first("mariadb:11.4.99");
        let url = newer.url().unwrap_or_default();
        assert!(url.ends_with("/mariadb-11.4.99/repo/debian"), "{url}");
    }

    #[test]
    fn a_tarball_is_proved_by_its_checksum_or_its_signature() {
        let proof = |name: &str| first(name).tarball.expect("a tarball").proof;
        assert!(matches!(proof("mysql:5.7.31"), TarballProof::Checksum(_)));
        let TarballProof::Signature(key) = proof("mysql:8.0.30") else {
            panic!("a signature");
        };
        assert_eq!(
            key.fingerprints,
            ["859BE8D7C586F538430B19C2467B942D3A79BD29"]
        );
    }

    #[test]
    fn old_releases_are_for_amd64_alone() {
        let arm = |name: &str| {
            let recipes = request(name).recipes();
            recipes
                .iter()
                .any(|recipe| recipe.architectures.contains(&Architecture::Arm64))
        };
        assert!(!arm("mysql:5.7.44") && !arm("mysql:8.0.30") && !arm("mariadb:10.3"));
        assert!(arm("mysql:8.0.31") && arm("mariadb:10.6.18") && arm("percona:8.4"));
    }

    #[test]
    fn what_is_not_there_is_told_with_its_neighbours() {
        let told = |name: &str| {
            let request = request(name);
            assert!(request.recipes().is_empty(), "{name}");
            alternatives(&request, name)
        };
        insta::assert_snapshot!(told("mysql:8.0.4"), @"the nearest that it has is `mysql:8.0.11`");
        insta::assert_snapshot!(told("mysql:5.6.18"), @"the nearest that it has are `mysql:5.6.17` and `mysql:5.6.19`");
        insta::assert_snapshot!(told("mysql:5.1"), @"the nearest that it has is `mysql:5.5`");
        insta::assert_snapshot!(told("mysql:7.0"), @"the nearest that it has are `mysql:5.7` and `mysql:8.0`");
        insta::assert_snapshot!(told("mariadb:99.1"), @"the nearest that it has is `mariadb:12.3`");
    }

    #[test]
    fn a_word_or_a_family_that_is_unknown_is_told_with_a_similar_one() {
        let told = |name: &str| find(name).expect_err("unknown").to_string();
        assert!(told("mysql:latest-and-greatest").contains("`mysql:lts`"));
        assert!(told("mysql:ltss").contains("did you mean `mysql:lts`?"));
        let told_of = told("mysq:9.7");
        assert!(
            told_of.ends_with("; did you mean `mysql:9.7`?"),
            "{told_of}"
        );
        for name in [
            "mysql",
            "oracle:23",
            "mysql:8.x",
            "mysql:8.0-28",
            "mysql:8.0.36-",
            "mysql:8.0.36-rc",
        ] {
            assert!(find(name).is_err(), "{name}");
        }
    }
}
