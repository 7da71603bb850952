//! Where releases are, as data: `sources.toml` beside this file, and the checksums of
//! tarballs.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use dbmatrix_sql::version::{Family, Version};

use super::recipe::{
    Architecture, KeyRecipe, Recipe, RepositoryRecipe, SourceKind, TarballProof, TarballRecipe,
};

const SOURCES: &str = include_str!("sources.toml");
const CHECKSUMS: &str = include_str!("checksums.csv");

/// A release to look for.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) family: Family,
    pub(super) version: Version,
    pub(super) build: Option<String>,
    pub(super) wants: Wants,
}

/// Which releases would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// Any of the series, preferably the newest.
    Series,
    /// Only this one.
    Exact,
    /// Only this one, which is newer than all that the catalogue knows of its series.
    Newer,
}

/// The sources of many releases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Source {
    family: Family,
    kind: SourceKind,
    /// The first release.
    from: Version,
    /// The last release; a series includes all of its releases.
    to: Version,
    /// Whether it has only the newest release of each series.
    #[serde(default)]
    only_newest: bool,
    #[serde(default = "Architecture::all")]
    architectures: Vec<Architecture>,
    image: String,
    packages: Vec<String>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    settings_folder: Option<String>,
    #[serde(default)]
    debconf: Vec<String>,
    /// Addresses; `{version}`, `{series}` and `{build}` stand for those of the release.
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    suite: Option<String>,
    #[serde(default)]
    components: Vec<String>,
    /// The name of the key that signs it.
    #[serde(default)]
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    key: BTreeMap<String, KeyRecipe>,
    source: Vec<Source>,
}

fn file() -> &'static File {
    static READ: LazyLock<File> =
        LazyLock::new(|| toml::from_str(SOURCES).expect("sources.toml is checked by a test"));
    &READ
}

/// The checksum of a tarball, such as `sha256:…`, by its file's name.
fn checksum_of(file: &str) -> Option<&'static str> {
    static READ: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
        let lines = CHECKSUMS.lines().skip(1);
        lines.filter_map(|line| line.split_once(',')).collect()
    });
    READ.get(file).copied()
}

/// The ways to install a release on any architecture, the preferred one first.
pub(super) fn recipes(target: &Target) -> Vec<Recipe> {
    let of_release = file().source.iter().filter(|source| source.covers(target));
    let (debian, vendors): (Vec<&Source>, Vec<&Source>) =
        of_release.partition(|source| source.kind == SourceKind::Debian);
    let is_series = target.wants == Wants::Series;
    let (vendors, others): (Vec<&Source>, Vec<&Source>) = vendors
        .into_iter()
        .partition(|source| is_series || !source.only_newest);
    let recipes = |sources: Vec<&Source>| {
        let recipes = sources
            .into_iter()
            .filter_map(|source| source.recipe(target));
        recipes.collect::<Vec<Recipe>>()
    };
    let last = recipes(others);
    let mut recipes = recipes(vendors);
    for source in debian {
        let Some(recipe) = source.recipe(target) else {
            continue;
        };
        // A suite of Debian has one release of a series at a time; which one, only apt knows.
        let vendor = recipes
            .iter()
            .find(|other| !is_series && other.image == recipe.image && other.repository.is_some());
        match vendor {
            Some(vendor) => {
                let either = Recipe {
                    repository: vendor.repository.clone(),
                    only_if_missing: true,
                    ..recipe
                };
                recipes.insert(0, either);
            }
            None if target.wants == Wants::Exact => recipes.push(recipe),
            None => recipes.insert(0, recipe),
        }
    }
    // They have the release while it is the newest.
    recipes.extend(last);
    recipes
}

impl Source {
    fn covers(&self, target: &Target) -> bool {
        let version = target.version;
        let is_between =
            self.from <= version && (version <= self.to || self.to.is_prefix_of(version));
        self.family == target.family && is_between
    }

