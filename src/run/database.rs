//! A database of its own for each case, and what killed runs left of them.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{cleanup, guest_databases};
use crate::outcome::Outcome;
use crate::session::{Connect, Session, SessionError, Tenancy};

/// Databases of cases begin so; what a killed run left is found by it.
pub(super) const PREFIX: &str = "dbmatrix_";
/// Stands in messages for the name of a case's database.
pub(super) const PLACEHOLDER: &str = "dbmatrix_case";

/// Unique among the processes and cases that may share a server.
pub(super) fn database_name(tenancy: Tenancy) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    static RUN: LazyLock<u64> = LazyLock::new(rand::random);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    match tenancy {
        Tenancy::Owner => format!("{PREFIX}{}_{number}", std::process::id()),
        // Runs of other machines may be at work on the same server.
        Tenancy::Guest | Tenancy::Reader => format!("{PREFIX}{:016x}_{number}", *RUN),
    }
}

/// Makes a database; returns a session that uses it. Where only statements that
/// read are sent it is one in the database that the server is given with.
pub(super) async fn create(server: &impl Connect, database: &str) -> Result<Session, String> {
    if server.tenancy() == Tenancy::Reader {
        let opened = server.connect(None).await;
        return opened.map_err(|error| error.to_string());
    }
    if server.tenancy() == Tenancy::Guest {
        guest_databases::record_made(database);
    }
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
