//! A separate database for each case, and cleanup of those that killed runs left.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use dbmatrix_sql::outcome::Outcome;
use dbmatrix_sql::session::{Connect, Session, SessionError, Tenancy};

use super::{cleanup, guest_databases};

/// Prefix of the databases of cases, which also identifies those that a killed run left.
pub(super) const PREFIX: &str = "dbmatrix_";
/// Placeholder for the name of a case's database in messages.
pub(super) const PLACEHOLDER: &str = "dbmatrix_case";

/// Returns a name that is unique among the processes and cases that may share a server.
pub(super) fn database_name(tenancy: Tenancy) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    static RUN: LazyLock<u64> = LazyLock::new(rand::random);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    match tenancy {
        Tenancy::Owner => format!("{PREFIX}{}_{number}", std::process::id()),
        // Runs on other machines may be using the same server.
        Tenancy::Guest | Tenancy::Reader => format!("{PREFIX}{:016x}_{number}", *RUN),
    }
}

/// Creates a database and returns a session that uses it. Where only reading statements
/// are allowed, the session uses the database configured for the server.
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

/// Drops databases that a killed run left, except those in use. The caller makes sure
/// that no other run is using this server.
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

/// Replaces the name of the case's database in messages, rows and names of columns
/// (`SHOW TABLES`) by the same placeholder on every server and in every run.
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
        Outcome::Rows(set) => {
            for column in &mut set.columns {
                if column.name.contains(database) {
                    column.name = column.name.replace(database, PLACEHOLDER);
                }
            }
            set.rows
                .replace(database.as_bytes(), PLACEHOLDER.as_bytes());
        }
        Outcome::Completed { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use dbmatrix_sql::outcome::{Column, RowSet, Rows};

    use super::*;

    #[test]
    fn the_name_of_a_cases_database_is_the_same_everywhere() {
        let column = Column {
            name: "Tables_in_dbmatrix_7_1".to_owned(),
            kind: "VAR_STRING".to_owned(),
        };
        let mut outcome = Outcome::MultiResult(vec![Outcome::Rows(RowSet {
            columns: vec![column],
            rows: Rows::from_iter([[Some(b"t".to_vec())], [Some(b"dbmatrix_7_1".to_vec())]]),
            warnings: 0,
        })]);
        anonymous(&mut outcome, "dbmatrix_7_1");
        let set = outcome.rows().expect("rows");
        assert_eq!(set.columns[0].name, "Tables_in_dbmatrix_case");
        let values: Vec<_> = set.rows.values().flatten().collect();
        assert_eq!(values, [b"t".as_slice(), b"dbmatrix_case"]);
    }
}
