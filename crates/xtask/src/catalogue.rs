//! Adds new releases to the catalogue's list.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use dbmatrix_flavours::catalogue::{Series, SourceKind, series};
use dbmatrix_sql::version::{Family, Version};

use crate::fetch::Origin;
use crate::{mariadb, packages};

const HEADER: &str = "family,release,date";

/// Why the list stays as it is.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The list could not be read or written.
    #[error("{}: {source}", path.display())]
    List {
        path: PathBuf,
        source: std::io::Error,
    },
    /// It has another form.
    #[error("{}:{line}: expected `family,release,date`", path.display())]
    Line { path: PathBuf, line: usize },
    /// No vendor was reached.
    #[error("no vendor was reached:\n  {}", .0.join("\n  "))]
    Unreached(Vec<String>),
}

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Report {
    added: Vec<String>,
    /// Series that vendors have and the catalogue has not.
    unknown: BTreeSet<String>,
    unreached: Vec<String>,
    asked: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for release in &self.added {
            writeln!(f, "added {release}")?;
        }
        for series in &self.unknown {
            writeln!(f, "{series} is new: add it to series.toml and sources.toml")?;
        }
        for place in &self.unreached {
            writeln!(f, "not reached: {place}")?;
        }
        writeln!(
            f,
            "{} new releases from {} lists",
            self.added.len(),
            self.asked
        )
    }
}

/// A release in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    family: Family,
    version: Version,
    /// The vendor's own number, by its parts.
    build: Vec<u32>,
}

/// The list: dates by release.
struct List(BTreeMap<Entry, String>);

/// Asks all vendors, and writes the list if it has grown.
///
/// # Errors
/// [`Failure`].
pub(crate) fn update(origin: &Origin, path: &Path) -> Result<Report, Failure> {
    let list_error = |source| Failure::List {
        path: path.to_owned(),
        source,
    };
    let text = std::fs::read_to_string(path).map_err(list_error)?;
    let mut list = List::read(&text, path)?;
    let mut report = Report::default();
    add_mariadb(origin, &mut list, &mut report);
    add_packages(origin, &mut list, &mut report);
    if report.asked == 0 {
        return Err(Failure::Unreached(report.unreached));
    }
    if !report.added.is_empty() {
        std::fs::write(path, list.to_text()).map_err(list_error)?;
    }
    Ok(report)
}

fn add_mariadb(origin: &Origin, list: &mut List, report: &mut Report) {
    let ask = |url: &str, report: &mut Report| match origin.read(url) {
        Ok(answer) => Some(answer),
        Err(why) => {
            report.unreached.push(format!("{url}: {why}"));
            None
        }
    };
    let Some(answer) = ask(mariadb::API, report) else {
        return;
    };
    let stable = match mariadb::stable_series(&answer) {
        Ok(stable) => stable,
        Err(why) => return report.unreached.push(format!("{}: {why}", mariadb::API)),
    };
    for series in stable {
        let family = Family::Mariadb;
        let Some(first) = list.first_of(family, series) else {
            let is_old = series < Version::release(10, 0);
            if !is_old {
                report.unknown.insert(format!("{family}:{series}"));
            }
            continue;
        };
        let url = format!("{}{series}/", mariadb::API);
        let Some(answer) = ask(&url, report) else {
            continue;
        };
        match mariadb::releases(&answer, first) {
            Ok(releases) => {
                report.asked += 1;
                for (version, date) in releases {
                    list.add(family, &version.to_string(), date.as_deref(), report);
                }
            }
            Err(why) => report.unreached.push(format!("{url}: {why}")),
        }
    }
}

/// Asks the repositories of the catalogue for the releases of their servers.
fn add_packages(origin: &Origin, list: &mut List, report: &mut Report) {
    let mut asked = BTreeSet::new();
    let of_others = series()
        .iter()
        .filter(|series| series.family != Family::Mariadb);
    for series in of_others {
        let recipes = series.request().recipes().into_iter();
        for recipe in recipes.filter(|recipe| recipe.source == SourceKind::Vendor) {
            let (Some(repository), Some(package)) = (recipe.repository, recipe.packages.first())
            else {
                continue;
            };
            // Others hold what the server depends on.
            let Some(url) = repository.urls.first() else {
                continue;
            };
            for component in &repository.components {
                let index = format!(
                    "{url}/dists/{}/{component}/binary-amd64/Packages.gz",
                    repository.suite
                );
                if asked.insert(index.clone()) {
                    add_index(origin, &index, package, series, list, report);
                }
            }
        }
    }
}

fn add_index(
    origin: &Origin,
    index: &str,
    package: &str,
    series: &Series,
    list: &mut List,
    report: &mut Report,
) {
    match origin.read(index) {
        Ok(text) => {
            report.asked += 1;
            for number in packages::versions(&text, package) {
                list.add(series.family, &number, None, report);
            }
        }
        Err(why) => report.unreached.push(format!("{index}: {why}")),
    }
}

