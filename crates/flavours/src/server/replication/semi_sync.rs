//! Semi-synchronous replication after a promotion: who waits, and who answers.

use dbmatrix_sql::session::{Session, SessionError};
use dbmatrix_sql::version::Identity;

use super::Role;
use super::statements::{is_mariadb, is_renamed};

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
