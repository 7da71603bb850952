//! Known changes: a file that lists acceptable differences of contents, with reasons.
//!
//! ```toml
//! [[divergence]]
//! object = "account legacy@*"
//! kinds = ["missing"]
//! flavours = ["mysql>=9.0"]
//! reason = "mysql_native_password is gone; these users get new passwords"
//! expires = 2027-06-30
//! ```

use std::path::Path;

use dbmatrix_config::{ConfigError, TableReader};
use globset::{Glob, GlobMatcher};

use super::difference::ContentDifference;
use super::kind::ContentKind;
use crate::suite::{Condition, Facts, Reason, known_entry};

/// The known changes of one file.
#[derive(Debug, Clone, Default)]
pub struct KnownChanges {
    /// In the order of the file.
    pub entries: Vec<KnownChange>,
}

/// Differences that are acceptable.
#[derive(Debug, Clone)]
pub struct KnownChange {
    /// Line of the entry, from 1.
    pub line: usize,
    /// The pattern for subjects as reports show them.
    pub object: String,
    matcher: GlobMatcher,
    property: Option<GlobMatcher>,
    kinds: Vec<ContentKind>,
    /// Servers after the change to which it applies.
    flavours: Vec<Condition>,
    /// The reason.
    pub reason: Reason,
    /// The expiry date, if it is past.
    pub expired: Option<String>,
}

impl KnownChange {
    /// Whether it explains a difference on a server that has these facts.
    pub fn explains(&self, difference: &ContentDifference, facts: &Facts) -> bool {
        self.expired.is_none()
            && self.kinds.contains(&difference.kind)
            && self.matcher.is_match(&difference.subject)
            && (self.property.as_ref())
                .is_none_or(|property| property.is_match(&difference.property))
            && self.applies_to(facts)
    }

    /// Whether it is about a server that has these facts.
    pub fn applies_to(&self, facts: &Facts) -> bool {
        self.flavours.iter().any(|condition| condition.holds(facts))
    }
}

impl KnownChanges {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`] with all problems, each at its line.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            what: known_entry::WHAT,
            path: path.to_owned(),
            source,
            near: String::new(),
        })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let (entries, _) = known_entry::read_entries(path, text, read_entry)?;
        Ok(KnownChanges { entries })
    }

    /// The index of the first entry that explains a difference.
    pub fn explaining(&self, difference: &ContentDifference, facts: &Facts) -> Option<usize> {
        let mut entries = self.entries.iter();
        entries.position(|entry| entry.explains(difference, facts))
    }
}

fn read_entry(table: &TableReader<'_>, line: usize) -> Option<KnownChange> {
    let object = known_entry::required(table, "object");
    let pattern = |text: &dbmatrix_config::Placed<String>| match Glob::new(&text.value) {
        Ok(glob) => Some(glob.compile_matcher()),
        Err(error) => {
            table.problem(text.span.clone(), format!("expected a pattern: {error}"));
            None
        }
    };
    let matcher = object.as_ref().and_then(pattern);
    let property = table.text("property");
    let has_property = property.is_some();
    let property = property.as_ref().and_then(pattern);
    let kinds = read_kinds(table);
    let flavours = known_entry::read_flavours(table);
    let reason = known_entry::read_reason(table, false);
    let expired = known_entry::read_expired(table);
    table.finish();
    if has_property && property.is_none() {
        return None;
    }
    Some(KnownChange {
        line,
        object: object?.value,
        matcher: matcher?,
        property,
        kinds: kinds?,
        flavours: flavours?,
        reason: reason?,
        expired,
    })
}

fn read_kinds(table: &TableReader<'_>) -> Option<Vec<ContentKind>> {
    let Some(list) = table.texts("kinds").filter(|list| !list.value.is_empty()) else {
        let expected = "expected `kinds`, such as `[\"definition\"]`";
        table.problem(table.span(), expected);
        return None;
    };
    let read = |text: &dbmatrix_config::Placed<String>| match text.value.parse() {
        Ok(kind) => Some(kind),
        Err(message) => {
            table.problem(text.span.clone(), message);
            None
        }
    };
    list.value.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Family;

    const ENTRY: &str = "\
[[divergence]]
object = 'account legacy@*'
property = 'pass*'
kinds = ['login', 'missing']
flavours = ['mysql>=9.0']
reason = 'new passwords'
";

    fn facts(version: &str) -> Facts {
        Facts {
            flavour: "mysql".to_owned(),
            family: Family::Mysql,
            version: version.parse().expect("a version"),
            labels: Vec::new(),
        }
    }

    fn difference(subject: &str, kind: ContentKind, property: &str) -> ContentDifference {
        ContentDifference {
            kind,
            subject: subject.to_owned(),
            property: property.to_owned(),
            before: String::new(),
            after: String::new(),
        }
    }

    #[test]
    fn an_entry_explains_what_it_names() {
        let known = KnownChanges::parse(Path::new("known.toml"), ENTRY).expect("a file");
        let explains = |subject: &str, kind, property: &str, version: &str| {
            let found = difference(subject, kind, property);
            known.explaining(&found, &facts(version)).is_some()
        };
        let of = "account legacy@10.%";
        assert!(explains(of, ContentKind::Login, "password", "9.7.4"));
        assert!(!explains(of, ContentKind::Login, "password", "8.4.0"));
        assert!(!explains(of, ContentKind::Login, "tls", "9.7.4"));
        assert!(!explains(of, ContentKind::Grant, "password", "9.7.4"));
        assert!(!explains(
            "account app@%",
            ContentKind::Login,
            "password",
            "9.7.4"
        ));
    }

    #[test]
    fn what_an_entry_lacks_is_told() {
        let parse = |text: &str| {
            let read = KnownChanges::parse(Path::new("known.toml"), text);
            read.expect_err(text).lines().join("\n")
        };
        for missing in ["object", "kinds", "flavours", "reason"] {
            let lines = ENTRY.lines().filter(|line| !line.starts_with(missing));
            let text = lines.collect::<Vec<_>>().join("\n");
            assert!(parse(&text).contains(missing), "{missing}");
        }
        let told = parse(&ENTRY.replace("'login'", "'row'"));
        assert!(told.contains("expected a kind"), "{told}");
    }

    #[test]
    fn an_expired_entry_explains_nothing() {
        let text = format!("{ENTRY}expires = 2020-01-01\n");
        let known = KnownChanges::parse(Path::new("known.toml"), &text).expect("a file");
        let found = difference("account legacy@%", ContentKind::Missing, "password");
        assert!(known.explaining(&found, &facts("9.7.4")).is_none());
    }
}
