//! What every entry of a file of known divergences says: where it applies, why, and until
//! when.

use std::path::Path;
use std::time::SystemTime;

use dbmatrix_config::{ConfigError, Deprecations, Placed, Problems, TableReader};
use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use super::condition::Condition;

/// Why a divergence is acceptable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reason {
    /// The explanation.
    pub text: String,
    /// A link to more information.
    pub link: Option<String>,
}

/// The file's kind in messages.
pub(crate) const WHAT: &str = "file of known divergences";

/// Reads each `[[divergence]]` of a file's text; `read` takes the table and its line.
///
/// # Errors
/// [`ConfigError`] with all problems, each at its line.
pub(crate) fn read_entries<T>(
    path: &Path,
    text: &str,
    read: impl Fn(&TableReader<'_>, usize) -> Option<T>,
) -> Result<(Vec<T>, Deprecations), ConfigError> {
    let problems = Problems::default();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.add(error.span().unwrap_or(0..0), error.message().to_owned());
    }
    let top = TableReader::new(table.get_ref(), 0..text.len().min(1), &problems);
    let mut entries = Vec::new();
    for table in top.tables("divergence") {
        let line = 1 + text[..table.span().start].matches('\n').count();
        entries.extend(read(&table, line));
    }
    top.finish();
    let deprecations = problems.into_result(WHAT, path, text)?;
    Ok((entries, deprecations))
}

/// A text that must be there.
pub(crate) fn required(table: &TableReader<'_>, key: &'static str) -> Option<Placed<String>> {
    let found = table.text(key);
    if found.is_none() && !table.has(key) {
        table.problem(table.span(), format!("expected a `{key}`"));
    }
    found
}

/// The flavours to which an entry applies.
pub(crate) fn read_flavours(table: &TableReader<'_>) -> Option<Vec<Condition>> {
    let Some(list) = table.texts("flavours") else {
        if !table.has("flavours") {
            let expected = "expected `flavours`, such as `[\"mariadb<10.6\"]`";
            table.problem(table.span(), expected);
        }
        return None;
    };
    if list.value.is_empty() {
        table.problem(list.span, "expected at least one flavour; found none");
        return None;
    }
    let read = |text: &Placed<String>| match text.value.parse::<Condition>() {
        Ok(condition) => Some(condition),
        Err(message) => {
            table.problem(text.span.clone(), message);
            None
        }
    };
    list.value.iter().map(read).collect()
}

/// Why the difference is well. `may_be_empty` during proposals.
pub(crate) fn read_reason(table: &TableReader<'_>, may_be_empty: bool) -> Option<Reason> {
    let reason = required(table, "reason");
    if let Some(reason) = &reason
        && reason.value.trim().is_empty()
        && !may_be_empty
    {
        let expected = "expected a reason: why is it well that these differ?";
        table.problem(reason.span.clone(), expected);
    }
    let link = table.text("link").map(|link| link.value);
    Some(Reason {
        text: reason?.value,
        link,
    })
}

/// The expiry date, if it is past.
pub(crate) fn read_expired(table: &TableReader<'_>) -> Option<String> {
    let expires = table.date("expires").map(|date| date.value.to_string());
    let today = today();
    expires.filter(|last| *last < today)
}

/// Today in UTC, in the format of TOML.
fn today() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now[..10].to_owned()
}
