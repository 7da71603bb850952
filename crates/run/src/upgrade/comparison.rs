//! What differs on a path, and what is known of it.

use dbmatrix_report::UpgradeDifference;
use dbmatrix_sql::content::{Content, ContentDifference, ContentScope, compare_contents};
use dbmatrix_sql::suite::Facts;

use super::known::Known;

/// Significant and other differences.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) significant: Vec<UpgradeDifference>,
    pub(super) others: Vec<UpgradeDifference>,
}

/// Compares the content before and after on a server with these facts.
pub(super) fn compare(
    before: &Content,
    after: &Content,
    known: Option<&Known>,
    facts: &Facts,
) -> Differences {
    if let Some(known) = known {
        known.meet(facts);
    }
    let mut differences = Differences::default();
    for found in compare_contents(before, after, ContentScope::Server) {
        let entry = known.and_then(|known| known.explain(&found, facts));
        let reason = entry.map(|entry| entry.reason.text.clone());
        let list = match found.kind.is_significant() {
            true => &mut differences.significant,
            false => &mut differences.others,
        };
        list.push(told(found, reason));
    }
    differences
}

fn told(found: ContentDifference, known: Option<String>) -> UpgradeDifference {
    UpgradeDifference {
        kind: found.kind.to_string(),
        text: found.to_string(),
        subject: found.subject,
        property: found.property,
        before: found.before,
        after: found.after,
        known,
    }
}
