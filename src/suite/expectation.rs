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
//! The first block of which a condition holds is used.

use std::path::{Path, PathBuf};

use super::condition::{Condition, Facts};
use super::error::SuiteError;
use super::known::one_line;
use crate::compare::{Tolerance, same_record};

/// The file of expectations beside `sql`: `x.sql.expected`.
pub fn expectation_path(sql: &Path) -> PathBuf {
    let mut name = sql.as_os_str().to_owned();
    name.push(".expected");
    PathBuf::from(name)
}

/// Records are told apart to the letter where they are written.
const EXACT: Tolerance = Tolerance::EXACT;

/// Expectations of one file.
#[derive(Debug, Clone, Default)]
pub struct Expectation {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    statement: String,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone)]
struct Block {
    conditions: Vec<Condition>,
    lines: Vec<String>,
}

/// What one flavour answered to each statement; `None` where it was skipped.
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
    /// Reads the file; `None` where there is none.
    ///
    /// # Errors
    /// [`SuiteError::At`] at the line that is not as it should be.
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

    fn parse(path: &Path, text: &str) -> Result<Self, SuiteError> {
        let mut entries: Vec<Entry> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let wrong = |message: &str| SuiteError::At {
                path: path.to_owned(),
                line: at + 1,
                message: message.to_owned(),
            };
            if let Some(statement) = line.strip_prefix("== ") {
                entries.push(Entry {
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
                    conditions,
                    lines: Vec::new(),
                });
            } else if let Some(content) = line.strip_prefix("  ") {
                let block = entries.last_mut().and_then(|entry| entry.blocks.last_mut());
                let block = block
                    .ok_or_else(|| wrong("expected `-- FLAVOURS` before the first outcome"))?;
                block.lines.push(content.to_owned());
            } else if !line.is_empty() && !line.starts_with('#') {
                return Err(wrong(
                    "expected `== STATEMENT`, `-- FLAVOURS`, an indented outcome or `# a remark`",
                ));
            }
        }
        Ok(Expectation { entries })
    }

    /// What is expected of the statement at `ordinal` (from 0).
    ///
    /// # Errors
    /// Why there is no expectation, for people.
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

    /// The expectations after a run that recorded what each flavour answered.
    /// An entry that fits all of them stays as it is, with conditions that
    /// people wrote; blocks that speak of none of these flavours stay too.
    pub fn updated(&self, recorded: &[(Facts, Recorded)]) -> Self {
        let count = recorded
            .iter()
            .map(|(_, answers)| answers.len())
            .max()
            .unwrap_or(0);
        let entries = (0..count).map(|ordinal| {
            let statement = recorded
                .iter()
                .find_map(|(_, answers)| answers.get(ordinal))
                .map(|(statement, _)| one_line(statement))
                .unwrap_or_default();
            let old = self
                .entries
                .iter()
                .find(|entry| entry.statement == statement);
            let answers: Vec<(&Facts, &Vec<String>)> = recorded
                .iter()
                .filter_map(|(facts, answers)| Some((facts, answers.get(ordinal)?.1.as_ref()?)))
                .collect();
            updated_entry(statement, old, &answers)
        });
        Expectation {
            entries: entries.collect(),
        }
    }

    /// The whole file.
    pub fn to_text(&self, sql: &Path) -> String {
        let name = sql.file_name().unwrap_or_default().to_string_lossy();
        let mut text =
            format!("# What servers answer to {name}; written by `dbmatrix run --update`.\n");
        for entry in &self.entries {
            text.push_str(&format!("\n== {}\n", entry.statement));
            for block in &entry.blocks {
                let conditions: Vec<&str> =
                    block.conditions.iter().map(Condition::as_str).collect();
                text.push_str(&format!("-- {}\n", conditions.join(" ")));
                for line in &block.lines {
                    text.push_str(&format!("  {line}\n"));
                }
            }
        }
        text
    }
}

