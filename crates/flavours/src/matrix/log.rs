//! `log` of a suite: logs of what an application sent, of which examples run.

use std::path::{Path, PathBuf};

use dbmatrix_config::{Placed, TableReader};
use dbmatrix_workload::{Pattern, SampleOptions, Timestamp};

use super::pattern::expand_any;

/// Which examples of a log run, and how.
#[derive(Debug, Clone, Default)]
pub struct LogSpec {
    /// What is taken of the log.
    pub sample: SampleOptions,
    /// What becomes of statements that write.
    pub writes: Writes,
}

/// What becomes of statements that are not known to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writes {
    /// They do not run.
    #[default]
    Skip,
    /// Each runs in a transaction that is rolled back; those that commit by themselves do
    /// not run.
    Rollback,
    /// They run.
    Apply,
}

impl Writes {
    /// All, by their words.
    pub const WORDS: [(&'static str, Writes); 3] = [
        ("skip", Writes::Skip),
        ("rollback", Writes::Rollback),
        ("apply", Writes::Apply),
    ];

    /// The one of a word.
    pub fn find(word: &str) -> Option<Self> {
        let mut words = Writes::WORDS.into_iter();
        let named = words.find(|(one, _)| *one == word);
        named.map(|(_, writes)| writes)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Writes::Skip => "skip",
            Writes::Rollback => "rollback",
            Writes::Apply => "apply",
        }
    }
}

/// Reads the keys of a suite with a `log`.
pub(super) fn read(table: &TableReader<'_>, folder: &Path) -> Option<(Vec<PathBuf>, LogSpec)> {
    let patterns = table.text_or_texts("log");
    let usual = SampleOptions::default();
    let per_digest = table.count("per-digest");
    let spec = LogSpec {
        sample: SampleOptions {
            per_digest: per_digest.map_or(usual.per_digest, |count| count.value as usize),
            since: read_time(table, "since"),
            until: read_time(table, "until"),
            database: table.text("database").map(|name| name.value),
            user: table.text("user").map(|name| name.value),
            only: read_patterns(table, "only"),
            skip: read_patterns(table, "skip"),
            seed: table
                .count("seed")
                .map_or(usual.seed, |seed| seed.value.into()),
        },
        writes: table.choice("writes", &Writes::WORDS).unwrap_or_default(),
    };
    Some((read_files(table, folder, &patterns?), spec))
}

/// The logs that match one of the patterns, each once.
fn read_files(
    table: &TableReader<'_>,
    folder: &Path,
    patterns: &Placed<Vec<Placed<String>>>,
) -> Vec<PathBuf> {
    if patterns.value.is_empty() {
        table.problem(patterns.span.clone(), "expected a log or more; found none");
    }
    let mut files = Vec::new();
    for pattern in &patterns.value {
        for file in expand_any(table, folder, pattern) {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    files
}

fn read_time(table: &TableReader<'_>, key: &'static str) -> Option<Timestamp> {
    let Placed { value, span } = table.text(key)?;
    let time = Timestamp::parse(&value);
    if time.is_none() {
        let expected = "expected a time in UTC such as `\"2026-11-27 20:15\"`";
        table.problem(span, format!("{expected}; found `{value}`"));
    }
    time
}

fn read_patterns(table: &TableReader<'_>, key: &'static str) -> Vec<Pattern> {
    let patterns = table.texts(key).into_iter().flat_map(|list| list.value);
    patterns.map(|text| Pattern::new(&text.value)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Matrix, SuiteKind};
    use super::*;

    fn logs(value: &str) -> Result<Vec<PathBuf>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["slow.log", "slow.log.1"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        let text = format!("flavours = ['mysql:9.7']\n[[suite]]\nname = 's'\nlog = {value}\n");
        let matrix = Matrix::parse(&folder.path().join("m.toml"), &text);
        let matrix = matrix.map_err(|error| error.lines().join("\n"))?;
        let SuiteKind::Files(files) = &matrix.suites[0].kind else {
            panic!("a suite of logs");
        };
        let names = files.files.iter().filter_map(|file| file.file_name());
        Ok(names.map(PathBuf::from).collect())
    }

    #[test]
    fn a_suite_has_logs_by_patterns_each_once() {
        let both = Ok(vec!["slow.log".into(), "slow.log.1".into()]);
        assert_eq!(logs("'slow.log*'"), both);
        assert_eq!(logs("['slow.log', 'slow.log*']"), both);
        assert_eq!(logs("'slow.log.1'"), Ok(vec!["slow.log.1".into()]));
        for (wrong, expected) in [
            ("[]", "expected a log or more; found none"),
            ("['slow.log', 'none.log']", "`none.log` matches no file"),
            ("3", "expected a string or a list of strings"),
        ] {
            let told = logs(wrong).expect_err("it is wrong");
            assert!(told.contains(expected), "{told}");
        }
    }
}
