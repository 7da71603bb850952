//! `[[upgrade]]`: ways from older servers to newer ones.
//!
//! Knows which servers lead where and what a vendor supports; starts nothing.

mod method;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dbmatrix_config::{Placed, TableReader, hint};
use dbmatrix_sql::suite::Conditions;
use dbmatrix_sql::version::Family;

use super::flavour::{self, Common};
use super::pattern::expand_any;
use super::{Flavour, SetupFile, SuiteKind, SuiteSpec};
use crate::name_rule::FLAVOUR;

pub use method::UpgradeMethod;
use method::{replicates, steps_between, supported};

/// An `[[upgrade]]` of a matrix: each of its paths goes from one server to another.
#[derive(Debug, Clone)]
pub struct UpgradeSpec {
    /// Its paths, in the order of the file.
    pub paths: Vec<UpgradePath>,
    /// The file of known divergences.
    pub known: Option<PathBuf>,
    /// Suites of files that run on the newer server afterwards.
    pub suites: Vec<Arc<SuiteSpec>>,
}

/// One path from a server to another.
#[derive(Debug, Clone)]
pub struct UpgradePath {
    /// Its name, such as `mariadb-10.5-to-mariadb-11.8`.
    pub name: String,
    /// The older server, with its data.
    pub from: Flavour,
    /// Servers that an upgrade in place or by replica passes through, in order.
    pub through: Vec<Flavour>,
    /// The newer server.
    pub to: Flavour,
    /// How to get there.
    pub methods: Vec<UpgradeMethod>,
    /// How long a step may take whose duration depends on the data.
    pub step_timeout: Duration,
}

/// The limit of a step, if none is given.
const STEP_TIMEOUT: Duration = Duration::from_secs(3600);

pub(super) fn read_all(
    top: &TableReader<'_>,
    flavours: &[Flavour],
    suites: &[SuiteSpec],
    common: Common<'_>,
) -> Vec<UpgradeSpec> {
    let mut upgrades: Vec<UpgradeSpec> = Vec::new();
    for table in top.tables("upgrade") {
        let reading = Reading {
            table: &table,
            flavours,
            suites,
            common,
        };
        let found = reading.upgrade();
        table.finish();
        upgrades.extend(found);
    }
    let paths = upgrades.iter_mut().flat_map(|upgrade| &mut upgrade.paths);
    for (at, path) in paths.enumerate() {
        // Two of the longest names are too long for one.
        if FLAVOUR.check(&path.name).is_err() {
            path.name = format!("upgrade-{}", at + 1);
        }
    }
    let paths = upgrades.iter().flat_map(|upgrade| &upgrade.paths);
    let names: Vec<&str> = paths.map(|path| path.name.as_str()).collect();
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            let told = format!("the path `{name}` is there twice; remove one of them");
            top.problem(top.span(), told);
        }
        if flavours.iter().any(|flavour| flavour.name == **name) {
            let told = format!("a flavour has the name of the path `{name}`; rename it");
            top.problem(top.span(), told);
        }
    }
    upgrades
}

/// One table being read.
struct Reading<'r, 'a> {
    table: &'r TableReader<'a>,
    flavours: &'r [Flavour],
    suites: &'r [SuiteSpec],
    common: Common<'r>,
}

impl Reading<'_, '_> {
    fn upgrade(&self) -> Option<UpgradeSpec> {
        let data = self.data();
        let known = self.known();
        let suites = self.suites();
        let through = self.servers("through");
        let through = self.table.has("through").then_some(through);
        let (from, to) = (self.required_servers("from"), self.required_servers("to"));
        let methods = self.methods();
        let step_timeout = self.table.duration("step-timeout");
        let mut paths = Vec::new();
        for from in &from {
            for to in &to {
                // `["mariadb:10.5", "mariadb:10.11"]` may stand on both sides.
                if from.name != to.name {
                    paths.extend(self.path(from, to, through.as_deref(), &methods, &data));
                }
            }
        }
        if let Some(step_timeout) = step_timeout {
            let all = paths.iter_mut();
            all.for_each(|path| path.step_timeout = step_timeout.value);
        }
        let is_read = !from.is_empty() && !to.is_empty();
        if is_read && paths.is_empty() {
            let expected = "expected a server in `to` that the vendor upgrades one of `from` to; \
                `by = [\"dump\"]` tries it nevertheless";
            self.table.problem(self.table.span(), expected);
        }
        (!paths.is_empty()).then_some(UpgradeSpec {
            paths,
            known,
            suites,
        })
    }

