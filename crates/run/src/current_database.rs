//! The database in which the statements of a log run.

use dbmatrix_sql::session::Connect;
use dbmatrix_sql::sql_text::Sql;

use super::sessions::{Reply, Sessions, Until};

/// The database that a log's statements expect.
#[derive(Debug, Default)]
pub(super) struct CurrentDatabase {
    /// `None` is the case's own.
    name: Option<String>,
    /// Whether the server has none of that name.
    is_absent: bool,
}

impl CurrentDatabase {
    /// The database that the log names, if it names one.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The database, if the server does not have it.
    pub(super) fn absent(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.is_absent)
    }

    /// Makes a database the current one; notes if the server has none of that name. An
    /// error says why the case cannot continue.
    pub(super) async fn change(
        &mut self,
        sessions: &mut Sessions<'_, impl Connect>,
        name: Option<&str>,
        until: Until,
    ) -> Result<(), String> {
        self.name = name.map(str::to_owned);
        self.is_absent = false;
        self.restore(sessions, until).await
    }

    /// Makes it the current one again, in a session that replaced a lost one.
    pub(super) async fn restore(
        &mut self,
        sessions: &mut Sessions<'_, impl Connect>,
        until: Until,
    ) -> Result<(), String> {
        let Some(name) = self.name.as_deref().or(sessions.own_database()) else {
            return sessions.reopen(until).await;
        };
        let sql = format!("USE `{}`", name.replace('`', "``"));
        match sessions
            .send(&None, &Sql::from(sql.into_bytes()), until, false)
            .await?
        {
            Reply::Outcome(outcome, _) => {
                self.is_absent = outcome.refusal().is_some();
                Ok(())
            }
            Reply::Failed(failure) => Err(failure.found),
        }
    }
}