    /// `None` if an address needs a number that the release does not have, or if nothing
    /// could prove that a tarball is the vendor's.
    fn recipe(&self, target: &Target) -> Option<Recipe> {
        let build = target.build.as_deref();
        let fill = |text: &String| {
            if text.contains("{build}") && build.is_none() {
                return None;
            }
            Some(
                text.replace("{version}", &target.version.to_string())
                    .replace("{series}", &target.version.series().to_string())
                    .replace("{build}", build.unwrap_or_default()),
            )
        };
        let urls: Vec<String> = self.urls.iter().filter_map(fill).collect();
        let key = || self.key.as_ref().and_then(|name| file().key.get(name));
        let mut recipe = Recipe {
            source: self.kind,
            architectures: self.architectures.clone(),
            image: self.image.clone(),
            packages: self.packages.clone(),
            service: self.service.clone().unwrap_or_default(),
            settings_folder: self.settings_folder.clone().unwrap_or_default(),
            debconf: self.debconf.clone(),
            repository: None,
            only_if_missing: false,
            tarball: None,
        };
        match self.kind {
            SourceKind::Debian => {}
            SourceKind::Vendor => {
                recipe.repository = Some(RepositoryRecipe {
                    urls,
                    suite: self.suite.clone()?,
                    components: self.components.clone(),
                    key: key()?.clone(),
                });
            }
            SourceKind::Tarball => {
                let name = |url: &String| url.rsplit('/').next().and_then(checksum_of);
                let known: Vec<&String> = urls.iter().filter(|url| name(url).is_some()).collect();
                recipe.tarball = Some(match known.first() {
                    Some(first) => TarballRecipe {
                        proof: TarballProof::Checksum(name(first)?.to_owned()),
                        urls: known.into_iter().cloned().collect(),
                    },
                    None => TarballRecipe {
                        proof: TarballProof::Signature(key()?.clone()),
                        urls: (!urls.is_empty()).then_some(urls)?,
                    },
                });
            }
        }
        Some(recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_says_all_that_its_kind_needs() {
        for source in &file().source {
            let told = format!("{source:?}");
            assert!(
                source.from <= source.to || source.to.is_prefix_of(source.from),
                "{told}"
            );
            assert!(
                !source.image.is_empty() && !source.packages.is_empty(),
                "{told}"
            );
            let has_repository = source.suite.is_some() && !source.components.is_empty();
            assert_eq!(source.kind == SourceKind::Vendor, has_repository, "{told}");
            let has_service = source.service.is_some() && source.settings_folder.is_some();
            assert_eq!(source.kind != SourceKind::Tarball, has_service, "{told}");
            assert_eq!(
                source.kind == SourceKind::Debian,
                source.urls.is_empty(),
                "{told}"
            );
            for url in &source.urls {
                assert!(url.starts_with("https://"), "{url}");
                let rest = url.replace("{version}", "").replace("{series}", "");
                let rest = rest.replace("{build}", "");
                assert!(!rest.contains(['{', '}', ' ']), "{url}");
            }
            let key = source
                .key
                .as_ref()
                .map(|name| file().key.contains_key(name));
            assert_eq!(
                key,
                (source.kind != SourceKind::Debian).then_some(true),
                "{told}"
            );
        }
    }

    #[test]
    fn every_key_has_whole_fingerprints() {
        for (name, key) in &file().key {
            assert!(key.url.starts_with("https://"), "{name}");
            assert!(!key.fingerprints.is_empty(), "{name}");
            for print in &key.fingerprints {
                let is_hex = print
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
                assert!(is_hex && print.len() == 40, "{name}: {print}");
            }
        }
    }

    #[test]
    fn every_checksum_is_whole_and_of_a_file_that_a_source_names() {
        let all: Vec<String> = super::super::releases()
            .iter()
            .flat_map(|release| release.request().recipes())
            .filter_map(|recipe| recipe.tarball)
            .flat_map(|tarball| tarball.urls)
            .collect();
        for line in CHECKSUMS.lines().skip(1) {
            let (file, sum) = line.split_once(',').expect("two fields");
            let (word, hex) = sum.split_once(':').expect("an algorithm");
            let digits = if word == "sha512" { 128 } else { 64 };
            assert!(
                ["sha256", "sha512"].contains(&word) && hex.len() == digits,
                "{line}"
            );
            assert!(hex.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
            let is_named = all.iter().any(|url| url.ends_with(&format!("/{file}")));
            assert!(is_named, "no source names {file}");
        }
    }
}
