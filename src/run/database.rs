//! A database of its own for each case, and what killed runs left of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::cleanup;
use crate::outcome::Outcome;
use crate::session::{Connect, Session, SessionError};

/// Databases of cases begin so; what a killed run left is found by it.
pub(super) const PREFIX: &str = "dbmatrix_";
/// Stands in messages for the name of a case's database.
pub(super) const PLACEHOLDER: &str = "dbmatrix_case";

/// Unique among the processes and cases that may share a server.
pub(super) fn database_name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{}_{number}", std::process::id())
}

/// Makes a database; returns a session that uses it.
pub(super) async fn create(server: &impl Connect, database: &str) -> Result<Session, String> {
    let opened = server.connect(None).await;
    let mut session = opened.map_err(|error| error.to_string())?;
    for statement in ["CREATE DATABASE", "USE"] {
        let sql = format!("{statement} `{database}`");
        let outcome = session.run(&sql).await.map_err(|error| error.to_string())?;
        if let Some(refusal) = outcome.refusal() {
            return Err(format!("could not make a database for the case: {refusal}"));
        }
    }
    Ok(session)
}

/// Drops databases that an earlier run left when it was killed, but for those that
/// somebody uses. The caller has made sure that no other run is at work on this
/// server.
///
/// # Errors
/// As of the session.
pub(super) async fn drop_leftovers(server: &impl Connect) -> Result<(), SessionError> {
    let mut session = server.connect(None).await?;
    let found = session.run("SHOW DATABASES").await?;
    let names = found.rows().into_iter().flat_map(|set| set.rows.values());
    let names = names.filter_map(|name| std::str::from_utf8(name?).ok());
    let names = names.filter(|name| name.starts_with(PREFIX));
    let names: Vec<String> = names.map(str::to_owned).collect();
    cleanup::drop_former(session, &names).await
}

/// Messages that name the case's database name it alike in every run.
pub(super) fn anonymous(outcome: &mut Outcome, database: &str) {
    match outcome {
        Outcome::Refused(refusal) => {
            refusal.message = refusal.message.replace(database, PLACEHOLDER);
        }
        Outcome::MultiResult(parts) => {
            for part in parts {
                anonymous(part, database);
            }
        }
        Outcome::Rows(_) | Outcome::Completed { .. } => {}
    }
}
