//! Releases that a vendor has published for everyone.

use std::fmt;
use std::sync::LazyLock;

use dbmatrix_sql::version::{Family, Version};

const RELEASES: &str = include_str!("releases.csv");

/// A release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its family.
    pub family: Family,
    /// Its three numbers.
    pub version: Version,
    /// The vendor's own number after them, such as `28` in Percona Server's `8.0.36-28`.
    pub build: Option<String>,
    /// When it was published, `YYYY-MM-DD`, if that is known.
    pub date: Option<String>,
}

impl Release {
    /// Its number as the vendor writes it.
    pub fn number(&self) -> String {
        match &self.build {
            Some(build) => format!("{}-{build}", self.version),
            None => self.version.to_string(),
        }
    }

    /// Its series: the first two numbers.
    pub fn series(&self) -> Version {
        self.version.series()
    }

    /// What releases of a family are ordered by: the version, then the vendor's own number,
    /// which may have two, such as `91.0`.
    pub(super) fn order(&self) -> (Version, Vec<u32>) {
        order_of(self.version, self.build.as_deref())
    }

    fn read(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(',').collect();
        let [family, number, date] = fields.as_slice() else {
            return None;
        };
        let (version, build) = split_number(number);
        Some(Release {
            family: family.parse().ok()?,
            version: version
                .parse()
                .ok()
                .filter(|version: &Version| version.is_exact())?,
            build: build.map(str::to_owned),
            date: (!date.is_empty()).then(|| (*date).to_owned()),
        })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.family, self.number())
    }
}

/// The order of a version with the vendor's own number.
pub(super) fn order_of(version: Version, build: Option<&str>) -> (Version, Vec<u32>) {
    let numbers = build.unwrap_or_default().split('.');
    (
        version,
        numbers.filter_map(|text| text.parse().ok()).collect(),
    )
}

/// Splits `8.0.36-28` at its hyphen.
pub(super) fn split_number(number: &str) -> (&str, Option<&str>) {
    match number.split_once('-') {
        Some((version, build)) => (version, Some(build)),
        None => (number, None),
    }
}

/// All releases, by family, the oldest first.
pub fn releases() -> &'static [Release] {
    static READ: LazyLock<Vec<Release>> = LazyLock::new(|| {
        let lines = RELEASES.lines().skip(1);
        let read = |line| Release::read(line).expect("releases.csv is checked by a test");
        lines.map(read).collect()
    });
    &READ
}

/// The releases of a family's series, or of all its series that begin with these numbers.
pub fn releases_of(family: Family, begin: Version) -> impl Iterator<Item = &'static Release> {
    let fits =
        move |release: &&Release| release.family == family && begin.is_prefix_of(release.version);
    releases().iter().filter(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_release_and_in_order() {
        let lines: Vec<&str> = RELEASES.lines().collect();
        assert_eq!(lines[0], "family,release,date");
        for line in &lines[1..] {
            let release = Release::read(line).unwrap_or_else(|| panic!("{line}"));
            if let Some(date) = &release.date {
                let parts: Vec<&str> = date.split('-').collect();
                let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
                assert_eq!(lengths, [4, 2, 2], "{line}");
            }
            let words = line.split(',').nth(1).unwrap_or_default();
            assert_eq!(release.number(), words, "{line}");
        }
        for pair in releases().windows(2) {
            let order = |release: &Release| (release.family, release.order());
            let is_ordered = order(&pair[0]) < order(&pair[1]);
            assert!(is_ordered, "{} comes before {}", pair[0], pair[1]);
        }
    }
}
