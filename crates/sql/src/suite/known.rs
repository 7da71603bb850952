//! Known divergences: a file beside a suite's file that lists acceptable differences,
//! with reasons.
//!
//! ```toml
//! [[divergence]]
//! statement = "SELECT JSON_TYPE(1.5)"
//! flavours = ["mariadb<10.6", "mysql-5.6"]
//! kinds = ["rows"]
//! reason = "DECIMAL was a DOUBLE before"
//! link = "https://bugs.example/1"
//! expires = 2027-06-30
//! ```
//!
//! `digest` in place of `statement` stands for all statements of a form.

use std::path::{Path, PathBuf};

use dbmatrix_config::{ConfigError, Deprecations, Placed, TableReader};

use super::condition::{Condition, Facts};
use super::form::statement_form;
use super::known_entry::{
    Reason, WHAT, read_entries, read_expired, read_flavours, read_reason, required,
};
use crate::compare::{Kind, Kinds};

/// The known divergences of one file.
#[derive(Debug, Clone, Default)]
pub struct KnownDivergences {
    /// The file that contains them.
    pub path: PathBuf,
    /// In the order of the file.
    pub entries: Vec<KnownDivergence>,
    /// Deprecated names in the file.
    pub deprecations: Deprecations,
}

/// Flavours that answer a step unlike the others, or unlike its expectation.
#[derive(Debug, Clone)]
pub struct KnownDivergence {
    /// Line of the entry, from 1.
    pub line: usize,
    /// The statement, or a form as reports show it; white space is insignificant.
    pub statement: String,
    /// Whether it stands for all statements of its form.
    is_digest: bool,
    /// Which of several equal statements, from 1; by default all.
    pub nth: Option<usize>,
    /// Flavours to which it applies: at least one condition must hold.
    flavours: Vec<Condition>,
    /// The kinds of difference.
    pub kinds: Kinds,
    /// The reason.
    pub reason: Reason,
    /// The expiry date, if it is past.
    pub expired: Option<String>,
}

impl KnownDivergence {
    /// Whether it applies to a flavour.
    pub fn applies_to(&self, facts: &Facts) -> bool {
        self.flavours.iter().any(|condition| condition.holds(facts))
    }

    /// Whether it applies to the `nth` step with this statement, on one line.
    fn is_about(&self, statement: &str, nth: usize) -> bool {
        match self.is_digest {
            true => {
                let form = statement_form(statement);
                self.statement == form || statement_form(&self.statement) == form
            }
            false => self.statement == statement && self.nth.is_none_or(|wanted| wanted == nth),
        }
    }
}

/// The file beside a suite's: `x.slt.divergences.toml`.
pub fn known_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".divergences.toml");
    PathBuf::from(name)
}

/// A statement in normalized form for comparison: white space is insignificant.
pub fn one_line(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl KnownDivergences {
    /// Reads the file beside `file`; a missing file counts as empty.
    ///
    /// # Errors
    /// [`ConfigError`] with all problems, each at its line. A `reason` may be
    /// empty during proposals (`--update`), but not when entries are applied.
    pub fn load(file: &Path, proposing: bool) -> Result<Self, ConfigError> {
        let path = known_path(file);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(path, &text, proposing),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(KnownDivergences {
                path,
                ..KnownDivergences::default()
            }),
            Err(source) => Err(ConfigError::Read {
                what: WHAT,
                path,
                source,
                near: String::new(),
            }),
        }
    }

    pub fn parse(path: PathBuf, text: &str, proposing: bool) -> Result<Self, ConfigError> {
        let read = |table: &TableReader<'_>, line| read_entry(table, line, proposing);
        let (entries, deprecations) = read_entries(&path, text, read)?;
        Ok(KnownDivergences {
            path,
            entries,
            deprecations,
        })
    }

    /// Indexes of the entries for the `nth` step with this statement.
    pub fn matching(&self, statement: &str, nth: usize) -> Vec<usize> {
        let all = self.entries.iter().enumerate();
        all.filter(|(_, entry)| entry.is_about(statement, nth))
            .map(|(at, _)| at)
            .collect()
    }
}

