//! Compares the data of replicas with that of their source.
//!
//! Nobody may write meanwhile. Accounts and settings are a server's own.

use dbmatrix_flavours::server::Server;
use dbmatrix_report::event::Failure;
use dbmatrix_sql::content::{
    Content, ContentDifference, ContentScope, compare_contents, read_content,
};
use dbmatrix_sql::session::Connect;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join, join_all};
use tokio::time::timeout_at;

use super::promotion::member_name;
use super::replicas::Replicas;
use super::sessions::Until;

/// How many differences of a replica are reported one by one.
const MOST: usize = 5;

impl Replicas {
    /// A failure for what each replica has otherwise than its source, as far as it is
    /// significant. Reads all rows of all databases.
    pub(super) fn compare_contents(&self, until: Until) -> BoxFuture<'_, Vec<Failure>> {
        async move {
            let followers = self.followers().map(|member| read(self.member(member)));
            let reading = join(read(self.current_source()), join_all(followers));
            let compared = timeout_at(until.when, reading).await;
            let Ok((source, replicas)) = compared else {
                let limit = humantime::format_duration(until.limit);
                return vec![failure(
                    "the source and its replicas",
                    format!(
                        "their data could not be read within {limit}, the limit of the {}",
                        until.of
                    ),
                )];
            };
            let source = match source {
                Ok(source) => source,
                Err(reason) => return vec![failure("the source", reason)],
            };
            let numbered = replicas.into_iter().zip(self.followers());
            numbered
                .flat_map(|(replica, member)| {
                    let name = member_name(member);
                    match replica {
                        Ok(replica) => differences(&name, &source, &replica),
                        Err(reason) => vec![failure(&name, reason)],
                    }
                })
                .collect()
        }
        .boxed()
    }
}

async fn read(server: &Server) -> Result<Content, String> {
    let session = server.connect(None).await;
    let mut session = session.map_err(|error| error.to_string())?;
    let content = read_content(&mut session, ContentScope::Data).await;
    session.close().await;
    content.map_err(|error| error.to_string())
}

fn differences(name: &str, source: &Content, replica: &Content) -> Vec<Failure> {
    let mut found = compare_contents(source, replica, ContentScope::Data);
    found.retain(|found| found.kind.is_significant() && !is_of_a_replica(found));
    let more = found.len().saturating_sub(MOST);
    let told = found.iter().take(MOST);
    let mut told: Vec<Failure> = told.map(|found| failure(name, text(found))).collect();
    if more > 0 {
        told.push(failure(name, format!("{more} more differences")));
    }
    told
}

/// Whether one side is the state in which replicas have all events of their source, whether
/// they run there or not.
fn is_of_a_replica(found: &ContentDifference) -> bool {
    let sides = [found.before.as_str(), found.after.as_str()];
    found.property == "status"
        && ["SLAVESIDE_DISABLED", "REPLICA_SIDE_DISABLED"]
            .iter()
            .any(|state| sides.contains(state))
}

/// A difference in words of replication; its own are those of a change.
fn text(found: &ContentDifference) -> String {
    let ContentDifference {
        kind,
        subject,
        property,
        before,
        after,
    } = found;
    let of = match property.as_str() {
        "" => subject.clone(),
        property => format!("{subject}, {property}"),
    };
    match (before.as_str(), after.as_str()) {
        ("", "") => format!("{of}: {kind}"),
        (source, replica) => format!("{of}: `{source}` on the source, `{replica}` here ({kind})"),
    }
}

fn failure(name: &str, found: String) -> Failure {
    Failure {
        statement: name.to_owned(),
        expected: "it has the same data as the source".to_owned(),
        found,
        why: "a replica has other data than its source".to_owned(),
        ..Failure::default()
    }
}

#[cfg(test)]
mod tests {
    use dbmatrix_sql::content::ContentKind;

    use super::*;

    #[test]
    fn a_replica_has_the_events_of_its_source_disabled() {
        let status = |before: &str, after: &str| ContentDifference {
            kind: ContentKind::Definition,
            subject: "event shop.tick".to_owned(),
            property: "status".to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        };
        assert!(is_of_a_replica(&status("DISABLED", "SLAVESIDE_DISABLED")));
        assert!(is_of_a_replica(&status(
            "DISABLED",
            "REPLICA_SIDE_DISABLED"
        )));
        assert!(!is_of_a_replica(&status("DISABLED", "ENABLED")));
    }

    #[test]
    fn a_difference_names_both_sides() {
        let mut found = ContentDifference {
            kind: ContentKind::RowCount,
            subject: "table shop.item".to_owned(),
            property: "rows".to_owned(),
            before: "2".to_owned(),
            after: "1".to_owned(),
        };
        let told = text(&found);
        assert_eq!(
            told,
            "table shop.item, rows: `2` on the source, `1` here (row-count)"
        );
        found.before.clear();
        found.after.clear();
        assert_eq!(text(&found), "table shop.item, rows: row-count");
    }
}
