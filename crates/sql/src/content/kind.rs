//! Kinds of differences between contents.

use std::fmt;
use std::str::FromStr;

/// A kind of difference between two contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContentKind {
    /// An object or an account is no longer there.
    Missing,
    /// The rows of a table cannot be read, or a view cannot be used.
    Broken,
    /// Another number of rows.
    RowCount,
    /// As many rows with other values.
    Rows,
    /// An object is defined in another way.
    Definition,
    /// An account may do other things.
    Grant,
    /// An account logs in in another way.
    Login,
    /// A setting that decides what statements do has another value.
    Setting,
    /// An object or an account that was not there before.
    Extra,
    /// The same definition in other words.
    Notation,
    /// Another setting has another value.
    OtherSetting,
    /// A setting is gone.
    SettingGone,
    /// A setting that was not there before.
    SettingNew,
}

impl ContentKind {
    /// Every kind, the graver ones first.
    pub const ALL: [ContentKind; 13] = [
        ContentKind::Missing,
        ContentKind::Broken,
        ContentKind::RowCount,
        ContentKind::Rows,
        ContentKind::Definition,
        ContentKind::Grant,
        ContentKind::Login,
        ContentKind::Setting,
        ContentKind::Extra,
        ContentKind::Notation,
        ContentKind::OtherSetting,
        ContentKind::SettingGone,
        ContentKind::SettingNew,
    ];

    /// The word used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            ContentKind::Missing => "missing",
            ContentKind::Broken => "broken",
            ContentKind::RowCount => "row-count",
            ContentKind::Rows => "rows",
            ContentKind::Definition => "definition",
            ContentKind::Grant => "grant",
            ContentKind::Login => "login",
            ContentKind::Setting => "setting",
            ContentKind::Extra => "extra",
            ContentKind::Notation => "notation",
            ContentKind::OtherSetting => "other-setting",
            ContentKind::SettingGone => "setting-gone",
            ContentKind::SettingNew => "setting-new",
        }
    }

    /// Whether a user of the data may notice it.
    pub fn is_significant(self) -> bool {
        self < ContentKind::Notation
    }
}

impl fmt::Display for ContentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ContentKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = ContentKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text);
        found.ok_or_else(|| {
            let words = ContentKind::ALL.map(|kind| format!("`{kind}`"));
            format!(
                "expected a kind, one of {}; found `{text}`",
                words.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_each_kind_is_read_back() {
        for kind in ContentKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("row".parse::<ContentKind>().is_err());
    }
}
