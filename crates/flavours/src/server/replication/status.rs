//! What a replica says of itself.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use dbmatrix_sql::session::{Session, SessionError};
use dbmatrix_sql::version::{Identity, Version};
use thiserror::Error;

use super::Topology;
use super::position::{Coordinates, Excess};
use super::statements::{is_mariadb, show_status};
use crate::server::ServerError;

/// Errors of the worker threads, of which MySQL's status names no reason.
pub(super) const WORKER_ERROR: &str = "SELECT CONCAT('error ', \
    LAST_ERROR_NUMBER, ': ', LAST_ERROR_MESSAGE) FROM \
    performance_schema.replication_applier_status_by_worker WHERE LAST_ERROR_NUMBER <> 0 LIMIT 1";

/// Errors of a login that do not change: the server refuses the user or the address, or
/// client and server share no authentication plugin or no TLS.
const REFUSALS: [u16; 5] = [1045, 1130, 2026, 2059, 2061];

/// Why a replica does not have what its source has.
#[derive(Debug, Error)]
pub enum ReplicaError {
    /// It does not answer.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// It refuses to follow.
    #[error("{server} refused to replicate: {refusal}")]
    Refused {
        /// `the replica` or `the source`.
        server: &'static str,
        /// The server's error; no password is in it.
        refusal: String,
    },
    /// What it follows was another flavour's source, or an earlier one of its own.
    #[error("it follows another source, at {found}")]
    OtherSource {
        /// The address of that.
        found: String,
    },
    /// Its source has lost what it has received.
    #[error(
        "it has `{found}`, which its source at `{source_at}` has not, as after a `reset` or `restore` of the source alone"
    )]
    Ahead {
        /// What the source lacks.
        found: String,
        /// How far the source has come.
        source_at: String,
    },
    /// The source does not wait for its replicas, though it is to.
    #[error(
        "expected a source that waits for {expected} replicas; found `{status}`, with {found} that acknowledge"
    )]
    NotSemiSync {
        /// How many there are.
        expected: usize,
        /// What the source says of itself.
        status: String,
        /// How many acknowledge.
        found: usize,
    },
    /// It cannot follow a server that is newer.
    #[error("no vendor supports an older replica ({replica}) of a newer source ({source_version})")]
    Older {
        /// The version of the replica.
        replica: String,
        /// That of its source.
        source_version: String,
    },
    /// Its topology chooses its source itself.
    #[error(
        "expected `topology = \"async\"` or `\"semi-sync\"`, in which a replica can be promoted; found `\"{}\"`",
        .0.as_str()
    )]
    NoPromotion(Topology),
    /// Nothing makes it follow any more.
    #[error("it follows no source")]
    Alone,
    /// It has stopped.
    #[error("replication has stopped: {0}")]
    Stopped(ReplicaStatus),
    /// It is in no group or cluster, and does not come back by itself.
    #[error("it has left the {of}: {status}")]
    Left {
        /// `group` or `cluster`.
        of: &'static str,
        /// What it says of itself.
        status: String,
    },
    /// It is in its group or cluster, or about to be, and too slow.
    #[error("it has not caught up within {} s: {status}", limit.as_secs())]
    Late {
        /// How long dbmatrix waited.
        limit: Duration,
        /// What it says of itself.
        status: String,
    },
    /// No member of a group that was stopped has all transactions.
    #[error(
        "each member has transactions that another one lacks, so that none can begin the group again; `dbmatrix run` begins anew"
    )]
    Diverged,
    /// Its server does not start as a member.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// Neither it nor the source may be paused.
    #[error("no answer within {} s: the replica or its source is paused, cut off or hangs", limit.as_secs())]
    Silent {
        /// How long dbmatrix waited.
        limit: Duration,
    },
    /// It is too slow, or does not reach the source.
    #[error("it has not caught up within {} s: {status}", limit.as_secs())]
    Behind {
        /// How long dbmatrix waited.
        limit: Duration,
        /// What it says of itself.
        status: ReplicaStatus,
    },
}

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaProgress {
    /// It has applied what it has received.
    CaughtUp,
    /// Its last transaction is so much younger on the source.
    Behind(Duration),
    /// It does not reach its source, and tries again.
    Connecting,
    /// It follows nobody, or has stopped with an error.
    Stopped,
}

