//! What a member of a group says of itself.

use dbmatrix_sql::session::{Session, SessionError};

use super::status::WORKER_ERROR;

/// Its state and its part. A server that is in no group has no row of its own. The stage is
/// that of a member that was expelled and comes back by itself, whose state is `ERROR` until
/// then (MySQL manual, "Auto-Rejoin").
const QUESTION: &str = "SELECT MAX(MEMBER_STATE), MAX(MEMBER_ROLE), \
    (SELECT COUNT(*) FROM performance_schema.events_stages_current \
    WHERE EVENT_NAME LIKE '%auto-rejoin%') \
    FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid";

/// The last complaint in its log.
const LOG: &str = "SELECT DATA FROM performance_schema.error_log \
    WHERE SUBSYSTEM = 'Repl' AND PRIO = 'Error' ORDER BY LOGGED DESC LIMIT 1";

/// What a member of a group says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GroupStatus {
    /// `ONLINE`, `RECOVERING`, `ERROR`, `OFFLINE` or `UNREACHABLE`.
    state: String,
    /// `PRIMARY` or `SECONDARY`.
    role: String,
    /// Whether it is about to come back.
    rejoins: bool,
}

impl GroupStatus {
    pub(super) async fn ask(session: &mut Session) -> Result<Self, SessionError> {
        let row = session.first_row(QUESTION).await?;
        let mut texts = row.into_iter();
        let mut text = || texts.next().flatten();
        Ok(GroupStatus {
            state: text().unwrap_or_else(|| "OFFLINE".to_owned()),
            role: text().unwrap_or_default(),
            rejoins: text().is_some_and(|count| count != "0"),
        })
    }

    /// Whether it is in a group, or about to be.
    pub(super) fn is_member(&self) -> bool {
        matches!(self.state.as_str(), "ONLINE" | "RECOVERING")
    }

    pub(super) fn is_online(&self) -> bool {
        self.state == "ONLINE"
    }

    pub(super) fn is_primary(&self) -> bool {
        self.is_online() && self.role == "PRIMARY"
    }

    /// Whether it has ended by an error, and has to be stopped before it can join.
    pub(super) fn is_broken(&self) -> bool {
        self.state == "ERROR"
    }

    /// Whether it is in no group, and does not come back by itself.
    pub(super) fn has_left(&self) -> bool {
        matches!(self.state.as_str(), "ERROR" | "OFFLINE") && !self.rejoins
    }

    pub(super) fn with_reason(&self, reason: &str) -> String {
        let state = format!("member state `{}`", self.state);
        match reason {
            "" => state,
            reason => format!("{state} ({reason})"),
        }
    }
}

/// Why a member is not where it should be; empty if it does not say.
pub(super) async fn reason_of(session: &mut Session) -> String {
    for question in [WORKER_ERROR, LOG] {
        if let Ok(row) = session.first_row(question).await
            && let Some(reason) = row.into_iter().next().flatten()
        {
            return reason;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: &str, role: &str, rejoins: bool) -> GroupStatus {
        GroupStatus {
            state: state.to_owned(),
            role: role.to_owned(),
            rejoins,
        }
    }

    #[test]
    fn a_member_that_comes_back_by_itself_has_not_left() {
        assert!(status("ERROR", "", false).has_left());
        assert!(!status("ERROR", "", true).has_left());
        assert!(status("OFFLINE", "", false).has_left());
        assert!(!status("RECOVERING", "SECONDARY", false).has_left());
    }

    #[test]
    fn a_primary_that_recovers_is_none_yet() {
        assert!(status("ONLINE", "PRIMARY", false).is_primary());
        assert!(!status("RECOVERING", "PRIMARY", false).is_primary());
    }

    #[test]
    fn a_state_is_told_with_its_reason() {
        let status = status("ERROR", "", false);
        assert_eq!(status.with_reason(""), "member state `ERROR`");
        assert_eq!(
            status.with_reason("error 1062: Duplicate entry"),
            "member state `ERROR` (error 1062: Duplicate entry)"
        );
    }
}
