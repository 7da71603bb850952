//! When a step runs: conditions on families, version ranges, flavours, labels.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use globset::{Glob, GlobMatcher};

use super::client::Modes;
use crate::version::{Family, Version};

/// The facts that conditions are evaluated against: one flavour, and the suite's extra
/// labels.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The flavour's name.
    pub flavour: String,
    /// The server's family.
    pub family: Family,
    /// The server's version, as it reports it.
    pub version: Version,
    /// Labels that apply to every flavour of a suite.
    pub labels: Vec<String>,
}

impl Facts {
    /// How a session on the server reads text, where a backslash may be an ordinary
    /// letter.
    pub fn modes(&self, no_backslash_escapes: bool) -> Modes {
        Modes {
            no_backslash_escapes,
            dollar_quotes: Family::Mysql.covers(self.family)
                && self.version >= Version::release(9, 0),
        }
    }
}

/// One condition: `mysql`, `mariadb<10.6`, `percona-8.4`, `mysql>=8.0,mysql<9`,
/// or a flavour's name with `*` for any letters.
#[derive(Debug, Clone)]
pub struct Condition {
    text: Arc<str>,
    parts: Arc<[Part]>,
}

#[derive(Debug)]
enum Part {
    Range(Family, Comparison, Version),
    /// A family, a label or a flavour.
    Name(String),
    /// A label or flavours.
    Pattern(String, GlobMatcher),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    NotEqual,
    AtLeast,
    More,
}

/// Longer ones first, so that `<=` is not read as `<`.
const COMPARISONS: [(&str, Comparison); 7] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("!=", Comparison::NotEqual),
    ("==", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::More),
    ("=", Comparison::Equal),
];

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(',').map(read_part).collect::<Result<_, _>>()?;
        Ok(Condition {
            text: text.into(),
            parts,
        })
    }
}

fn read_part(text: &str) -> Result<Part, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("expected a condition such as `mysql>=8.0`; found nothing".to_owned());
    }
    let comparison = text.find(['<', '>', '=', '!']);
    if let Some(at) = comparison {
        let (name, rest) = text.split_at(at);
        let family: Family = name
            .trim()
            .parse()
            .map_err(|error| format!("condition `{text}`: {error}"))?;
        let found = COMPARISONS
            .iter()
            .find_map(|(sign, kind)| Some((rest.strip_prefix(sign)?, *kind)));
        let (number, kind) = found.ok_or_else(|| {
            format!(
                "condition `{text}`: expected one of `<` `<=` `=` `!=` `>=` `>`; found `{rest}`"
            )
        })?;
        let version = number
            .trim()
            .parse()
            .map_err(|error| format!("condition `{text}`: {error}"))?;
        return Ok(Part::Range(family, kind, version));
    }
    if !text.contains(['*', '?', '[', ']', '{', '}', '\\']) {
        return Ok(Part::Name(text.to_owned()));
    }
    let glob = Glob::new(text).map_err(|error| format!("condition `{text}`: {error}"))?;
    Ok(Part::Pattern(text.to_owned(), glob.compile_matcher()))
}