impl From<ServerError> for ReplicaError {
    fn from(error: ServerError) -> Self {
        ReplicaError::Server(Box::new(error))
    }
}

impl From<Excess> for ReplicaError {
    fn from(excess: Excess) -> Self {
        ReplicaError::Ahead {
            found: excess.found,
            source_at: excess.source,
        }
    }
}

/// What a replica says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// The state of the thread that reads from the source, such as `Connecting`.
    io: String,
    /// Whether the thread that applies runs.
    sql: String,
    io_error: String,
    sql_error: String,
    /// Seconds, if it is known.
    lag: Option<String>,
    /// The address of its source.
    pub(super) source: String,
    /// How far it has read its source's binary log.
    read: Option<Coordinates>,
    /// How far it has applied that.
    pub(super) executed: Option<Coordinates>,
}

impl ReplicaStatus {
    /// Asks a replica; `None` if it follows nobody.
    pub(super) async fn ask(
        session: &mut Session,
        replica: &Identity,
    ) -> Result<Option<Self>, SessionError> {
        let outcome = session.run(show_status(replica)).await?;
        if let Some(refusal) = outcome.refusal() {
            return Err(SessionError::Unexpected {
                expected: "the replica's status",
                found: refusal.to_string(),
            });
        }
        let Some(set) = outcome.rows() else {
            return Ok(None);
        };
        let Some(row) = set.rows.iter().next() else {
            return Ok(None);
        };
        let names = set.columns.iter().map(|column| column.name.as_str());
        let values = names
            .zip(row.texts())
            .filter_map(|(name, value)| Some((name, value?)));
        let mut status = ReplicaStatus::read(&values.collect());
        let tells_of_workers = !is_mariadb(replica) && replica.version >= Version::release(5, 7);
        if !status.sql_error.is_empty()
            && tells_of_workers
            && let Ok(row) = session.first_row(WORKER_ERROR).await
            && let Some(reason) = row.into_iter().next().flatten()
        {
            status.sql_error = reason;
        }
        Ok(Some(status))
    }

    /// Reads the columns of either family.
    fn read<V: AsRef<str>>(columns: &BTreeMap<&str, V>) -> Self {
        let text = |names: [&str; 2]| {
            let value = names.iter().find_map(|name| columns.get(name));
            value.map(|value| value.as_ref().to_owned())
        };
        let error = |thread: &str| {
            let number = columns.get(format!("Last_{thread}_Errno").as_str());
            let number = number.map(AsRef::as_ref).filter(|number| *number != "0")?;
            let reason = columns.get(format!("Last_{thread}_Error").as_str());
            let reason = reason.map(AsRef::as_ref).unwrap_or_default();
            Some(format!("error {number}: {reason}"))
        };
        let place = |file, position| {
            let (file, position) = text(file).zip(text(position))?;
            let position = position.parse().ok()?;
            (!file.is_empty()).then_some(Coordinates { file, position })
        };
        ReplicaStatus {
            io: text(["Replica_IO_Running", "Slave_IO_Running"]).unwrap_or_default(),
            sql: text(["Replica_SQL_Running", "Slave_SQL_Running"]).unwrap_or_default(),
            io_error: error("IO").unwrap_or_default(),
            sql_error: error("SQL").unwrap_or_default(),
            lag: text(["Seconds_Behind_Source", "Seconds_Behind_Master"]),
            source: text(["Source_Host", "Master_Host"]).unwrap_or_default(),
            read: place(
                ["Source_Log_File", "Master_Log_File"],
                ["Read_Source_Log_Pos", "Read_Master_Log_Pos"],
            ),
            executed: place(
                ["Relay_Source_Log_File", "Relay_Master_Log_File"],
                ["Exec_Source_Log_Pos", "Exec_Master_Log_Pos"],
            ),
        }
    }

    /// How far it is, as far as it knows itself.
    pub(super) fn progress(&self) -> Option<ReplicaProgress> {
        if self.has_stopped() {
            return Some(ReplicaProgress::Stopped);
        }
        if !self.reads() {
            return Some(ReplicaProgress::Connecting);
        }
        match self.lag.as_ref()?.parse().ok()? {
            0 => Some(ReplicaProgress::CaughtUp),
            seconds => Some(ReplicaProgress::Behind(Duration::from_secs(seconds))),
        }
    }