fn updated_entry(
    statement: String,
    old: Option<&Entry>,
    answers: &[(&Facts, &Vec<String>)],
) -> Entry {
    let fits = |entry: &&Entry| {
        answers.iter().all(|(facts, lines)| {
            entry
                .block(facts)
                .is_some_and(|block| same_record(&block.lines, lines, EXACT))
        })
    };
    if let Some(entry) = old.filter(fits) {
        return entry.clone();
    }
    let mut groups: Vec<(Vec<String>, &Vec<String>)> = Vec::new();
    for (facts, lines) in answers {
        match groups
            .iter_mut()
            .find(|(_, known)| same_record(known, lines, EXACT))
        {
            Some((names, _)) => names.push(facts.flavour.clone()),
            None => groups.push((vec![facts.flavour.clone()], lines)),
        }
    }
    let largest = groups
        .iter()
        .map(|(names, _)| names.len())
        .max()
        .unwrap_or(0);
    let default = groups.iter().position(|(names, _)| names.len() == largest);
    let kept = old.into_iter().flat_map(|entry| &entry.blocks);
    let kept = kept.filter(|block| {
        !block.is_default() && !answers.iter().any(|(facts, _)| block.holds(facts))
    });
    let mut blocks: Vec<Block> = kept.cloned().collect();
    let mut last = None;
    for (at, (names, lines)) in groups.into_iter().enumerate() {
        let is_default = Some(at) == default;
        let names = if is_default {
            vec!["*".to_owned()]
        } else {
            names
        };
        let block = Block {
            conditions: names.iter().filter_map(|name| name.parse().ok()).collect(),
            lines: lines.clone(),
        };
        if is_default {
            last = Some(block);
        } else {
            blocks.push(block);
        }
    }
    blocks.extend(last);
    Entry { statement, blocks }
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

    fn answered(name: &str, lines: &[&str]) -> (Facts, Recorded) {
        let lines = lines.iter().map(|&line| line.to_owned()).collect();
        (facts(name), vec![("SELECT\n 1".to_owned(), Some(lines))])
    }

    fn parse(text: &str) -> Expectation {
        Expectation::parse(Path::new("x.sql.expected"), text).expect("it parses")
    }

    #[test]
    fn an_update_groups_equal_answers_and_reads_back() {
        let answers = [
            answered("mysql-9.7", &["a", "1"]),
            answered("mariadb-10.5", &["ERROR 1064 (42000): x"]),
            answered("mariadb-11.8", &["a", "1"]),
        ];
        let text = Expectation::default()
            .updated(&answers)
            .to_text(Path::new("x.sql"));
        insta::assert_snapshot!(text, @r"
        # What servers answer to x.sql; written by `dbmatrix run --update`.

        == SELECT 1
        -- mariadb-10.5
          ERROR 1064 (42000): x
        -- *
          a
          1
        ");
        let read = parse(&text);
        assert_eq!(
            read.lines(0, "SELECT 1", &facts("mysql-9.7")),
            Ok(&["a".to_owned(), "1".to_owned()][..])
        );
        let other = read
            .lines(0, "SELECT 1", &facts("mariadb-10.5"))
            .expect("a block");
        assert_eq!(other, ["ERROR 1064 (42000): x"]);
    }

    #[test]
    fn what_people_wrote_stays_while_it_fits() {
        let text = "# mine\n\n== SELECT 1\n-- mariadb<10.6\n  ERROR 1064 (42000): old words\n-- *\n  a\n  1\n";
        let old = parse(text);
        let answers = [answered("mariadb-10.5", &["ERROR 1064 (42000): new words"])];
        let new = old.updated(&answers);
        assert!(
            new.to_text(Path::new("x.sql"))
                .contains("-- mariadb<10.6\n  ERROR 1064 (42000): old words")
        );
    }

    #[test]
    fn blocks_of_absent_flavours_stay() {
        let old = parse("== SELECT 1\n-- mariadb<10.6\n  old\n-- *\n  a\n");
        let new = old.updated(&[answered("mysql-9.7", &["b"])]);
        let lines = new
            .lines(0, "SELECT 1", &facts("mariadb-10.5"))
            .expect("a block");
        assert_eq!(lines, ["old"]);
        assert_eq!(
            new.lines(0, "SELECT 1", &facts("mysql-9.7"))
                .expect("a block"),
            ["b"]
        );
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
