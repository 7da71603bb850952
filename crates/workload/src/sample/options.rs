//! What a sample takes.

use std::fmt;

use crate::entry::Entry;
use crate::timestamp::Timestamp;

/// What a sample takes, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleOptions {
    /// Statements of each digest: the slowest, the first, and random others.
    pub per_digest: usize,
    /// Statements at this time and later.
    pub since: Option<Timestamp>,
    /// Statements before this time.
    pub until: Option<Timestamp>,
    /// Statements of this default database.
    pub database: Option<String>,
    /// Statements of this user.
    pub user: Option<String>,
    /// Statements whose form one of these matches; empty: all.
    pub only: Vec<Pattern>,
    /// Statements whose form none of these matches.
    pub skip: Vec<Pattern>,
    /// The same seed and logs give the same sample.
    pub seed: u64,
}

impl Default for SampleOptions {
    fn default() -> Self {
        SampleOptions {
            per_digest: 5,
            since: None,
            until: None,
            database: None,
            user: None,
            only: Vec::new(),
            skip: Vec::new(),
            seed: 0,
        }
    }
}

impl SampleOptions {
    /// Whether a sample takes a statement, as far as that does not depend on its text.
    /// One without a time is not within any.
    pub fn takes(&self, entry: &Entry<'_>) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == found
        };
        let (since, until) = (self.since, self.until);
        since.is_none_or(|since| entry.time.is_some_and(|time| time >= since))
            && until.is_none_or(|until| entry.time.is_some_and(|time| time < until))
            && is(&self.database, entry.database.as_deref())
            && is(&self.user, entry.user.as_deref())
    }

    /// Whether a sample takes statements of a form.
    pub fn takes_form(&self, form: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(form));
        (self.only.is_empty() || any(&self.only)) && !any(&self.skip)
    }
}

/// A pattern for forms of statements, such as `SELECT * FROM orders *`: `*` stands for any
/// text, and the case of letters does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    /// Any text is a pattern.
    pub fn new(pattern: &str) -> Self {
        let parts = pattern.split('*').map(str::to_lowercase);
        Pattern {
            parts: parts.collect(),
        }
    }

    /// Whether it matches all of a form.
    pub fn matches(&self, form: &str) -> bool {
        let form = form.to_lowercase();
        let Some((first, rest)) = self.parts.split_first() else {
            return form.is_empty();
        };
        let Some(mut left) = form.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return left.is_empty();
        };
        for part in middle {
            let Some(at) = left.find(part.as_str()) else {
                return false;
            };
            left = &left[at + part.len()..];
        }
        left.ends_with(last.as_str())
    }
}

impl fmt::Display for Pattern {
    /// As it is read again, in small letters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_written_as_it_is_read_again() {
        for text in ["select *", "*", "", "*from t*"] {
            assert_eq!(Pattern::new(text).to_string(), text);
        }
    }

    #[test]
    fn patterns_match_forms() {
        for (pattern, form, matches) in [
            ("select *", "SELECT a FROM t", true),
            ("select *", "UPDATE t", false),
            (
                "SELECT * FROM t WHERE a = ?",
                "SELECT a, b FROM t WHERE a = ?",
                true,
            ),
            ("*ab*ab", "xabab", true),
            ("*ab*ab", "xab", false),
            ("commit", "COMMIT", true),
            ("commit", "COMMIT AND CHAIN", false),
            ("*", "", true),
            ("[a]*", "[A] b", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(form),
                matches,
                "{pattern}: {form}"
            );
        }
    }
}
