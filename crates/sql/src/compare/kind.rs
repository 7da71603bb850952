//! Kinds of difference between two outcomes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of difference between two outcomes of the same statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One server executes the statement, the other rejects it.
    #[serde(alias = "acceptance")]
    Success,
    /// Other rows, or rows on one side only.
    Rows,
    /// The same rows in another order, for a statement that asks for none.
    Order,
    /// Another number of affected rows.
    Affected,
    /// Another error number or SQLSTATE.
    ErrorCode,
    /// Other names of columns.
    ColumnName,
    /// Other types of columns.
    ColumnType,
    /// Other warnings, or another number of them.
    Warning,
    /// The same error in other words.
    ErrorText,
    /// Another way to read the tables, as `EXPLAIN` says.
    Plan,
    /// Another time, by repeated measuring.
    Time,
}

impl Kind {
    /// Every kind, the graver ones first.
    pub const ALL: [Kind; 11] = [
        Kind::Success,
        Kind::Rows,
        Kind::Order,
        Kind::Affected,
        Kind::ErrorCode,
        Kind::ColumnName,
        Kind::ColumnType,
        Kind::Warning,
        Kind::ErrorText,
        Kind::Plan,
        Kind::Time,
    ];

    /// The word used in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Success => "success",
            Kind::Rows => "rows",
            Kind::Order => "order",
            Kind::Affected => "affected",
            Kind::ErrorCode => "error-code",
            Kind::ColumnName => "column-name",
            Kind::ColumnType => "column-type",
            Kind::Warning => "warning",
            Kind::ErrorText => "error-text",
            Kind::Plan => "plan",
            Kind::Time => "time",
        }
    }

    /// The kind that a word of an earlier release stands for.
    pub fn renamed(word: &str) -> Option<Kind> {
        (word == "acceptance").then_some(Kind::Success)
    }

    /// A readable title.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Success => "succeeds here, fails there",
            Kind::Rows => "rows",
            Kind::Order => "order only",
            Kind::Affected => "affected rows",
            Kind::ErrorCode => "error code",
            Kind::ColumnName => "column name",
            Kind::ColumnType => "column type",
            Kind::Warning => "warning",
            Kind::ErrorText => "error text only",
            Kind::Plan => "plan",
            Kind::Time => "time",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    /// Reads the word of a kind; [`Kind::renamed`] recognizes words of earlier releases.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = Kind::renamed(text).map_or(text, |kind| kind.as_str());
        let found = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| {
            let words: Vec<String> = Kind::ALL.iter().map(|kind| format!("`{kind}`")).collect();
            format!("expected one of {}; found `{text}`", words.join(", "))
        })
    }
}

/// A set of kinds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Kinds(u16);

impl Kinds {
    /// No kind.
    pub const NONE: Kinds = Kinds(0);
    /// Every kind.
    pub const ALL: Kinds = Kinds((1 << Kind::ALL.len()) - 1);

    /// Whether it holds no kind.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it holds `kind`.
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & Kinds::from(kind).0 != 0
    }

    /// The intersection.
    pub fn and(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }

    /// The union.
    pub fn or(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// Whether they concern only how the server came to its answer, and how long it took.
    pub fn are_of_work(self) -> bool {
        let work = Kinds::from_iter([Kind::Plan, Kind::Time]);
        !self.is_empty() && self.without(work).is_empty()
    }

    /// Those not in `other`.
    pub fn without(self, other: Kinds) -> Kinds {
        Kinds(self.0 & !other.0)
    }

    /// The kinds, the graver ones first.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL
            .into_iter()
            .filter(move |kind| self.contains(*kind))
    }
}

impl From<Kind> for Kinds {
    fn from(kind: Kind) -> Self {
        Kinds(1 << kind as u16)
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        kinds
            .into_iter()
            .fold(Kinds::NONE, |all, kind| all.or(kind.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: Kinds = [Kind::ErrorText, Kind::Rows].into_iter().collect();
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Kind::Rows, Kind::ErrorText]
        );
        assert_eq!(Kinds::ALL.iter().count(), Kind::ALL.len());
        assert!(set.without(Kinds::ALL).is_empty());
    }

    #[test]
    fn reads_the_word_of_an_earlier_release() {
        let read: Kind = serde_json::from_str("\"acceptance\"").expect("a kind");
        assert_eq!(read, Kind::Success);
        assert_eq!("acceptance".parse(), Ok(Kind::Success));
        let written = serde_json::to_string(&read).expect("plain data");
        assert_eq!(written, "\"success\"");
    }

    #[test]
    fn a_word_reads_back_and_another_is_refused_with_all_of_them() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        let told = "row".parse::<Kind>().expect_err("no kind");
        assert!(told.contains("`rows`"), "{told}");
    }
}
