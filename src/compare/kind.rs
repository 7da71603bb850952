//! Kinds of difference between two outcomes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// In what two outcomes of the same statement differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Accepted by one server, refused by the other.
    Acceptance,
    /// Other rows, or rows here and none there.
    Rows,
    /// The same rows in another order, of a statement that asks for none.
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
}

impl Kind {
    /// Every kind, the graver ones first.
    pub const ALL: [Kind; 9] = [
        Kind::Acceptance,
        Kind::Rows,
        Kind::Order,
        Kind::Affected,
        Kind::ErrorCode,
        Kind::ColumnName,
        Kind::ColumnType,
        Kind::Warning,
        Kind::ErrorText,
    ];

    /// The word used in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Acceptance => "acceptance",
            Kind::Rows => "rows",
            Kind::Order => "order",
            Kind::Affected => "affected",
            Kind::ErrorCode => "error-code",
            Kind::ColumnName => "column-name",
            Kind::ColumnType => "column-type",
            Kind::Warning => "warning",
            Kind::ErrorText => "error-text",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Acceptance => "accepted here, refused there",
            Kind::Rows => "rows",
            Kind::Order => "order only",
            Kind::Affected => "affected rows",
            Kind::ErrorCode => "error code",
            Kind::ColumnName => "column name",
            Kind::ColumnType => "column type",
            Kind::Warning => "warning",
            Kind::ErrorText => "error text only",
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

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| {
            let words: Vec<String> = Kind::ALL.iter().map(|kind| format!("`{kind}`")).collect();
            format!("expected one of {}; found `{text}`", words.join(", "))
        })
    }
}
