//! The files whose steps are counted.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::place::Place;

/// A sample of SQLite's sqllogictest corpus, beside the project's folder.
const USUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/random");
/// Steps of a file that is made up.
const STEPS: usize = 10_000;

/// Files in MySQL's dialect; at least one.
pub(crate) struct Corpus {
    pub(crate) files: Vec<PathBuf>,
    /// Whether there was none and it was made up.
    pub(crate) made_up: bool,
}

impl Corpus {
    /// That of a folder, or the usual one, or one that is made up.
    ///
    /// # Errors
    /// Where a named folder has no such files.
    pub(crate) fn find(folder: Option<&Path>, place: &Place) -> Result<Self> {
        let files = files_of(folder.unwrap_or(Path::new(USUAL)));
        match (files.is_empty(), folder) {
            (false, _) => Ok(Corpus {
                files,
                made_up: false,
            }),
            (true, Some(folder)) => {
                Err(format!("`{}` has no `.test` and no `.slt` file", folder.display()).into())
            }
            (true, None) => Ok(Corpus {
                files: vec![
                    place.file("made-up-1.slt", &steps(STEPS))?,
                    place.file("made-up-2.slt", &steps(STEPS))?,
                ],
                made_up: true,
            }),
        }
    }

    /// The largest file.
    pub(crate) fn largest(&self) -> PathBuf {
        let size = |file: &&PathBuf| std::fs::metadata(file).map_or(0, |found| found.len());
        self.files
            .iter()
            .max_by_key(size)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn largest_name(&self) -> String {
        let largest = self.largest();
        let name = largest.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_slt = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("test" | "slt"))
    };
    let paths = entries.map(|entry| entry.path()).filter(is_slt);
    // Cargo runs benchmarks in the package's folder.
    let mut paths: Vec<PathBuf> = paths
        .filter_map(|path| std::path::absolute(path).ok())
        .collect();
    paths.sort();
    paths
}

/// A file of so many steps: a table of ten rows, and queries of it.
pub(crate) fn steps(number: usize) -> String {
    let mut text = String::from("statement ok\nCREATE TABLE t (a INTEGER, b INTEGER)\n");
    let inserts = 10.min(number - 1);
    for a in 0..inserts {
        let _ = write!(
            text,
            "\nstatement ok\nINSERT INTO t VALUES ({a}, {})\n",
            a * a
        );
    }
    for n in 0..number - 1 - inserts {
        let a = n % inserts;
        let _ = write!(
            text,
            "\nquery II rowsort\nSELECT a, b + {n} FROM t WHERE a = {a}\n----\n{a}\n{}\n",
            a * a + n
        );
    }
    text
}