    fn path(
        &self,
        from: &Flavour,
        to: &Flavour,
        through: Option<&[Flavour]>,
        methods: &[UpgradeMethod],
        data: &[SetupFile],
    ) -> Option<UpgradePath> {
        let methods = match methods {
            [] => supported(from, to),
            asked => asked.to_vec(),
        };
        if methods.is_empty() {
            return None;
        }
        let through = match through {
            Some(through) => through.to_vec(),
            None if methods.iter().any(|method| method.takes_steps()) => self.between(from, to),
            None => Vec::new(),
        };
        if methods.contains(&UpgradeMethod::Replica) {
            self.check_gtids([from, to].into_iter().chain(&through));
        }
        let mut from = from.clone();
        if let super::Source::Managed(managed) = &mut from.source {
            **managed = managed.for_suite(data);
        }
        Some(UpgradePath {
            name: format!("{}-to-{}", from.name, to.name),
            from,
            through,
            to: to.clone(),
            methods,
            step_timeout: STEP_TIMEOUT,
        })
    }

    /// The steps between two servers of MySQL that its vendor demands.
    fn between(&self, from: &Flavour, to: &Flavour) -> Vec<Flavour> {
        let (Some(first), Some(last)) = (from.managed(), to.managed()) else {
            return Vec::new();
        };
        let is_mysql = |family| matches!(family, Family::Mysql | Family::Percona);
        let (first, last) = (&first.spec, &last.spec);
        if !is_mysql(first.family) || !is_mysql(last.family) {
            return Vec::new();
        }
        let series = |version: dbmatrix_sql::version::Version| {
            let series = version.series().to_string();
            let mut numbers = series.split('.').map(|number| number.parse().unwrap_or(0));
            (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
        };
        let steps = steps_between(series(first.version), series(last.version));
        let servers = steps.into_iter().map(|(major, minor)| Placed {
            value: format!("{}:{major}.{minor}", last.family),
            span: self.table.span(),
        });
        servers.filter_map(|server| self.server(&server)).collect()
    }

    /// Reports the first server that cannot replicate.
    fn check_gtids<'f>(&self, servers: impl Iterator<Item = &'f Flavour>) {
        let managed = servers.filter_map(|flavour| Some((&flavour.name, flavour.managed()?)));
        let mut lacking = managed.filter(|(_, managed)| !replicates(managed));
        let Some((name, _)) = lacking.next() else {
            return;
        };
        let span = self
            .table
            .span_of("by")
            .unwrap_or_else(|| self.table.span());
        let told = format!(
            "`{name}` has no GTIDs, by which servers replicate (MySQL since 5.6, MariaDB since \
             10.0); `by = [\"dump\"]` needs none"
        );
        self.table.problem(span, told);
    }

    fn required_servers(&self, key: &'static str) -> Vec<Flavour> {
        if !self.table.has(key) {
            let expected = format!("expected `{key}`, a list such as `[\"mariadb:10.11\"]`");
            self.table.problem(self.table.span(), expected);
        }
        self.servers(key)
    }

    fn servers(&self, key: &'static str) -> Vec<Flavour> {
        let listed = self.table.texts(key).into_iter();
        let servers = listed.flat_map(|list| list.value);
        servers.filter_map(|server| self.server(&server)).collect()
    }

    /// A flavour of the matrix by its name, or a server of the catalogue.
    fn server(&self, server: &Placed<String>) -> Option<Flavour> {
        let named = self
            .flavours
            .iter()
            .find(|flavour| flavour.name == server.value);
        match named {
            Some(flavour) if flavour.managed().is_none() => {
                let told = format!(
                    "`{}` is an external server; an upgrade needs one that dbmatrix makes",
                    server.value
                );
                self.table.problem(server.span.clone(), told);
                None
            }
            Some(flavour) => Some(flavour.clone()),
            None => {
                let server = Placed {
                    value: server.value.clone(),
                    span: server.span.clone(),
                };
                flavour::read_bare(self.table, server, None, self.common)
            }
        }
    }

