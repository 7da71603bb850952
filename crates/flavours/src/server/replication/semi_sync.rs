//! Semi-synchronous replication: whether a source waits for its replicas, when it must not,
//! and who waits after a promotion.

use std::collections::BTreeMap;
use std::time::Duration;

use dbmatrix_sql::session::{Connect, Session, SessionError};
use dbmatrix_sql::version::Identity;
use tokio::time::{Instant, sleep};

use super::Role;
use super::statements::{is_mariadb, is_renamed, wait_for_nobody, wait_for_replicas};
use super::status::ReplicaError;
use crate::server::{Server, ServerError};

/// How soon a source is asked again.
const AGAIN: Duration = Duration::from_millis(50);

/// The words of either age, without `Rpl_semi_sync_` and the source's name.
const STATUS: [&str; 2] = ["master_status", "source_status"];
const CLIENTS: [&str; 2] = ["master_clients", "source_clients"];

/// What a source says of its replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SemiSync {
    /// The name and the value of its status; no value without the plugin.
    status: String,
    is_on: bool,
    /// How many replicas acknowledge what they receive.
    clients: usize,
}

/// Waits until a source waits for all its replicas, which have caught up. One that went on
/// without them begins to wait again.
///
/// # Errors
/// [`ReplicaError::NotSemiSync`] after the limit.
pub async fn await_semi_sync(
    source: &Server,
    replicas: usize,
    limit: Duration,
) -> Result<(), ReplicaError> {
    let deadline = Instant::now() + limit;
    let mut session = source.connect(None).await?;
    loop {
        let found = SemiSync::ask(&mut session).await?;
        if found.is_on && found.clients >= replicas {
            session.close().await;
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(ReplicaError::NotSemiSync {
                expected: replicas,
                status: found.status,
                found: found.clients,
            });
        }
        if found.clients >= replicas {
            // It has waited in vain before. Without a new transaction it would not notice
            // that they are back.
            for statement in [
                wait_for_nobody(&source.identity),
                wait_for_replicas(&source.identity),
            ] {
                session.run(statement).await?;
            }
        }
        sleep(AGAIN).await;
    }
}

/// Lets a source that has no replicas yet go on at once, up to its next start: otherwise
/// its first transaction waits for the server's whole time limit.
///
/// # Errors
/// If the server refuses that.
pub(crate) async fn stop_waiting_for_replicas(source: &Server) -> Result<(), ServerError> {
    let mut session = source.connect(None).await.map_err(ServerError::Session)?;
    let outcome = session.run(wait_for_nobody(&source.identity)).await;
    let outcome = outcome.map_err(ServerError::Session)?;
    session.close().await;
    match outcome.refusal() {
        None => Ok(()),
        Some(refusal) => Err(ServerError::Step {
            step: "go on without replicas",
            output: refusal.to_string(),
        }),
    }
}

impl SemiSync {
    async fn ask(session: &mut Session) -> Result<Self, SessionError> {
        let outcome = session
            .run("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_%'")
            .await?;
        let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
        let pairs = rows.filter_map(|row| {
            let mut texts = row.texts().into_iter().flatten();
            Some((texts.next()?.to_string(), texts.next()?.to_string()))
        });
        Ok(SemiSync::read(&pairs.collect()))
    }

    fn read(status: &BTreeMap<String, String>) -> Self {
        let find = |words: [&str; 2]| {
            let mut names = words.iter().map(|word| format!("Rpl_semi_sync_{word}"));
            names.find_map(|name| Some((name.clone(), status.get(&name)?.clone())))
        };
        let clients = find(CLIENTS).and_then(|(_, value)| value.parse().ok());
        let (status, is_on) = match find(STATUS) {
            Some((name, value)) => (format!("{name} = {value}"), value == "ON"),
            None => ("no Rpl_semi_sync_source_status".to_owned(), false),
        };
        SemiSync {
            status,
            is_on,
            clients: clients.unwrap_or_default(),
        }
    }
}

/// Whether a server has a part in semi-synchronous replication.
pub(super) async fn is_on(session: &mut Session) -> Result<bool, SessionError> {
    let variables = variables(session).await?;
    Ok(variables.iter().any(|(_, value)| value == "ON"))
}