impl Condition {
    /// Whether all its parts hold.
    pub fn holds(&self, facts: &Facts) -> bool {
        self.parts.iter().all(|part| part.holds(facts))
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Part {
    fn holds(&self, facts: &Facts) -> bool {
        match self {
            Part::Range(family, comparison, version) => {
                family.covers(facts.family) && comparison.holds(facts.version, *version)
            }
            Part::Name(name) => {
                let family = name.parse::<Family>();
                family.is_ok_and(|family| family.covers(facts.family))
                    || facts.labels.iter().any(|label| label == name)
                    || *name == facts.flavour
            }
            Part::Pattern(pattern, glob) => {
                facts.labels.iter().any(|label| label == pattern) || glob.is_match(&facts.flavour)
            }
        }
    }
}

impl Comparison {
    /// Compares as many numbers as `bound` has, in the usual sense: 8.0.36 is `=8.0` and
    /// `<=8.0`, and not `>8.0`.
    fn holds(self, found: Version, bound: Version) -> bool {
        let within = bound.is_prefix_of(found);
        match self {
            Comparison::Less => !within && found < bound,
            Comparison::AtMost => within || found < bound,
            Comparison::Equal => within,
            Comparison::NotEqual => !within,
            Comparison::AtLeast => within || found > bound,
            Comparison::More => !within && found > bound,
        }
    }
}

/// The conditions of a file, each parsed once: large files repeat a few.
#[derive(Debug, Default)]
pub(super) struct ConditionReader(HashMap<String, Condition>);

impl ConditionReader {
    /// Parses a condition; an error says what was expected.
    pub(super) fn read(&mut self, text: &str) -> Result<Condition, String> {
        if let Some(condition) = self.0.get(text) {
            return Ok(condition.clone());
        }
        let condition: Condition = text.parse()?;
        self.0.insert(text.to_owned(), condition.clone());
        Ok(condition)
    }
}

/// Conditions of one step: every `onlyif` must hold, and no `skipif`.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    only: Vec<Condition>,
    skip: Vec<Condition>,
}

impl Conditions {
    /// Adds an `onlyif`.
    pub fn only_if(&mut self, condition: Condition) {
        self.only.push(condition);
    }

    /// Adds a `skipif`.
    pub fn skip_if(&mut self, condition: Condition) {
        self.skip.push(condition);
    }

    /// Adds those of another record.
    pub fn add(&mut self, other: Conditions) {
        self.only.extend(other.only);
        self.skip.extend(other.skip);
    }

    /// Whether the step runs everywhere.
    pub fn is_empty(&self) -> bool {
        self.only.is_empty() && self.skip.is_empty()
    }

    /// Whether the step runs with these facts.
    pub fn hold(&self, facts: &Facts) -> bool {
        self.only.iter().all(|condition| condition.holds(facts))
            && !self.skip.iter().any(|condition| condition.holds(facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(flavour: &str, family: Family, version: &str) -> Facts {
        Facts {
            flavour: flavour.to_owned(),
            family,
            version: version.parse().expect("a version"),
            labels: Vec::new(),
        }
    }

    fn holds(condition: &str, facts: &Facts) -> bool {
        condition
            .parse::<Condition>()
            .expect("a condition")
            .holds(facts)
    }

    #[test]
    fn ranges_compare_as_many_numbers_as_they_have() {
        let server = facts("m", Family::Mysql, "8.0.36");
        for (condition, expected) in [
            ("mysql>=8.0", true),
            ("mysql>8.0", false),
            ("mysql<=8.0", true),
            ("mysql=8.0", true),
            ("mysql!=8.0", false),
            ("mysql<8.0.37", true),
            ("mysql<9,mysql>=5.7", true),
            ("mariadb<10.6", false),
        ] {
            assert_eq!(holds(condition, &server), expected, "{condition}");
        }
    }

    #[test]
    fn a_calendar_version_is_later_than_a_numbered_one() {
        assert!(holds("mysql>=9.7", &facts("m", Family::Mysql, "26.7.0")));
    }

    #[test]
    fn names_are_families_flavours_or_labels() {
        let mut server = facts("percona-8.4", Family::Percona, "8.4.6");
        assert!(holds("mysql", &server));
        assert!(holds("percona", &server));
        assert!(holds("percona-*", &server));
        assert!(!holds("mariadb", &server));
        assert!(!holds("sqlite", &server));
        server.labels.push("sqlite".to_owned());
        assert!(holds("sqlite", &server));
    }

    #[test]
    fn refuses_what_cannot_be_read() {
        for text in ["", "mysql>", "mysql>=x", "oracle>=8", "mysql=>8", "a,,b"] {
            assert!(text.parse::<Condition>().is_err(), "{text:?}");
        }
    }
}