    fn methods(&self) -> Vec<UpgradeMethod> {
        let listed = self.table.texts("by").into_iter();
        let words = listed.flat_map(|list| list.value);
        let read = |word: Placed<String>| {
            let mut all = UpgradeMethod::ALL.into_iter();
            let found = all.find(|method| method.as_str() == word.value);
            if found.is_none() {
                let words = UpgradeMethod::ALL.map(|method| format!("`{}`", method.as_str()));
                let told = format!(
                    "expected one of {}; found `{}`",
                    words.join(", "),
                    word.value
                );
                self.table.problem(word.span, told);
            }
            found
        };
        words.filter_map(read).collect()
    }

    fn data(&self) -> Vec<SetupFile> {
        let listed = self.table.texts("data").into_iter();
        let patterns = listed.flat_map(|list| list.value);
        let files =
            patterns.flat_map(|pattern| expand_any(self.table, self.common.folder, &pattern));
        files
            .map(|path| SetupFile {
                path,
                conditions: Conditions::default(),
                conditions_text: Vec::new(),
            })
            .collect()
    }

    fn suites(&self) -> Vec<Arc<SuiteSpec>> {
        let listed = self.table.texts("suites").into_iter();
        let names = listed.flat_map(|list| list.value);
        let read = |name: Placed<String>| {
            let found = self.suites.iter().find(|suite| suite.name == name.value);
            let told = match found.map(|suite| &suite.kind) {
                Some(SuiteKind::Files(files)) if files.log.is_none() => {
                    return found.cloned().map(Arc::new);
                }
                Some(_) => format!(
                    "`{}` is no suite of `files`; only those run here",
                    name.value
                ),
                None => {
                    let there = self.suites.iter().map(|suite| suite.name.as_str());
                    format!(
                        "no suite `{}` in the file; {}",
                        name.value,
                        hint(&name.value, there)
                    )
                }
            };
            self.table.problem(name.span, told);
            None
        };
        names.filter_map(read).collect()
    }

