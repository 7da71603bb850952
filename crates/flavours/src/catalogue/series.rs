//! Series of releases: words that stand for them, and how long they are supported.

use std::sync::LazyLock;

use serde::Deserialize;

use dbmatrix_sql::version::{Family, Version};

use super::release::{Release, releases_of};

const SERIES: &str = include_str!("series.toml");

/// A series of releases, such as MySQL 8.4.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Series {
    /// Its family.
    pub family: Family,
    /// Its two numbers.
    pub version: Version,
    /// Words that stand for it, such as `lts`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Year and month in which its vendor's support ends, if known.
    #[serde(default)]
    pub end_of_life: Option<String>,
}

impl Series {
    /// Its name in a matrix.
    pub fn name(&self) -> String {
        format!("{}:{}", self.family, self.version)
    }

    /// All its names: the first is that with its number.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let aliases = self.aliases.iter();
        let aliases = aliases.map(|alias| format!("{}:{alias}", self.family));
        std::iter::once(self.name()).chain(aliases)
    }

    /// Its releases, the oldest first.
    pub fn releases(&self) -> impl Iterator<Item = &'static Release> + use<> {
        releases_of(self.family, self.version)
    }
}

/// All series, in the order of the file: by family, the newest first.
pub fn series() -> &'static [Series] {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        series: Vec<Series>,
    }
    static READ: LazyLock<Vec<Series>> = LazyLock::new(|| {
        let file: File = toml::from_str(SERIES).expect("series.toml is checked by a test");
        file.series
    });
    &READ
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_in_order_and_their_words_are_theirs_alone() {
        for pair in series().windows(2) {
            let is_next = pair[0].family < pair[1].family
                || (pair[0].family == pair[1].family && pair[0].version > pair[1].version);
            assert!(
                is_next,
                "{} comes before {}",
                pair[0].name(),
                pair[1].name()
            );
        }
        let mut names: Vec<String> = series().iter().flat_map(Series::names).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        for series in series() {
            let name = series.name();
            assert_eq!(series.version, series.version.series(), "{name}");
            assert!(series.releases().next().is_some(), "{name}");
            if let Some(end) = &series.end_of_life {
                assert!(end.len() == 7 && end.as_bytes()[4] == b'-', "{name}: {end}");
            }
        }
    }

    #[test]
    fn every_release_belongs_to_a_series() {
        for release in super::super::releases() {
            let is_its = |series: &&Series| {
                series.family == release.family && series.version == release.series()
            };
            assert!(series().iter().any(|series| is_its(&series)), "{release}");
        }
    }
}
