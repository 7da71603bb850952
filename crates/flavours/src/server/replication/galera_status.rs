//! What a member of a Galera cluster says of itself, and how far it has come.

use std::collections::BTreeMap;
use std::fmt;

use dbmatrix_sql::session::{Session, SessionError};

/// A member that is not ready answers this and no query.
const QUESTION: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', \
    'wsrep_local_state_comment', 'wsrep_cluster_state_uuid', 'wsrep_last_committed', \
    'wsrep_ready', 'wsrep_local_recv_queue')";

/// States of a member that does not come back by itself.
const OUT: [&str; 3] = ["Inconsistent", "Error", "Destroyed"];

/// What a member of a cluster says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClusterStatus {
    /// `Primary` where it may take statements.
    cluster: String,
    /// Such as `Synced` or `Joining: receiving State Transfer`.
    state: String,
    /// The cluster's UUID.
    uuid: String,
    /// The number of the last transaction.
    last: i64,
    /// How many transactions wait to be applied.
    queue: u64,
    is_ready: bool,
}

impl ClusterStatus {
    pub(super) async fn ask(session: &mut Session) -> Result<Self, SessionError> {
        let outcome = session.run(QUESTION).await?;
        if let Some(refusal) = outcome.refusal() {
            return Err(SessionError::Unexpected {
                expected: "the member's status",
                found: refusal.to_string(),
            });
        }
        let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
        let pairs = rows.filter_map(|row| {
            let mut texts = row.texts().into_iter().flatten();
            Some((texts.next()?, texts.next()?))
        });
        Ok(ClusterStatus::read(&pairs.collect()))
    }

    fn read(values: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| values.get(name).cloned().unwrap_or_default();
        ClusterStatus {
            cluster: text("wsrep_cluster_status"),
            state: text("wsrep_local_state_comment"),
            uuid: text("wsrep_cluster_state_uuid"),
            last: text("wsrep_last_committed").parse().unwrap_or(-1),
            queue: text("wsrep_local_recv_queue").parse().unwrap_or_default(),
            is_ready: text("wsrep_ready") == "ON",
        }
    }

    /// Whether it is in a cluster and takes statements.
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready && self.cluster == "Primary"
    }

    /// Whether it is in no cluster, and does not come back by itself.
    pub(super) fn has_left(&self) -> bool {
        self.runs_alone() || OUT.contains(&self.state.as_str())
    }

    /// A server without a cluster says `Disconnected` of it, and nothing of its own state.
    fn runs_alone(&self) -> bool {
        self.state.is_empty()
    }

    /// Whether it has what another one of its cluster has.
    pub(super) fn has_reached(&self, goal: &ClusterStatus) -> bool {
        self.is_ready() && self.uuid == goal.uuid && self.last >= goal.last
    }
}

impl fmt::Display for ClusterStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.runs_alone() {
            return f.write_str("it runs alone");
        }
        write!(
            f,
            "state `{}`, cluster `{}`, last transaction {}",
            self.state, self.cluster, self.last
        )?;
        match self.queue {
            0 => Ok(()),
            waiting => write!(f, ", {waiting} received and not applied"),
        }
    }
}

/// How far a server has come that is in no cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    uuid: String,
    number: i64,
}

impl Position {
    /// Reads a UUID and a number; `None` for a server that was in no cluster yet.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (uuid, number) = text.trim().split_once(' ')?;
        Some(Position {
            uuid: uuid.to_owned(),
            number: number.parse().ok()?,
        })
    }

    /// The place of the furthest of the first one's cluster; the first of equals.
    pub(super) fn furthest(all: &[Option<Position>]) -> usize {
        let Some(Some(first)) = all.first() else {
            return 0;
        };
        let mut best = (0, first.number);
        for (at, position) in all.iter().enumerate() {
            if let Some(position) = position
                && position.uuid == first.uuid
                && position.number > best.1
            {
                best = (at, position.number);
            }
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(values: &[(&str, &str)]) -> ClusterStatus {
        let values = values.iter();
        let values = values.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ClusterStatus::read(&values.collect())
    }

    fn member(state: &str, cluster: &str, last: &str) -> ClusterStatus {
        status(&[
            ("wsrep_cluster_status", cluster),
            ("wsrep_local_state_comment", state),
            ("wsrep_cluster_state_uuid", "u"),
            ("wsrep_last_committed", last),
            (
                "wsrep_ready",
                if cluster == "Primary" { "ON" } else { "OFF" },
            ),
            ("wsrep_local_recv_queue", "2"),
        ])
    }

    #[test]
    fn a_member_has_reached_what_its_cluster_has_applied() {
        let goal = member("Synced", "Primary", "7");
        assert!(member("Synced", "Primary", "7").has_reached(&goal));
        assert!(!member("Synced", "Primary", "6").has_reached(&goal));
        assert!(!member("Initialized", "non-Primary", "7").has_reached(&goal));
    }

    #[test]
    fn an_inconsistent_member_has_left() {
        let out = member("Inconsistent", "Disconnected", "7");
        assert!(out.has_left());
        assert_eq!(
            out.to_string(),
            "state `Inconsistent`, cluster `Disconnected`, last transaction 7, 2 received and not applied"
        );
        assert!(!member("Initialized", "non-Primary", "7").has_left());
        assert!(status(&[]).has_left());
        assert_eq!(status(&[]).to_string(), "it runs alone");
    }

    #[test]
    fn the_furthest_of_a_cluster_begins_it_again() {
        let at = |text: &str| Position::read(text);
        assert_eq!(Position::furthest(&[at("u 5\n"), at("u 5"), at("u 4")]), 0);
        assert_eq!(Position::furthest(&[at("u 5"), at("u 7"), at("v 9")]), 1);
        assert_eq!(Position::furthest(&[at(""), at("u 7")]), 0);
        assert_eq!(at("u -1").map(|one| one.number), Some(-1));
    }
}
