//! `MATRIX.lock`: the exact packages that were recorded for each flavour.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use dbmatrix_config::{ConfigError, Problems, read};
use dbmatrix_sql::package::PackageVersion;

/// The file's kind in messages.
const WHAT: &str = "lock file";
const HEAD: &str = "\
# Written by `dbmatrix lock`; `dbmatrix run --locked` insists on what it says.
";

/// The locked versions of a flavour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// The complete version that its server reports.
    pub server: String,
    /// The packages that its installation adds, sorted.
    pub packages: Vec<PackageVersion>,
}

/// A matrix's lock file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatrixLock {
    flavours: BTreeMap<String, Locked>,
}

/// Its format on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    flavour: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    server: String,
    packages: Vec<String>,
}

impl MatrixLock {
    /// The path of a matrix's lock file: beside the matrix.
    pub fn path_of(matrix: &Path) -> PathBuf {
        matrix.with_extension("lock")
    }

    /// Reads a lock file; a missing one is a separate error ([`ConfigError::Read`]).
    ///
    /// # Errors
    /// [`ConfigError`] with the first problem.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read(WHAT, path)?;
        let problems = Problems::default();
        let lock = Self::parse(&text, &problems);
        problems.into_result(WHAT, path, &text)?;
        Ok(lock)
    }

    pub fn parse(text: &str, problems: &Problems) -> Self {
        let file: File = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                problems.add(error.span().unwrap_or(0..0), error.message().to_owned());
                return MatrixLock::default();
            }
        };
        let mut lock = MatrixLock::default();
        for (name, entry) in file.flavour {
            let mut packages = Vec::new();
            for package in &entry.packages {
                match package.parse() {
                    Ok(package) => packages.push(package),
                    Err(message) => {
                        // A package written with escapes is not found.
                        let found = text.find(package.as_str());
                        let span = found.map_or(0..0, |at| at..at + package.len());
                        problems.add(span, message);
                    }
                }
            }
            lock.set(&name, entry.server, packages);
        }
        lock
    }

    /// The locked versions of a flavour.
    pub fn get(&self, flavour: &str) -> Option<&Locked> {
        self.flavours.get(flavour)
    }

    /// Sets the locked versions of a flavour.
    pub fn set(&mut self, flavour: &str, server: String, mut packages: Vec<PackageVersion>) {
        packages.sort();
        let locked = Locked { server, packages };
        self.flavours.insert(flavour.to_owned(), locked);
    }

    /// Removes flavours that the matrix no longer has.
    pub fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.flavours.retain(|name, _| is_there(name));
    }

    /// The text of the file: one package a line, so that diffs show single changes.
    pub fn to_text(&self) -> String {
        let mut text = HEAD.to_owned();
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        for (name, locked) in &self.flavours {
            let _ = write!(
                text,
                "\n[flavour.{}]\nserver = {}\npackages = [\n",
                quoted(name),
                quoted(&locked.server)
            );
            for package in &locked.packages {
                let _ = writeln!(text, "    {},", quoted(&package.to_string()));
            }
            text.push_str("]\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut lock = MatrixLock::default();
        let packages = ["b=2:1.0", "a=1"].map(|text| text.parse().expect("a package"));
        lock.set("mysql-9.7", "9.7.4-2".to_owned(), packages.to_vec());
        let text = lock.to_text();
        insta::assert_snapshot!(text, @r#"
        # Written by `dbmatrix lock`; `dbmatrix run --locked` insists on what it says.

        [flavour."mysql-9.7"]
        server = "9.7.4-2"
        packages = [
            "a=1",
            "b=2:1.0",
        ]
        "#);
        let problems = Problems::default();
        assert_eq!(MatrixLock::parse(&text, &problems), lock);
        assert!(problems.is_empty());
    }

    #[test]
    fn a_wrong_file_is_told_at_its_line() {
        for (text, line) in [
            ("flavour = 1", 1),
            ("[flavour.a]\nserver = '1'\npackages = ['b']", 3),
            ("[flavour.a]\nserver = '1'\npackages = []\nmore = 1", 4),
        ] {
            let problems = Problems::default();
            MatrixLock::parse(text, &problems);
            let error = problems
                .into_result(WHAT, Path::new("m.lock"), text)
                .expect_err("a problem");
            let told = error.lines().join("\n");
            assert!(told.starts_with(&format!("m.lock:{line}: ")), "{told}");
        }
    }
}
