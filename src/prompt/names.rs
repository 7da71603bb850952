//! Names of objects on the servers, fetched in the background by separate sessions.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use dbmatrix_sql::outcome::Row;
use dbmatrix_sql::session::{Connect, Session, SessionError};

/// How long servers may take to return their names.
const PATIENCE: Duration = Duration::from_secs(20);
/// Maximum number of rows for each kind of name.
const MOST: usize = 20_000;

/// The servers' objects, by name.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The current database: its tables need no qualification.
    pub(super) database: Option<String>,
    pub(super) databases: BTreeSet<String>,
    /// Each with its database.
    pub(super) tables: BTreeSet<(String, String)>,
    /// Each with its table.
    pub(super) columns: BTreeSet<(String, String)>,
}

/// Asks servers for their names.
#[derive(Debug, Default)]
pub(super) struct Inquiry {
    names: watch::Sender<Names>,
    /// A new request cancels the previous one.
    asking: Option<AbortOnDropHandle<()>>,
}

impl Inquiry {
    /// Starts to fetch names from servers, each with its current database. A server that
    /// does not answer contributes none.
    pub(super) fn begin<S: Connect + 'static>(&mut self, servers: Vec<(S, Option<String>)>) {
        let told = self.names.clone();
        let task = tokio::spawn(async move {
            let asked = servers.iter().map(async |(server, database)| {
                let asked = tokio::time::timeout(PATIENCE, read_names(server, database.as_deref()));
                match asked.await {
                    Ok(Ok(names)) => names,
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "no names to complete");
                        Names::default()
                    }
                    Err(_) => Names::default(),
                }
            });
            let mut all = Names::default();
            join_all(asked)
                .await
                .into_iter()
                .for_each(|names| all.join(names));
            told.send_replace(all);
        });
        self.asking = Some(AbortOnDropHandle::new(task));
    }

    /// The names known so far.
    pub(super) fn known(&self) -> watch::Receiver<Names> {
        self.names.subscribe()
    }
}

/// Whether a statement may have changed the names.
pub(super) fn changes_names(sql: &str) -> bool {
    let word = sql.split_whitespace().next().unwrap_or_default();
    let words = ["CREATE", "DROP", "ALTER", "RENAME", "USE"];
    words.iter().any(|one| one.eq_ignore_ascii_case(word))
}

async fn read_names(server: &impl Connect, database: Option<&str>) -> Result<Names, SessionError> {
    let mut session = server.connect(database).await?;
    // Do not wait for sessions that lock tables.
    session.run("SET SESSION lock_wait_timeout = 2").await?;
    let mut names = Names {
        database: database.map(str::to_owned),
        ..Names::default()
    };
    let databases = "SELECT schema_name, '' FROM information_schema.schemata";
    let databases = pairs(&mut session, databases).await?;
    names.databases = databases.into_iter().map(|(name, _)| name).collect();
    let tables = "SELECT table_schema, table_name FROM information_schema.tables";
    names.tables = pairs(&mut session, tables).await?;
    let columns = "SELECT table_name, column_name FROM information_schema.columns \
         WHERE table_schema = DATABASE() OR table_schema NOT IN \
         ('information_schema', 'mysql', 'performance_schema', 'sys')";
    names.columns = pairs(&mut session, columns).await?;
    session.close().await;
    Ok(names)
}

async fn pairs(
    session: &mut Session,
    sql: &str,
) -> Result<BTreeSet<(String, String)>, SessionError> {
    let outcome = session.run(&format!("{sql} LIMIT {MOST}")).await?;
    let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
    let pair = |texts: Vec<Option<String>>| {
        let mut texts = texts.into_iter().flatten();
        Some((texts.next()?, texts.next()?))
    };
    Ok(rows.map(Row::texts).filter_map(pair).collect())
}

impl Names {
    fn join(&mut self, other: Names) {
        self.database = self.database.take().or(other.database);
        self.databases.extend(other.databases);
        self.tables.extend(other.tables);
        self.columns.extend(other.columns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_change_names_are_known() {
        assert!(changes_names("create table t (a int)") && changes_names("USE `a`"));
        assert!(!changes_names("SELECT 1") && !changes_names(""));
    }
}