impl List {
    fn read(text: &str, path: &Path) -> Result<Self, Failure> {
        let mut list = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let refuse = || Failure::Line {
                path: path.to_owned(),
                line: at + 1,
            };
            if at == 0 {
                if line != HEADER {
                    return Err(refuse());
                }
                continue;
            }
            let fields: Vec<&str> = line.split(',').collect();
            let [family, number, date] = fields.as_slice() else {
                return Err(refuse());
            };
            let family = family.parse().map_err(|_| refuse())?;
            let entry = Entry::read(family, number).ok_or_else(refuse)?;
            list.insert(entry, (*date).to_owned());
        }
        Ok(List(list))
    }

    /// The first release of a series.
    fn first_of(&self, family: Family, series: Version) -> Option<Version> {
        let mut entries = self.0.keys();
        let first = entries
            .find(|entry| entry.family == family && entry.version.series() == series.series())?;
        Some(first.version)
    }

    fn add(&mut self, family: Family, number: &str, date: Option<&str>, report: &mut Report) {
        let Some(entry) = Entry::read(family, number) else {
            return;
        };
        let is_known_series = series()
            .iter()
            .any(|series| series.family == family && series.version == entry.version.series());
        if !is_known_series {
            let series = entry.version.series();
            report.unknown.insert(format!("{family}:{series}"));
            return;
        }
        if let btree_map::Entry::Vacant(place) = self.0.entry(entry) {
            report.added.push(place.key().to_string());
            place.insert(date.unwrap_or_default().to_owned());
        }
    }

    fn to_text(&self) -> String {
        let lines = self.0.iter().map(|(entry, date)| {
            let Entry { family, .. } = entry;
            format!("{family},{},{date}\n", entry.number())
        });
        format!("{HEADER}\n{}", lines.collect::<String>())
    }
}

impl Entry {
    fn read(family: Family, number: &str) -> Option<Self> {
        let (version, build) = match number.split_once('-') {
            Some((version, build)) => (version, Some(build)),
            None => (number, None),
        };
        let version: Version = version.parse().ok()?;
        let build: Vec<u32> = match build {
            Some(build) => build
                .split('.')
                .map(|part| part.parse().ok())
                .collect::<Option<_>>()?,
            None => Vec::new(),
        };
        version.is_exact().then_some(Entry {
            family,
            version,
            build,
        })
    }

    fn number(&self) -> String {
        let build: Vec<String> = self.build.iter().map(u32::to_string).collect();
        match build.is_empty() {
            true => self.version.to_string(),
            false => format!("{}-{}", self.version, build.join(".")),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.family, self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = include_str!("../../flavours/src/catalogue/releases.csv");

    /// A list, and a folder with vendors' lists.
    fn given(files: &[(&str, &str)]) -> (tempfile::TempDir, Origin, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, text).expect("a file");
            if name.ends_with("Packages") {
                let packed = std::process::Command::new("gzip").arg(&path).status();
                assert!(packed.expect("gzip").success());
            }
        }
        let list = folder.path().join("releases.csv");
        std::fs::write(&list, LIST).expect("a list");
        let origin = Origin::Folder(folder.path().to_owned());
        (folder, origin, list)
    }

    #[test]
    fn the_list_of_the_catalogue_stays_as_it_is_without_news() {
        let list = List::read(LIST, Path::new("x")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(list.to_text(), LIST);
    }

    #[test]
    fn new_releases_are_added_in_their_places() {
        let (_folder, origin, list) = given(&[
            (
                "downloads.mariadb.org/rest-api/mariadb/index",
                r#"{"major_releases":[{"release_id":"12.3","release_status":"Stable"},{"release_id":"99.1","release_status":"Stable"}]}"#,
            ),
            (
                "downloads.mariadb.org/rest-api/mariadb/12.3",
                r#"{"releases":{"12.3.1":{"date_of_release":"2026-02-13"},"12.3.2":{"date_of_release":"2026-05-28"},"12.3.98":{"date_of_release":"2031-01-02"}}}"#,
            ),
            (
                "repo.percona.com/ps-80/apt/dists/bookworm/main/binary-amd64/Packages",
                "Package: percona-server-server\nVersion: 8.0.36-28-1.bookworm\n\nPackage: percona-server-server\nVersion: 8.0.36-98-1.bookworm\n",
            ),
        ]);
        let report = update(&origin, &list).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(report.added, ["mariadb:12.3.98", "percona:8.0.36-98"]);
        assert!(report.unknown.contains("mariadb:99.1"));
        assert!(
            report
                .unreached
                .iter()
                .any(|place| place.contains("repo.mysql.com"))
        );
        let text = std::fs::read_to_string(&list).expect("a list");
        assert!(text.contains("mariadb,12.3.2,2026-05-28\nmariadb,12.3.98,2031-01-02\n"));
        assert!(text.contains("percona,8.0.36-28,2024-02-20\npercona,8.0.36-98,\n"));
        // Once is enough.
        let report = update(&origin, &list).unwrap_or_else(|error| panic!("{error}"));
        assert!(report.added.is_empty());
    }

    #[test]
    fn a_list_stays_as_it_is_where_no_vendor_is_reached() {
        let (_folder, origin, list) = given(&[]);
        let told = update(&origin, &list)
            .expect_err("nobody there")
            .to_string();
        assert!(
            told.starts_with("no vendor was reached:\n  https://downloads.mariadb.org/"),
            "{told}"
        );
        assert_eq!(std::fs::read_to_string(&list).expect("a list"), LIST);
        std::fs::write(&list, "family,release\n").expect("a list");
        let told = update(&origin, &list)
            .expect_err("another form")
            .to_string();
        assert!(
            told.ends_with(":1: expected `family,release,date`"),
            "{told}"
        );
    }
}
