//! Events of a promotion: a replica has those of its source, disabled.

use dbmatrix_sql::session::{Connect, Session, SessionError};

use super::status::ReplicaError;
use crate::server::Server;

/// Events that a server has of its own.
const OWN: &str = "STATUS IN ('ENABLED', 'DISABLED')";

/// Events that a replica has of its source: MySQL has another word for them since 8.3.
const OF_THE_SOURCE: &str = "STATUS IN ('SLAVESIDE_DISABLED', 'REPLICA_SIDE_DISABLED')";

/// An event of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    database: String,
    name: String,
    /// `user@host`.
    definer: String,
    /// Whether it runs.
    is_enabled: bool,
    /// The `sql_mode`, `character_set_client` and `collation_connection` with which it runs.
    settings: [String; 3],
}

impl Event {
    /// The statement after which a session gives the event its own settings: one that changes
    /// an event gives it those of its session (seen on MariaDB 11.8).
    fn enter(&self, statement: &str) -> String {
        let [mode, client, collation] = &self.settings;
        let mut sql =
            format!("SET SESSION sql_mode = '{mode}', collation_connection = '{collation}'");
        // The server would read other letters in it.
        if statement.is_ascii() {
            sql += &format!(", character_set_client = '{client}'");
        }
        sql
    }

    /// The statement that gives it its state on a new source, and keeps its definer: without
    /// a word it would be whoever runs the statement.
    fn restore(&self) -> String {
        let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
        let (user, host) = self
            .definer
            .rsplit_once('@')
            .unwrap_or((&self.definer, "%"));
        format!(
            "ALTER DEFINER = {}@{} EVENT {}.{} {}",
            quoted(user),
            quoted(host),
            quoted(&self.database),
            quoted(&self.name),
            match self.is_enabled {
                true => "ENABLE",
                false => "DISABLE",
            }
        )
    }
}

/// The events of a source.
pub(super) async fn of_source(session: &mut Session) -> Result<Vec<Event>, ReplicaError> {
    Ok(events(session, OWN).await?)
}

/// Lets events run on a new source as on the former one. The statements are in its log, and
/// its replicas disable theirs by them. Returns how many stay disabled of which it is not
/// known.
pub(super) async fn restore(source: &Server, wanted: &[Event]) -> Result<usize, ReplicaError> {
    let mut session = source.connect(None).await?;
    let mut off = 0;
    for event in events(&mut session, OF_THE_SOURCE).await? {
        let is_same = |other: &&Event| other.database == event.database && other.name == event.name;
        let Some(former) = wanted.iter().find(is_same) else {
            off += 1;
            continue;
        };
        let statement = former.restore();
        session.run(event.enter(&statement)).await?;
        // One whose time is over is refused.
        if let Some(refusal) = session.run(&statement).await?.refusal() {
            tracing::info!(%refusal, name = event.name, "an event stays disabled");
            off += 1;
        }
    }
    session.close().await;
    Ok(off)
}

async fn events(session: &mut Session, which: &str) -> Result<Vec<Event>, SessionError> {
    let question = format!(
        "SELECT EVENT_SCHEMA, EVENT_NAME, DEFINER, STATUS, SQL_MODE, CHARACTER_SET_CLIENT, \
         COLLATION_CONNECTION FROM information_schema.EVENTS WHERE {which}"
    );
    let outcome = session.run(question).await?;
    let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
    let event = |texts: Vec<Option<String>>| {
        let mut texts = texts.into_iter().map(Option::unwrap_or_default);
        Some(Event {
            database: texts.next()?,
            name: texts.next()?,
            definer: texts.next()?,
            is_enabled: texts.next()? == "ENABLED",
            settings: [texts.next()?, texts.next()?, texts.next()?],
        })
    };
    Ok(rows.filter_map(|row| event(row.texts())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_its_definer_on_a_new_source() {
        let event = Event {
            database: "shop".to_owned(),
            name: "tidy`up".to_owned(),
            definer: "a@b@localhost".to_owned(),
            is_enabled: true,
            settings: ["ANSI", "utf8mb4", "utf8mb4_general_ci"].map(str::to_owned),
        };
        insta::assert_snapshot!(event.restore(), @"ALTER DEFINER = `a@b`@`localhost` EVENT `shop`.`tidy``up` ENABLE");
        insta::assert_snapshot!(event.enter(&event.restore()), @"SET SESSION sql_mode = 'ANSI', collation_connection = 'utf8mb4_general_ci', character_set_client = 'utf8mb4'");
        insta::assert_snapshot!(event.enter("é"), @"SET SESSION sql_mode = 'ANSI', collation_connection = 'utf8mb4_general_ci'");
    }
}