    /// Whether it applies what it has read.
    pub(super) fn applies(&self) -> bool {
        self.sql == "Yes"
    }

    /// Whether it has applied all that it has read.
    pub(super) fn has_applied_all(&self) -> bool {
        self.read == self.executed
    }

    /// Whether it is connected to its source.
    pub(super) fn reads(&self) -> bool {
        self.io == "Yes"
    }

    /// Whether it will not go on by itself: a thread has ended, or its source refuses the
    /// login and it only tries again.
    pub(super) fn has_stopped(&self) -> bool {
        let is_refused = || {
            let mut refusals = REFUSALS.iter();
            refusals.any(|number| self.io_error.starts_with(&format!("error {number}:")))
        };
        self.io == "No" || self.sql != "Yes" || (self.io != "Yes" && is_refused())
    }
}

impl fmt::Display for ReplicaStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thread = |state: &str, error: &str| match error {
            "" => format!("`{state}`"),
            error => format!("`{state}` ({error})"),
        };
        write!(
            f,
            "IO thread {}, SQL thread {}",
            thread(&self.io, &self.io_error),
            thread(&self.sql, &self.sql_error)
        )?;
        match &self.lag {
            Some(seconds) => write!(f, ", {seconds} s behind"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_replica_is_told_with_its_error() {
        let columns = BTreeMap::from([
            ("Slave_IO_Running", "Yes"),
            ("Slave_SQL_Running", "No"),
            ("Last_IO_Errno", "0"),
            ("Last_IO_Error", ""),
            ("Last_SQL_Errno", "1062"),
            ("Last_SQL_Error", "Duplicate entry '1'"),
            ("Master_Host", "10.1.2.10"),
        ]);
        let status = ReplicaStatus::read(&columns);
        assert!(status.has_stopped());
        assert_eq!(status.progress(), Some(ReplicaProgress::Stopped));
        let told = ReplicaError::Stopped(status).to_string();
        insta::assert_snapshot!(told, @"replication has stopped: IO thread `Yes`, SQL thread `No` (error 1062: Duplicate entry '1')");
    }

    #[test]
    fn one_has_applied_all_that_it_has_read_or_not() {
        let mut columns = BTreeMap::from([
            ("Slave_SQL_Running", "Yes"),
            ("Master_Log_File", "b.000002"),
            ("Read_Master_Log_Pos", "700"),
            ("Relay_Master_Log_File", "b.000002"),
            ("Exec_Master_Log_Pos", "400"),
        ]);
        let status = ReplicaStatus::read(&columns);
        assert!(status.applies() && !status.has_applied_all());
        columns.insert("Exec_Master_Log_Pos", "700");
        assert!(ReplicaStatus::read(&columns).has_applied_all());
    }

    #[test]
    fn one_that_is_behind_is_told_with_its_lag() {
        let columns = BTreeMap::from([
            ("Replica_IO_Running", "Connecting"),
            ("Replica_SQL_Running", "Yes"),
            ("Last_IO_Errno", "2003"),
            ("Last_IO_Error", "Can't connect"),
            ("Seconds_Behind_Source", "7"),
        ]);
        let status = ReplicaStatus::read(&columns);
        assert!(!status.has_stopped(), "it tries again");
        assert!(!status.reads());
        assert_eq!(status.progress(), Some(ReplicaProgress::Connecting));
        let reading = |lag: &str| ReplicaStatus {
            io: "Yes".to_owned(),
            lag: Some(lag.to_owned()),
            ..status.clone()
        };
        assert_eq!(reading("0").progress(), Some(ReplicaProgress::CaughtUp));
        let behind = ReplicaProgress::Behind(Duration::from_secs(7));
        assert_eq!(reading("7").progress(), Some(behind));
        let refused = ReplicaStatus {
            io_error: "error 2059: Authentication plugin".to_owned(),
            ..status.clone()
        };
        assert!(refused.has_stopped());
        let limit = Duration::from_secs(30);
        let told = ReplicaError::Behind { limit, status }.to_string();
        insta::assert_snapshot!(told, @"it has not caught up within 30 s: IO thread `Connecting` (error 2003: Can't connect), SQL thread `Yes`, 7 s behind");
    }
}