    fn known(&self) -> Option<PathBuf> {
        let known = self.table.text("known")?;
        let path = self.common.folder.join(Path::new(&known.value));
        if !path.is_file() {
            let told = format!("expected a file; there is none at `{}`", path.display());
            self.table.problem(known.span, told);
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    fn read(text: &str) -> Result<Vec<UpgradeSpec>, String> {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../m.toml"));
        let matrix = Matrix::parse(path, text);
        let matrix = matrix.map_err(|error| error.lines().join("\n"))?;
        Ok(matrix.upgrades)
    }

    fn paths(text: &str) -> Vec<String> {
        let upgrades = read(text).expect("a matrix");
        let paths = upgrades.iter().flat_map(|upgrade| &upgrade.paths);
        let told = |path: &UpgradePath| {
            let through: Vec<&str> = path.through.iter().map(|step| step.name.as_str()).collect();
            let methods: Vec<&str> = path.methods.iter().map(|method| method.as_str()).collect();
            format!(
                "{} by {} through {}",
                path.name,
                methods.join(","),
                through.join(",")
            )
        };
        paths.map(told).collect()
    }

    #[test]
    fn a_path_leads_from_each_server_to_each_other() {
        let text = "[[upgrade]]\nfrom = ['mariadb:10.5', 'mariadb:10.11']\nto = ['mariadb:10.11', 'mariadb:11.8']\n";
        assert_eq!(
            paths(text),
            [
                "mariadb-10.5-to-mariadb-10.11 by in-place,dump,replica through ",
                "mariadb-10.5-to-mariadb-11.8 by in-place,dump,replica through ",
                "mariadb-10.11-to-mariadb-11.8 by in-place,dump,replica through ",
            ]
        );
    }

    #[test]
    fn mysql_goes_step_by_step_in_place() {
        let text = "[[upgrade]]\nfrom = ['mysql:5.7', 'mysql:9.1']\nto = ['mysql:9.7']\n";
        assert_eq!(
            paths(text),
            [
                "mysql-5.7-to-mysql-9.7 by in-place,dump,replica through mysql-8.0,mysql-8.4",
                "mysql-9.1-to-mysql-9.7 by in-place,dump,replica through ",
            ]
        );
        let text = "[[upgrade]]\nfrom = ['mysql:5.7']\nto = ['mysql:9.7']\nthrough = []\n";
        assert_eq!(
            paths(text),
            ["mysql-5.7-to-mysql-9.7 by in-place,dump,replica through "]
        );
    }

    #[test]
    fn another_family_is_reached_by_dump_and_else_where_it_is_asked_for() {
        let servers = "[[upgrade]]\nfrom = ['mysql:9.7']\nto = ['mariadb:11.8']\n";
        assert_eq!(
            paths(servers),
            ["mysql-9.7-to-mariadb-11.8 by dump through "]
        );
        assert_eq!(
            paths(&format!("{servers}by = ['in-place']\n")),
            ["mysql-9.7-to-mariadb-11.8 by in-place through "]
        );
        let back = "[[upgrade]]\nfrom = ['mariadb:11.8']\nto = ['mariadb:10.11']\n";
        let told = read(back).map(|_| ()).expect_err("a downgrade");
        assert!(told.contains("the vendor upgrades"), "{told}");
        assert_eq!(
            paths(&format!("{back}by = ['dump']\n")),
            ["mariadb-11.8-to-mariadb-10.11 by dump through "]
        );
    }

    #[test]
    fn servers_without_gtids_are_not_replicated() {
        let text = "[[upgrade]]\nfrom = ['mysql:5.5']\nto = ['mysql:5.6']\n";
        assert_eq!(
            paths(text),
            ["mysql-5.5-to-mysql-5.6 by in-place,dump through "]
        );
    }

    #[test]
    fn a_flavour_of_the_matrix_is_meant_by_its_name() {
        let text = "[[flavour]]\nname = 'old'\nserver = 'mysql:5.6'\ntarball = { path = 'x.tgz' }\n\
                    [[upgrade]]\nfrom = ['old']\nto = ['mysql:9.7']\nby = ['dump']\ndata = ['LICENSE']\n";
        let upgrades = read(text).expect("a matrix");
        let path = &upgrades[0].paths[0];
        assert_eq!(path.name, "old-to-mysql-9.7");
        let managed = path.from.managed().expect("ours");
        assert_eq!(managed.suite_setup.len(), 1);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let upgrade = "[[upgrade]]\nfrom = ['mysql:5.7']\nto = ['mysql:9.7']\n";
        for (text, expected) in [
            (
                "[[upgrade]]\nfrom = ['mysql:5.5']\nto = ['mysql:5.6']\nby = ['replica']\n"
                    .to_owned(),
                "`mysql-5.5` has no GTIDs",
            ),
            (format!("{upgrade}by = ['copy']\n"), "found `copy`"),
            (format!("{upgrade}data = ['none.sql']\n"), "matches no file"),
            (format!("{upgrade}known = 'none.toml'\n"), "there is none"),
            (format!("{upgrade}suites = ['none']\n"), "no suite `none`"),
            (
                format!("[[suite]]\nname = 'c'\ncommand = ['true']\n{upgrade}suites = ['c']\n"),
                "`c` is no suite of `files`",
            ),
            (
                "[[upgrade]]\nto = ['mysql:9.7']\n".to_owned(),
                "expected `from`",
            ),
            (
                "[[upgrade]]\nfrom = ['mysql:9.7']\n".to_owned(),
                "expected `to`",
            ),
            (format!("{upgrade}{upgrade}"), "is there twice"),
            (
                format!(
                    "[[flavour]]\nname = 'e'\nurl = 'env:URL'\n{}",
                    upgrade.replace("mysql:5.7", "e")
                ),
                "external server",
            ),
        ] {
            let told = read(&text).map(|_| ()).expect_err(expected);
            assert!(told.contains(expected), "{told}");
        }
    }
}
