//! `[[suite]]`: files to run, and on which flavours.

use std::path::{Component, Path, PathBuf};

use globset::Glob;

use super::flavour::Flavour;
use super::reader::{Placed, TableReader};
use crate::suite::FileKind;

/// A suite of a matrix.
#[derive(Debug, Clone)]
pub struct SuiteSpec {
    /// Its name.
    pub name: String,
    /// Its files, sorted within each pattern.
    pub files: Vec<PathBuf>,
    /// Names of the flavours that it is run on.
    pub flavours: Vec<String>,
    /// Labels that hold in conditions on every flavour.
    pub labels: Vec<String>,
}

pub(super) fn read_all(
    top: &TableReader<'_>,
    folder: &Path,
    flavours: &[Flavour],
) -> Vec<SuiteSpec> {
    let mut suites: Vec<SuiteSpec> = Vec::new();
    for table in top.tables("suite") {
        let name = table.text("name");
        let files = table.texts("files");
        let chosen = table.texts("flavours");
        let labels = table.texts("labels");
        table.finish();
        let Some(name) = name else {
            table.problem(table.span(), "expected a `name`");
            continue;
        };
        if suites.iter().any(|suite| suite.name == name.value) {
            table.problem(
                name.span,
                format!("the suite `{}` is there already", name.value),
            );
        }
        let Some(files) = files.filter(|files| !files.value.is_empty()) else {
            table.problem(
                table.span(),
                format!(
                    "expected `files` of suite `{}`, a list of patterns",
                    name.value
                ),
            );
            continue;
        };
        suites.push(SuiteSpec {
            name: name.value,
            files: files
                .value
                .iter()
                .flat_map(|pattern| expand(&table, folder, pattern))
                .collect(),
            flavours: choose(&table, chosen, flavours),
            labels: labels
                .into_iter()
                .flat_map(|list| list.value)
                .map(|label| label.value)
                .collect(),
        });
    }
    suites
}

fn expand(table: &TableReader<'_>, folder: &Path, pattern: &Placed<String>) -> Vec<PathBuf> {
    let whole = folder.join(&pattern.value);
    let problem = |message: String| table.problem(pattern.span.clone(), message);
    let found = match glob::glob(&whole.to_string_lossy()) {
        Ok(found) => found.filter_map(Result::ok).collect::<Vec<_>>(),
        Err(error) => {
            problem(format!(
                "expected a pattern of files; found `{}`: {error}",
                pattern.value
            ));
            return Vec::new();
        }
    };
    if found.is_empty() {
        problem(format!("`{}` matches no file", pattern.value));
        return found;
    }
    let suites: Vec<PathBuf> = found
        .iter()
        .filter(|path| FileKind::of(path).is_some())
        .map(|path| plain(path))
        .collect();
    if suites.is_empty() {
        problem(format!(
            "expected files that end in `.slt`, `.test` or `.sql`; found `{}`",
            found[0].display()
        ));
    }
    suites
}

/// Without `x/..`, for people to read. A link among the folders is theirs.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let before = plain.components().next_back();
        match (part, before) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                plain.pop();
            }
            _ => plain.push(part),
        }
    }
    plain
}

fn choose(
    table: &TableReader<'_>,
    patterns: Option<Placed<Vec<Placed<String>>>>,
    flavours: &[Flavour],
) -> Vec<String> {
    let Some(patterns) = patterns else {
        return flavours
            .iter()
            .map(|flavour| flavour.name.clone())
            .collect();
    };
    let mut matchers = Vec::new();
    for pattern in patterns.value {
        match Glob::new(&pattern.value).map(|glob| glob.compile_matcher()) {
            Ok(matcher)
                if flavours
                    .iter()
                    .any(|flavour| matcher.is_match(&flavour.name)) =>
            {
                matchers.push(matcher);
            }
            _ => table.problem(
                pattern.span,
                format!("`{}` matches no flavour", pattern.value),
            ),
        }
    }
    let names = flavours.iter().map(|flavour| &flavour.name);
    names
        .filter(|name| matchers.iter().any(|matcher| matcher.is_match(name)))
        .cloned()
        .collect()
}
