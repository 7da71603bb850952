//! One participating server: its session, which is reopened if it is lost.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use dbmatrix_sql::outcome::{Outcome, SqlError, Warning};
use dbmatrix_sql::session::{Connect, LocalFolder, Session, SessionError, Tenancy};
use dbmatrix_sql::sql_text::Sql;

/// Time limit of a request to end a statement.
const KILLING: Duration = Duration::from_secs(5);

/// A participating server.
#[derive(Debug)]
pub struct ReplSession<S> {
    /// Its label, such as `mysql-9.7`.
    pub name: String,
    /// The version that it reported.
    pub version: String,
    server: S,
    session: Option<Session>,
    database: Option<String>,
}

/// How often Ctrl-C was pressed while a statement runs.
pub(super) type Presses = watch::Receiver<u32>;

/// The result of a statement.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) outcome: Outcome,
    pub(super) notices: Vec<Warning>,
    pub(super) took: Duration,
    /// Whether the session was reopened and lost its variables, temporary tables and
    /// transaction.
    pub(super) is_new_session: bool,
}

impl<S: Connect> ReplSession<S> {
    /// Opens a session, in `database` if it is given.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn open(
        name: &str,
        version: &str,
        server: S,
        database: Option<&str>,
    ) -> Result<Self, SessionError> {
        let session = connect(&server, database).await?;
        Ok(ReplSession {
            name: name.to_owned(),
            version: version.to_owned(),
            server,
            session: Some(session),
            database: database.map(str::to_owned),
        })
    }

    /// The current database, if it was chosen here.
    pub(super) fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The server, for an additional session, and the current database.
    pub(super) fn beside(&self) -> (S, Option<String>)
    where
        S: Clone,
    {
        (self.server.clone(), self.database.clone())
    }

    /// Sends a statement. The first Ctrl-C ends it on the server, the second one ends the
    /// session.
    pub(super) async fn send(
        &mut self,
        sql: &Sql,
        wants_notices: bool,
        presses: &mut Presses,
    ) -> Result<Reply, SessionError> {
        let is_new_session = self.session.is_none();
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.reopen().await?,
        };
        let begun = Instant::now();
        let id = session.id();
        let outcome = {
            tokio::pin! {
                let asked = session.run(sql);
            }
            loop {
                tokio::select! {
                    biased;
                    answered = &mut asked => break match answered {
                        Err(why @ SessionError::NotSent(_)) => Outcome::Refused(not_sent(&why)),
                        answered => answered?,
                    },
                    Ok(()) = presses.changed() => {
                        // Another server behind the same address may have a session of
                        // another user with this number.
                        if self.server.tenancy() != Tenancy::Owner {
                            let left = "the connection was closed; the server may still be at work";
                            return Err(SessionError::Lost(left.to_owned()));
                        }
                        let is_second = *presses.borrow_and_update() > 1;
                        let what = if is_second { "KILL CONNECTION" } else { "KILL QUERY" };
                        if let Err(error) = self.kill(what, id).await {
                            tracing::debug!(%error, "the statement goes on");
                            if is_second {
                                return Err(error);
                            }
                        }
                    }
                }
            }
        };
        let took = begun.elapsed();
        let notices = match outcome.warnings() {
            0 => Vec::new(),
            _ if wants_notices => session.notices().await?,
            _ => Vec::new(),
        };
        if outcome.refusal().is_none()
            && let Some(database) = used(&sql.text())
        {
            self.database = Some(database);
        }
        self.session = Some(session);
        Ok(Reply {
            outcome,
            notices,
            took,
            is_new_session,
        })
    }

    /// Opens a session in the previous database, or in none if that no longer exists.
    async fn reopen(&mut self) -> Result<Session, SessionError> {
        match connect(&self.server, self.database.as_deref()).await {
            // 1049, unknown database.
            Err(SessionError::Denied { refusal, .. }) if refusal.code == 1049 => {
                self.database = None;
                connect(&self.server, None).await
            }
            other => other,
        }
    }

    async fn kill(&self, what: &str, id: u32) -> Result<(), SessionError> {
        let killed = timeout(KILLING, async {
            let mut session = self.server.connect(None).await?;
            session.run(&format!("{what} {id}")).await?;
            session.close().await;
            Ok(())
        });
        let told = || SessionError::Lost("the server does not answer".to_owned());
        killed.await.unwrap_or_else(|_| Err(told()))
    }

    /// Closes the session.
    pub(super) async fn close(self) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }
}

/// A statement that dbmatrix itself does not send, with the error number of a read-only
/// server (`ER_OPTION_PREVENTS_STATEMENT`).
fn not_sent(why: &SessionError) -> SqlError {
    SqlError {
        code: 1290,
        state: "HY000".to_owned(),
        message: why.to_string(),
    }
}

/// Opens a session whose server may read files in the working folder.
async fn connect(server: &impl Connect, database: Option<&str>) -> Result<Session, SessionError> {
    let mut session = server.connect(database).await?;
    session.allow_local_files(LocalFolder::beside(Path::new("")));
    Ok(session)
}

/// The database of a `USE` statement.
fn used(sql: &str) -> Option<String> {
    let (word, rest) = sql.split_once(char::is_whitespace)?;
    let name = rest.trim().trim_matches('`');
    word.eq_ignore_ascii_case("use").then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_use_statement_is_known() {
        assert_eq!(used("USE `a b`").as_deref(), Some("a b"));
        assert_eq!(used("use a").as_deref(), Some("a"));
        assert_eq!(used("SELECT 1"), None);
        assert_eq!(used("used"), None);
    }
}
