//! How far a source has come, and whether a replica has come as far.

use dbmatrix_sql::session::{Session, SessionError};
use dbmatrix_sql::version::{Identity, Version};

use super::statements::{is_mariadb, share_gtids};

/// How long a server waits at most before it answers, in seconds.
const SLICE: u32 = 1;
/// Where events begin in a file of the binary log, behind its first four bytes.
const FIRST: u64 = 4;

/// A place in the source's binary log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coordinates {
    pub(super) file: String,
    pub(super) position: u64,
}

/// How far a source has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    /// Its last GTID in each domain (MariaDB), or all its GTIDs (MySQL).
    Gtid(String),
    /// Where the next event comes.
    File(Coordinates),
}

/// Where the binary log of a source begins.
pub(super) async fn first(session: &mut Session) -> Result<Coordinates, SessionError> {
    let row = session.first_row("SHOW BINARY LOGS").await?;
    Ok(Coordinates {
        file: row.into_iter().next().flatten().unwrap_or_default(),
        position: FIRST,
    })
}

/// How far the source has come, for a replica.
pub(super) async fn current(
    session: &mut Session,
    source: &Identity,
    replica: &Identity,
) -> Result<Position, SessionError> {
    if share_gtids(source, replica) {
        let question = match is_mariadb(source) {
            true => "SELECT @@GLOBAL.gtid_binlog_pos",
            false => "SELECT @@GLOBAL.gtid_executed",
        };
        let row = session.first_row(question).await?;
        let text = row.into_iter().next().flatten().unwrap_or_default();
        // MySQL puts each server on a line of its own.
        let text = text.split_whitespace().collect();
        return Ok(Position::Gtid(text));
    }
    let question = match is_mariadb(source) || source.version < Version::release(8, 2) {
        true => "SHOW MASTER STATUS",
        false => "SHOW BINARY LOG STATUS",
    };
    let mut row = session.first_row(question).await?.into_iter().flatten();
    Ok(Position::File(Coordinates {
        file: row.next().unwrap_or_default(),
        position: row
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(FIRST),
    }))
}

/// Waits a moment until the replica has come there; returns whether it has.
pub(super) async fn has_reached(
    session: &mut Session,
    replica: &Identity,
    position: &Position,
) -> Result<bool, SessionError> {
    let row = session.first_row(&wait(replica, position)).await?;
    let answer = row.into_iter().next().flatten();
    // Negative: the time is over. NULL: it does not run.
    let number: Option<i64> = answer.and_then(|text| text.parse().ok());
    Ok(match position {
        Position::Gtid(_) if waits_by_set(replica) => number == Some(0),
        Position::Gtid(_) | Position::File(_) => number.is_some_and(|number| number >= 0),
    })
}

/// Whether the server has the function that returns 1 if the time is over.
fn waits_by_set(replica: &Identity) -> bool {
    !is_mariadb(replica) && replica.version >= Version::release(5, 7)
}

fn wait(replica: &Identity, position: &Position) -> String {
    match position {
        Position::Gtid(text) if is_mariadb(replica) => {
            format!("SELECT MASTER_GTID_WAIT('{text}', {SLICE})")
        }
        Position::Gtid(text) if waits_by_set(replica) => {
            format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{text}', {SLICE})")
        }
        Position::Gtid(text) => {
            format!("SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS('{text}', {SLICE})")
        }
        Position::File(Coordinates { file, position }) => {
            let name = match is_mariadb(replica) || replica.version < Version::release(8, 1) {
                true => "MASTER_POS_WAIT",
                false => "SOURCE_POS_WAIT",
            };
            format!("SELECT {name}('{file}', {position}, {SLICE})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_waits_in_the_words_of_its_version() {
        let wait = |full: &str, position: &Position| {
            wait(&Identity::read(full, "").expect("a version"), position)
        };
        let gtid = Position::Gtid("0-1-7".to_owned());
        assert_eq!(
            wait("10.5.23-MariaDB", &gtid),
            "SELECT MASTER_GTID_WAIT('0-1-7', 1)"
        );
        assert_eq!(
            wait("9.7.4", &gtid),
            "SELECT WAIT_FOR_EXECUTED_GTID_SET('0-1-7', 1)"
        );
        assert_eq!(
            wait("5.6.24", &gtid),
            "SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS('0-1-7', 1)"
        );
        let file = Position::File(Coordinates {
            file: "b.000001".to_owned(),
            position: 9,
        });
        assert_eq!(
            wait("11.8.3-MariaDB", &file),
            "SELECT MASTER_POS_WAIT('b.000001', 9, 1)"
        );
        assert_eq!(
            wait("9.7.4", &file),
            "SELECT SOURCE_POS_WAIT('b.000001', 9, 1)"
        );
    }
}