fn read_entry(table: &TableReader<'_>, line: usize, proposing: bool) -> Option<KnownDivergence> {
    let digest = table.text("digest");
    let is_digest = digest.is_some();
    let statement = match digest {
        Some(digest) => {
            if table.has("statement") || table.has("nth") {
                let expected = "expected a `statement`, or a `digest` for all statements of a form";
                table.problem(digest.span.clone(), expected);
                table.know("statement");
                table.know("nth");
            }
            Some(digest)
        }
        None => required(table, "statement"),
    };
    let nth = match is_digest {
        true => None,
        false => table.count("nth"),
    };
    let flavours = read_flavours(table);
    let kinds = read_kinds(table);
    let reason = read_reason(table, proposing);
    let expired = read_expired(table);
    table.finish();
    Some(KnownDivergence {
        line,
        statement: one_line(&statement?.value),
        is_digest,
        nth: nth.map(|nth| nth.value as usize),
        flavours: flavours?,
        kinds: kinds?,
        reason: reason?,
        expired,
    })
}

/// Reads the words of kinds of difference.
pub fn read_kinds(table: &TableReader<'_>) -> Option<Kinds> {
    let Some(list) = table.texts("kinds") else {
        if !table.has("kinds") {
            let expected = "expected `kinds`, such as `[\"rows\"]`";
            table.problem(table.span(), expected);
        }
        return None;
    };
    let read = |text: &Placed<String>| match text.value.parse() {
        Ok(kind) => {
            if let Some(kind) = Kind::renamed(&text.value) {
                table.deprecate(text.span.clone(), &text.value, kind.as_str());
            }
            Some(kind)
        }
        Err(message) => {
            table.problem(text.span.clone(), message);
            None
        }
    };
    let kinds: Kinds = list.value.iter().map(read).collect::<Option<_>>()?;
    if kinds.is_empty() {
        table.problem(list.span, "expected at least one kind; found none");
    }
    Some(kinds)
}

/// An entry for review, as text for the file; the user fills in the reason.
pub fn proposal(statement: &str, nth: Option<usize>, flavours: &[&str], kinds: Kinds) -> String {
    let quoted = |words: &mut dyn Iterator<Item = &str>| {
        let words: Vec<String> = words.map(toml_text).collect();
        format!("[{}]", words.join(", "))
    };
    let nth = nth.map_or_else(String::new, |nth| format!("nth = {nth}\n"));
    format!(
        "[[divergence]]\nstatement = {}\n{nth}flavours = {}\nkinds = {}\nreason = \"\"\n",
        toml_text(&one_line(statement)),
        quoted(&mut flavours.iter().copied()),
        quoted(&mut kinds.iter().map(|kind| kind.as_str())),
    )
}

fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Family;

    fn parse(text: &str) -> Result<KnownDivergences, ConfigError> {
        KnownDivergences::parse(PathBuf::from("x.slt.divergences.toml"), text, false)
    }

    fn told(text: &str) -> Vec<String> {
        parse(text)
            .err()
            .map(|error| error.lines())
            .unwrap_or_default()
    }

    fn facts(flavour: &str, family: Family, version: &str) -> Facts {
        Facts {
            flavour: flavour.to_owned(),
            family,
            version: version.parse().expect("a version"),
            labels: Vec::new(),
        }
    }

    #[test]
    fn an_entry_is_about_a_statement_and_flavours() {
        let text = "\
[[divergence]]
statement = '''
SELECT
  1'''
nth = 2
flavours = ['mariadb<10.6', 'mysql-5.6']
kinds = ['rows', 'order']
reason = 'because'
expires = 2999-12-31
";
        let known = parse(text).expect("a file");
        let entry = &known.entries[0];
        assert_eq!((entry.line, entry.expired.as_deref()), (1, None));
        assert_eq!(known.matching("SELECT 1", 2), [0]);
        assert!(known.matching("SELECT 1", 1).is_empty());
        assert!(entry.applies_to(&facts("mariadb-10.5", Family::Mariadb, "10.5.29")));
        assert!(entry.applies_to(&facts("mysql-5.6", Family::Mysql, "5.6.24")));
        assert!(!entry.applies_to(&facts("mariadb-11.8", Family::Mariadb, "11.8.9")));
        assert!(entry.kinds.contains(Kind::Order));
    }

    #[test]
    fn a_digest_stands_for_all_statements_of_a_form() {
        let entry = |digest: &str| {
            let rest = "flavours = ['mysql']\nkinds = ['rows']\nreason = 'r'\n";
            format!("[[divergence]]\ndigest = '{digest}'\n{rest}")
        };
        for digest in [
            "SELECT a FROM t WHERE b IN (...)",
            "select a  from t where b in (7, 8)",
        ] {
            let known = parse(&entry(digest)).expect("a file");
            assert_eq!(
                known.matching("SELECT a FROM t WHERE b IN (1, 2, 3)", 1),
                [0]
            );
            assert_eq!(known.matching("SELECT a FROM t WHERE b IN (4)", 9), [0]);
            assert!(
                known
                    .matching("SELECT c FROM t WHERE b IN (1)", 1)
                    .is_empty()
            );
        }
        let both = entry("SELECT ?") + "statement = 'SELECT 1'\n";
        insta::assert_snapshot!(told(&both).join("\n"), @"x.slt.divergences.toml:2: expected a `statement`, or a `digest` for all statements of a form");
    }

    #[test]
    fn the_old_name_of_a_kind_is_understood_and_told() {
        let text = "[[divergence]]\nstatement = 'S'\nflavours = ['mysql']\nkinds = ['acceptance']\nreason = 'r'\n";
        let known = parse(text).expect("a file");
        assert!(known.entries[0].kinds.contains(Kind::Success));
        insta::assert_snapshot!(known.deprecations.join("\n"), @"x.slt.divergences.toml:4: `acceptance` is called `success` now; the next release no longer knows the old name");
    }

    #[test]
    fn all_problems_are_told_at_their_lines() {
        let text = "\
[[divergence]]
statement = 'SELECT 1'
flavours = ['mariadb>']
kinds = ['row']
reason = ' '

[[divergence]]
flavors = ['mysql']
expires = 'soon'
";
        insta::assert_snapshot!(told(text).join("\n"), @r#"
        x.slt.divergences.toml:3: condition `mariadb>`: expected a version such as `8.4` or `10.11.18`; found ``
        x.slt.divergences.toml:4: expected one of `success`, `rows`, `order`, `affected`, `error-code`, `column-name`, `column-type`, `warning`, `error-text`, `plan`, `time`; found `row`
        x.slt.divergences.toml:5: expected a reason: why is it well that these differ?
        x.slt.divergences.toml:7: expected a `statement`
        x.slt.divergences.toml:7: expected `flavours`, such as `["mariadb<10.6"]`
        x.slt.divergences.toml:7: expected `kinds`, such as `["rows"]`
        x.slt.divergences.toml:7: expected a `reason`
        x.slt.divergences.toml:8: unknown key `flavors`; did you mean `flavours`?
        x.slt.divergences.toml:9: expected a day such as `2027-01-31`; found a string
        "#);
    }

    #[test]
    fn a_past_day_is_told() {
        let text = "[[divergence]]\nstatement = 'S'\nflavours = ['mysql']\nkinds = ['rows']\nreason = 'r'\nexpires = 2020-01-01\n";
        let known = parse(text).expect("a file");
        assert_eq!(known.entries[0].expired.as_deref(), Some("2020-01-01"));
    }

    #[test]
    fn a_proposal_reads_back_and_wants_a_reason() {
        let text = proposal(
            "SELECT \"a\\b\"\n  FROM t",
            Some(2),
            &["mysql-9.7"],
            Kind::Rows.into(),
        );
        assert!(told(&text)[0].contains("expected a reason"));
        let path = PathBuf::from("x");
        let known = KnownDivergences::parse(path, &text, true).expect("a proposal");
        assert_eq!(known.matching("SELECT \"a\\b\" FROM t", 2), [0]);
    }
}
