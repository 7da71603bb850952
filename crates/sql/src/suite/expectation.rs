//! Stored expectations of a `.sql` file, in a file beside it.
//!
//! For each statement, in order:
//!
//! ```text
//! == SELECT 1 AS one
//! -- mariadb<10.6 mysql-5.6
//!   ERROR 1064 (42000): …
//! -- *
//!   one
//!   1
//! ```
//!
//! The first block whose condition holds is used.

mod update;

pub use update::{Absent, UnlikeStatements};

use std::path::{Path, PathBuf};

use super::condition::{Condition, Facts};
use super::error::SuiteError;
use super::known::one_line;

/// The file of expectations beside `sql`: `x.sql.expected`.
pub fn expectation_path(sql: &Path) -> PathBuf {
    let mut name = sql.as_os_str().to_owned();
    name.push(".expected");
    PathBuf::from(name)
}

/// The start of the first line, which is rewritten each time.
const HEAD: &str = "# What servers answer to ";

/// Expectations of one file.
#[derive(Debug, Clone, Default)]
pub struct Expectation {
    entries: Vec<Entry>,
    /// The user's comments after the last entry.
    comments: Vec<String>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// The user's comments before it.
    comments: Vec<String>,
    statement: String,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone)]
struct Block {
    /// The user's comments before it.
    comments: Vec<String>,
    conditions: Vec<Condition>,
    lines: Vec<String>,
}

/// One flavour's answer to each statement; `None` if it was skipped.
pub type Recorded = Vec<(String, Option<Vec<String>>)>;

impl Block {
    fn holds(&self, facts: &Facts) -> bool {
        self.conditions
            .iter()
            .any(|condition| condition.holds(facts))
    }

    fn is_default(&self) -> bool {
        self.conditions
            .iter()
            .any(|condition| condition.as_str() == "*")
    }
}

impl Entry {
    fn block(&self, facts: &Facts) -> Option<&Block> {
        self.blocks.iter().find(|block| block.holds(facts))
    }
}

impl Expectation {
    /// Reads the file; `None` if it does not exist.
    ///
    /// # Errors
    /// [`SuiteError::At`] at the first invalid line.
    pub fn load(path: &Path) -> Result<Option<Self>, SuiteError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SuiteError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    pub fn parse(path: &Path, text: &str) -> Result<Self, SuiteError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut comments = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let wrong = |message: &str| SuiteError::At {
                path: path.to_owned(),
                line: at + 1,
                message: message.to_owned(),
            };
            if let Some(statement) = line.strip_prefix("== ") {
                entries.push(Entry {
                    comments: std::mem::take(&mut comments),
                    statement: statement.to_owned(),
                    blocks: Vec::new(),
                });
            } else if let Some(conditions) = line.strip_prefix("-- ") {
                let conditions = conditions.split_whitespace().map(str::parse);
                let conditions = conditions
                    .collect::<Result<_, String>>()
                    .map_err(|text| wrong(&text))?;
                let entry = entries.last_mut();
                let entry =
                    entry.ok_or_else(|| wrong("expected `== STATEMENT` before the first `--`"))?;
                entry.blocks.push(Block {
                    comments: std::mem::take(&mut comments),
                    conditions,
                    lines: Vec::new(),
                });
            } else if let Some(content) = line.strip_prefix("  ") {
                let block = entries.last_mut().and_then(|entry| entry.blocks.last_mut());
                let block = block
                    .ok_or_else(|| wrong("expected `-- FLAVOURS` before the first outcome"))?;
                block.lines.push(content.to_owned());
            } else if line.starts_with('#') {
                if !(at == 0 && line.starts_with(HEAD)) {
                    comments.push(line.to_owned());
                }
            } else if !line.is_empty() {
                return Err(wrong(
                    "expected `== STATEMENT`, `-- FLAVOURS`, an indented outcome or `# a comment`",
                ));
            }
        }
        Ok(Expectation { entries, comments })
    }

    /// The expectation of the statement at `ordinal` (from 0).
    ///
    /// # Errors
    /// A human-readable reason why there is no expectation.
    pub fn lines(
        &self,
        ordinal: usize,
        statement: &str,
        facts: &Facts,
    ) -> Result<&[String], String> {
        let update = "run with `--update` to write it, then review it";
        let entry = self.entries.get(ordinal);
        let entry = entry
            .ok_or_else(|| format!("no expectation is stored for this statement; {update}"))?;
        let wanted = one_line(statement);
        if entry.statement != wanted {
            return Err(format!(
                "the stored expectation is of another statement, `{}`; {update}",
                entry.statement
            ));
        }
        let block = entry.block(facts);
        let block = block.ok_or_else(|| {
            format!(
                "no stored expectation holds for `{}`; {update}",
                facts.flavour
            )
        })?;
        Ok(&block.lines)
    }

    /// The text of the whole file.
    pub fn to_text(&self, sql: &Path) -> String {
        let name = sql.file_name().unwrap_or_default().to_string_lossy();
        let mut text = format!("{HEAD}{name}; written by `dbmatrix run --update`.\n");
        let mut push = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        for entry in &self.entries {
            push("");
            entry.comments.iter().for_each(|comment| push(comment));
            push(&format!("== {}", entry.statement));
            for block in &entry.blocks {
                block.comments.iter().for_each(|comment| push(comment));
                let conditions: Vec<&str> =
                    block.conditions.iter().map(Condition::as_str).collect();
                push(&format!("-- {}", conditions.join(" ")));
                block
                    .lines
                    .iter()
                    .for_each(|line| push(&format!("  {line}")));
            }
        }
        if !self.comments.is_empty() {
            push("");
            self.comments.iter().for_each(|comment| push(comment));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(name: &str) -> Facts {
        let (family, version) = name.split_once('-').expect("family and version");
        Facts {
            flavour: name.to_owned(),
            family: family.parse().expect("a family"),
            version: version.parse().expect("a version"),
            labels: Vec::new(),
        }
    }

    fn parse(text: &str) -> Expectation {
        Expectation::parse(Path::new("x.sql.expected"), text).expect("it parses")
    }

    #[test]
    fn a_file_reads_back_with_the_remarks_of_people() {
        let text = "# What servers answer to x.sql; written by `dbmatrix run --update`.\n\n# mine\n== SELECT 1\n# so it was\n-- mariadb<10.6 mysql-5.6\n  a\n-- *\n  b\n\n# the end\n";
        assert_eq!(parse(text).to_text(Path::new("x.sql")), text);
    }

    #[test]
    fn another_statement_or_none_is_told() {
        let stored = parse("== SELECT 1\n-- mysql\n  a\n");
        let told =
            |ordinal, sql: &str, name| stored.lines(ordinal, sql, &facts(name)).expect_err("none");
        assert!(told(0, "SELECT 2", "mysql-9.7").contains("another statement"));
        assert!(told(1, "SELECT 1", "mysql-9.7").contains("no expectation"));
        assert!(told(0, "SELECT 1", "mariadb-10.5").contains("mariadb-10.5"));
    }

    #[test]
    fn a_bad_line_is_told_at_its_place() {
        for (text, line) in [
            ("== a\nb\n", ":2: "),
            ("-- *\n", ":1: "),
            ("== a\n-- mysql>\n", ":2: "),
        ] {
            let told = Expectation::parse(Path::new("x"), text).expect_err("an error");
            assert!(told.to_string().contains(line), "{told}");
        }
    }
}