/// Statements that give a server the part of a source or of a replica.
pub(super) async fn take_part(
    session: &mut Session,
    server: &Identity,
    role: Role,
) -> Result<Vec<String>, SessionError> {
    let there = variables(session).await?;
    let there: Vec<&str> = there.iter().map(|(name, _)| name.as_str()).collect();
    Ok(statements(server, role, &there))
}

/// The same for a server that has these variables: MySQL has those of a plugin that is
/// loaded.
fn statements(server: &Identity, role: Role, there: &[&str]) -> Vec<String> {
    let (source, replica) = match is_renamed(server) {
        true => ("source", "replica"),
        false => ("master", "slave"),
    };
    let (on, off) = match role {
        Role::Source => (source, replica),
        Role::Replica => (replica, source),
    };
    let variable = |part: &str| format!("rpl_semi_sync_{part}_enabled");
    let is_there = |part: &str| there.contains(&variable(part).as_str());
    let mut all = Vec::new();
    if !is_mariadb(server) && !is_there(on) {
        all.push(format!(
            "INSTALL PLUGIN rpl_semi_sync_{on} SONAME 'semisync_{on}.so'"
        ));
    }
    if is_there(off) {
        all.push(format!("SET GLOBAL {} = OFF", variable(off)));
    }
    all.push(format!("SET GLOBAL {} = ON", variable(on)));
    all
}

async fn variables(session: &mut Session) -> Result<Vec<(String, String)>, SessionError> {
    let question = "SHOW GLOBAL VARIABLES LIKE 'rpl\\_semi\\_sync\\_%\\_enabled'";
    let outcome = session.run(question).await?;
    let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
    let pair = |texts: Vec<Option<String>>| {
        let mut texts = texts.into_iter().map(Option::unwrap_or_default);
        Some((texts.next()?, texts.next()?))
    };
    Ok(rows.filter_map(|row| pair(row.texts())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: &[(&str, &str)]) -> SemiSync {
        let pairs = status
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        SemiSync::read(&pairs.collect())
    }

    #[test]
    fn a_source_is_read_in_the_words_of_its_age() {
        for word in ["master", "source"] {
            let status = format!("Rpl_semi_sync_{word}_status");
            let clients = format!("Rpl_semi_sync_{word}_clients");
            let found = read(&[(&status, "ON"), (&clients, "2")]);
            assert!(found.is_on, "{word}");
            assert_eq!(found.clients, 2, "{word}");
        }
        let found = read(&[("Rpl_semi_sync_master_status", "OFF")]);
        assert_eq!(found.status, "Rpl_semi_sync_master_status = OFF");
        assert!(!found.is_on);
        assert!(!read(&[]).is_on, "the plugin is not there");
    }

    #[test]
    fn one_that_does_not_wait_is_told_with_its_status() {
        let found = read(&[("Rpl_semi_sync_source_status", "OFF")]);
        let told = ReplicaError::NotSemiSync {
            expected: 2,
            status: found.status,
            found: found.clients,
        };
        insta::assert_snapshot!(told, @"expected a source that waits for 2 replicas; found `Rpl_semi_sync_source_status = OFF`, with 0 that acknowledge");
    }

    #[test]
    fn a_server_takes_its_part_in_the_words_of_its_version() {
        let told = |full: &str, role, there: &[&str]| {
            let server = Identity::read(full, "").expect("a version");
            statements(&server, role, there).join("; ")
        };
        let both = [
            "rpl_semi_sync_master_enabled",
            "rpl_semi_sync_slave_enabled",
        ];
        assert_eq!(
            told("11.8.3-MariaDB", Role::Source, &both),
            "SET GLOBAL rpl_semi_sync_slave_enabled = OFF; \
             SET GLOBAL rpl_semi_sync_master_enabled = ON"
        );
        assert_eq!(
            told("9.7.4", Role::Source, &["rpl_semi_sync_replica_enabled"]),
            "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'; \
             SET GLOBAL rpl_semi_sync_replica_enabled = OFF; \
             SET GLOBAL rpl_semi_sync_source_enabled = ON"
        );
        assert_eq!(
            told("9.7.4", Role::Replica, &["rpl_semi_sync_replica_enabled"]),
            "SET GLOBAL rpl_semi_sync_replica_enabled = ON"
        );
    }
}
