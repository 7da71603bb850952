//! How far a source has come, and whether a replica has come as far.

use std::fmt;

use dbmatrix_sql::session::{Session, SessionError};
use dbmatrix_sql::version::{Identity, Version};

use super::statements::is_mariadb;
use super::status::ReplicaStatus;

/// How long a server waits at most before it answers, in seconds.
const SLICE: u32 = 1;
/// Where events begin in a file of the binary log, behind its first four bytes.
const FIRST: u64 = 4;

/// A place in the source's binary log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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

/// How far the source has come, for a replica. Each family has GTIDs of its own, and
/// MySQL's may be off.
pub(super) async fn current(
    session: &mut Session,
    source: &Identity,
    replica: &Identity,
) -> Result<Position, SessionError> {
    if is_mariadb(source) == is_mariadb(replica) {
        let question = match is_mariadb(source) {
            true => "SELECT @@GLOBAL.gtid_binlog_pos, 'ON'",
            false => "SELECT @@GLOBAL.gtid_executed, @@GLOBAL.gtid_mode",
        };
        let row = session.first_row(question).await?;
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let (text, mode) = (row.next().unwrap_or_default(), row.next());
        if mode.is_some_and(|mode| mode == "ON") {
            // MySQL puts each server on a line of its own.
            let text = text.split_whitespace().collect();
            return Ok(Position::Gtid(text));
        }
    }
    current_place(session, source).await
}

/// How far the source has come in the files of its binary log.
pub(super) async fn current_place(
    session: &mut Session,
    source: &Identity,
) -> Result<Position, SessionError> {
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

/// What a replica has that its source has not, as after a `restore` of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excess {
    /// What the source lacks.
    pub(super) found: String,
    /// How far the source has come.
    pub(super) source: String,
}

/// How far a replica has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Applied {
    gtids: String,
    /// Its own UUID (MySQL), under which it writes itself.
    own: String,
    /// Its place in the source's binary log.
    place: Option<Coordinates>,
}

impl Applied {
    /// Asks a replica. The source must be asked later: it may write meanwhile.
    pub(super) async fn ask(
        session: &mut Session,
        replica: &Identity,
        status: Option<&ReplicaStatus>,
    ) -> Result<Self, SessionError> {
        let question = match is_mariadb(replica) {
            true => "SELECT @@GLOBAL.gtid_slave_pos, ''",
            false => "SELECT @@GLOBAL.gtid_executed, @@GLOBAL.server_uuid",
        };
        let row = session.first_row(question).await?;
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let gtids = row.next().unwrap_or_default();
        Ok(Applied {
            gtids: gtids.split_whitespace().collect(),
            own: row.next().unwrap_or_default(),
            place: status.and_then(|status| status.executed.clone()),
        })
    }

    /// What it has of its source's history beyond the source's own position.
    pub(super) async fn excess(
        &self,
        session: &mut Session,
        replica: &Identity,
        source: &Position,
    ) -> Result<Option<Excess>, SessionError> {
        let (found, source) = match source {
            Position::Gtid(source) if is_mariadb(replica) => {
                (beyond(&self.gtids, source), source.clone())
            }
            Position::Gtid(source) => {
                let question = format!("SELECT GTID_SUBTRACT('{}', '{source}')", self.gtids);
                let row = session.first_row(&question).await?;
                let found = row.into_iter().next().flatten().unwrap_or_default();
                (without_server(&found, &self.own), source.clone())
            }
            Position::File(source) => {
                let place = self.place.as_ref().filter(|place| *place > source);
                let found = place.map(Coordinates::to_string);
                (found.unwrap_or_default(), source.to_string())
            }
        };
        Ok((!found.is_empty()).then_some(Excess { found, source }))
    }
}

/// MariaDB's GTIDs of the first list that are beyond those of the second, each the last one
/// of its domain.
fn beyond(replica: &str, source: &str) -> String {
    let parts = |gtid: &str| -> Option<(String, u64)> {
        let (domain, rest) = gtid.trim().split_once('-')?;
        let (_, number) = rest.split_once('-')?;
        Some((domain.to_owned(), number.parse().ok()?))
    };
    let known: Vec<(String, u64)> = source.split(',').filter_map(parts).collect();
    let is_beyond = |gtid: &&str| {
        parts(gtid).is_some_and(|(domain, number)| {
            let reached = known.iter().find(|(other, _)| *other == domain);
            reached.is_none_or(|(_, reached)| *reached < number)
        })
    };
    let beyond: Vec<&str> = replica.split(',').filter(is_beyond).collect();
    beyond.join(",")
}

/// A set of MySQL's GTIDs without those of one server: what was written there alone.
fn without_server(set: &str, uuid: &str) -> String {
    let is_other = |part: &&str| !part.is_empty() && !part.starts_with(uuid);
    let parts: Vec<&str> = set.split(',').map(str::trim).filter(is_other).collect();
    parts.join(",")
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.position)
    }
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
    fn a_replica_is_ahead_in_a_domain_where_its_source_is_behind() {
        assert_eq!(beyond("", "0-1-7"), "");
        assert_eq!(beyond("0-1-7", "0-1-7"), "");
        assert_eq!(beyond("0-1-8", "0-1-7"), "0-1-8");
        assert_eq!(beyond("0-1-10,5-1-2", "0-2-9,5-1-2"), "0-1-10");
        assert_eq!(beyond("5-1-1", "0-1-7"), "5-1-1");
        assert_eq!(beyond("0-1-1", ""), "0-1-1");
    }

    #[test]
    fn what_was_written_on_a_replica_alone_puts_it_not_ahead() {
        assert_eq!(without_server("", "aa"), "");
        assert_eq!(without_server("aa:1-3", "aa"), "");
        assert_eq!(without_server("aa:1-3,\nbb:4", "aa"), "bb:4");
    }

    #[test]
    fn places_in_the_log_are_ordered() {
        let at = |file: &str, position| Coordinates {
            file: file.to_owned(),
            position,
        };
        assert!(at("b.000002", 4) > at("b.000001", 900));
        assert!(at("b.000001", 901) > at("b.000001", 900));
    }

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
