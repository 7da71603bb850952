//! One connection, one session.
//!
//! A thin layer over mysql_async: statements go by the text protocol, SQL
//! errors are data, only a lost connection is an error. Knows no suite and no
//! route: who opens sessions to a nest's children checks the way before.

mod address;
mod endpoint;
mod local_file;
mod pin;
mod probe;
mod target;
mod url;

pub use address::Address;
pub use endpoint::{Authorities, Endpoint, Tenancy, TlsMode};
pub use local_file::LocalFolder;
pub use target::{Connect, Secret, Target, TlsPolicy};
pub use url::{ServerUrl, UrlError};

use std::fmt::Write;

use mysql_async::consts::{ColumnFlags, ColumnType, StatusFlags};
use mysql_async::prelude::Queryable;
use mysql_async::{ChangeUserOpts, Conn, Error};
use thiserror::Error as ThisError;

use self::local_file::LocalFiles;
use crate::outcome::{Column, Outcome, RowSet, Rows, SqlError, Warning};
use crate::read_only::{self, Modes, NotReading};

/// Character set of blobs and other bytes that are no text (`binary`).
const BINARY: u16 = 63;

/// Why there is no session, or none any more.
#[derive(Debug, ThisError)]
pub enum SessionError {
    /// The connection was not made.
    #[error("could not connect to {address}: {reason}")]
    Connect {
        /// Where to.
        address: Address,
        /// The system's or the driver's own words.
        reason: String,
        /// Whether nobody listens there.
        is_refused: bool,
    },
    /// The server does not let this user in.
    #[error("the server at {address} refused the login: {refusal}")]
    Denied {
        /// Where to.
        address: Address,
        /// The server's error.
        refusal: SqlError,
    },
    /// Who listens is not the server whose certificate was pinned.
    #[error(
        "the server at {address} is not the one that dbmatrix made: {reason}; no password and no \
         statement was sent to it. Look for another program on that address, or make the server \
         anew with `dbmatrix run MATRIX`"
    )]
    Certificate {
        /// Where to.
        address: Address,
        /// What is wrong with it.
        reason: String,
    },
    /// The connection is not protected as it was asked to be; no password was sent.
    #[error("the server at {address} is not trusted: {reason}")]
    Tls {
        /// Where to.
        address: Address,
        /// What is wrong, and what helps.
        reason: String,
    },
    /// The statement was not sent, since only such as read are.
    #[error(
        "read-only: the statement {0}, so it was not sent; `permissions = \"own-databases\"` of the \
         flavour lets statements write"
    )]
    NotSent(#[from] NotReading),
    /// The kernel would send packets somewhere else; nothing was sent.
    #[error("{0}")]
    NotRouted(String),
    /// The connection ended in the middle.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The server's answer is not what the statement gives.
    #[error("expected {expected} from the server, found {found}")]
    Unexpected {
        /// What was asked for.
        expected: &'static str,
        /// What came.
        found: String,
    },
}

/// An open session.
#[derive(Debug)]
pub struct Session {
    conn: Conn,
    /// What the server said of backslashes in its last good answer.
    no_backslash_escapes: bool,
    local_files: LocalFiles,
    /// How it takes quotes, where only statements that read are sent.
    only_reads: Option<Modes>,
}

impl Session {
    /// A session over a connection whose server gets `local_files`.
    fn new(conn: Conn, local_files: LocalFiles) -> Self {
        let mut session = Session {
            conn,
            no_backslash_escapes: false,
            local_files,
            only_reads: None,
        };
        session.note_status();
        session
    }

    /// Keeps what the server said of itself with its last good answer; an error
    /// says nothing of it.
    fn note_status(&mut self) {
        if let Some(ok) = self.conn.last_ok_packet() {
            self.no_backslash_escapes = ok
                .status_flags()
                .contains(StatusFlags::SERVER_STATUS_NO_BACKSLASH_ESCAPES);
        }
    }

    /// Lets the server read files of a folder (`LOAD DATA LOCAL INFILE`); without
    /// this it reads none. One from which is only read gets none either.
    pub fn allow_local_files(&mut self, folder: LocalFolder) {
        if self.only_reads.is_none() {
            self.local_files.allow(folder);
        }
    }

    /// From now on sends nothing but statements that read, and has the server
    /// refuse others besides. One that does not know how is none the worse.
    ///
    /// # Errors
    /// [`SessionError::Lost`].
    async fn only_read(&mut self) -> Result<(), SessionError> {
        self.only_reads = Some(Modes::default());
        let outcome = self.run("SET SESSION TRANSACTION READ ONLY").await?;
        if let Some(refusal) = outcome.refusal() {
            tracing::debug!(%refusal, "the server knows no read-only transactions");
        }
        let outcome = self.run("SELECT @@SESSION.sql_mode").await?;
        let mode = outcome.rows().and_then(|set| set.rows.values().next());
        if let Some(mode) = mode.flatten() {
            let modes = Modes::of_sql_mode(&String::from_utf8_lossy(mode));
            self.only_reads = Some(modes);
        }
        Ok(())
    }

    /// Whether the server takes a backslash in a string for a letter like others.
    pub fn no_backslash_escapes(&self) -> bool {
        self.no_backslash_escapes
    }

    /// Runs one statement, byte for byte.
    ///
    /// # Errors
    /// [`SessionError::Lost`]; what the server refuses is an [`Outcome`].
    /// [`SessionError::NotSent`] where only statements that read are sent.
    pub async fn run(&mut self, sql: impl AsRef<[u8]>) -> Result<Outcome, SessionError> {
        if let Some(modes) = self.only_reads {
            read_only::check(sql.as_ref(), modes)?;
        }
        let outcome = self.answer(sql.as_ref()).await;
        self.note_status();
        match (outcome?, self.local_files.take_refusal()) {
            (outcome, Some(refusal)) if outcome.refusal().is_none() => {
                Ok(Outcome::Refused(refusal))
            }
            (outcome, _) => Ok(outcome),
        }
    }

    async fn answer(&mut self, sql: &[u8]) -> Result<Outcome, SessionError> {
        let mut parts = Vec::new();
        let mut result = match self.conn.query_iter(sql).await {
            Ok(result) => result,
            Err(error) => return refused(error).map(Outcome::Refused),
        };
        loop {
            let (outcome, more) = match read_part(&mut result).await {
                Ok(part) => part,
                Err(error) => {
                    parts.push(Outcome::Refused(refused(error)?));
                    break;
                }
            };
            parts.push(outcome);
            if !more {
                // An error in place of another result waits in the driver, and would
                // be told of the next statement, which would not be sent.
                if let Err(error) = result.next().await {
                    parts.push(Outcome::Refused(refused(error)?));
                }
                break;
            }
        }
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => Outcome::MultiResult(parts),
        })
    }

    /// Runs a query of which the first row's columns are wanted as text.
    ///
    /// # Errors
    /// [`SessionError::Unexpected`] where there is no row or the server
    /// refuses.
    pub async fn first_row(&mut self, sql: &str) -> Result<Vec<Option<String>>, SessionError> {
        let outcome = self.run(sql).await?;
        let row = outcome.rows().and_then(|rows| rows.rows.iter().next());
        let row = row.ok_or_else(|| SessionError::Unexpected {
            expected: "a row",
            found: match outcome.refusal() {
                Some(refusal) => refusal.to_string(),
                None => "none".to_owned(),
            },
        })?;
        Ok(row.texts())
    }

    /// Resets the session on the server: variables, temporary tables and the
    /// transaction go, the login and the database stay. A server that does not
    /// know how (before MySQL 5.7.3, MariaDB 10.2.4) logs the user in again.
    ///
    /// # Errors
    /// [`SessionError::Lost`].
    pub async fn reset(&mut self) -> Result<(), SessionError> {
        let lost = |error: Error| SessionError::Lost(error.to_string());
        if !self.conn.reset().await.map_err(lost)? {
            let again = self.conn.change_user(ChangeUserOpts::default()).await;
            again.map_err(lost)?;
        }
        if self.only_reads.is_some() {
            self.only_read().await?;
        }
        self.note_status();
        Ok(())
    }

    /// The database in use.
    ///
    /// # Errors
    /// [`SessionError::Lost`].
    pub async fn database(&mut self) -> Result<Option<Vec<u8>>, SessionError> {
        let outcome = self.run("SELECT DATABASE()").await?;
        let name = outcome.rows().and_then(|set| set.rows.values().next());
        Ok(name.flatten().map(<[u8]>::to_vec))
    }

    /// The server's number of this connection, which `KILL` takes.
    pub fn id(&self) -> u32 {
        self.conn.id()
    }

    /// Warnings and notes of the last statement.
    ///
    /// The server forgets `ROW_COUNT()` and `FOUND_ROWS()` over it.
    ///
    /// # Errors
    /// [`SessionError::Lost`].
    pub async fn notices(&mut self) -> Result<Vec<Warning>, SessionError> {
        let outcome = self.run("SHOW WARNINGS").await?;
        let rows = outcome.rows().into_iter().flat_map(|set| set.rows.iter());
        let notices = rows.filter_map(|row| match row.texts().as_slice() {
            [level, Some(code), message, ..] => Some(Warning {
                level: level.clone().unwrap_or_default(),
                code: code.parse().ok()?,
                message: message.clone().unwrap_or_default(),
            }),
            _ => None,
        });
        Ok(notices.collect())
    }

    /// Takes leave of the server.
    pub async fn close(self) {
        if let Err(error) = self.conn.disconnect().await {
            tracing::debug!(%error, "the connection ended without a farewell");
        }
    }
}

type TextResult<'a> = mysql_async::QueryResult<'a, 'static, mysql_async::TextProtocol>;

/// One result and whether another one follows.
async fn read_part(result: &mut TextResult<'_>) -> Result<(Outcome, bool), Error> {
    let columns: Vec<Column> = result.columns_ref().iter().map(column).collect();
    if columns.is_empty() {
        let outcome = Outcome::Completed {
            affected: result.affected_rows(),
            warnings: result.warnings(),
        };
        let none: Option<mysql_async::Row> = result.next().await?;
        debug_assert!(none.is_none(), "a result without columns has no rows");
        return Ok((outcome, !result.is_empty()));
    }
    let mut rows = Rows::new(columns.len());
    while let Some(row) = result.next().await? {
        row.unwrap_raw()
            .into_iter()
            .for_each(|value| push(&mut rows, value));
    }
    let set = RowSet {
        columns,
        rows,
        warnings: result.warnings(),
    };
    Ok((Outcome::Rows(set), !result.is_empty()))
}

fn push(rows: &mut Rows, value: Option<mysql_async::Value>) {
    match value {
        None | Some(mysql_async::Value::NULL) => rows.push(None),
        Some(mysql_async::Value::Bytes(bytes)) => rows.push(Some(&bytes)),
        // The text protocol has no others.
        Some(other) => rows.push(Some(other.as_sql(true).as_bytes())),
    }
}

fn column(column: &mysql_async::Column) -> Column {
    Column {
        name: column.name_str().into_owned(),
        kind: kind(column),
    }
}

/// The protocol's name of a type, without its prefix, with what else tells
/// types apart.
fn kind(column: &mysql_async::Column) -> String {
    let number = column.column_type();
    let mut base = String::with_capacity(32);
    let _ = write!(base, "{number:?}");
    base.drain(..base.len() - base.trim_start_matches("MYSQL_TYPE_").len());
    let is_text = matches!(
        number,
        ColumnType::MYSQL_TYPE_STRING
            | ColumnType::MYSQL_TYPE_VAR_STRING
            | ColumnType::MYSQL_TYPE_BLOB
    );
    if is_text && column.character_set() == BINARY {
        base.push_str(" BINARY");
    }
    if column.flags().contains(ColumnFlags::UNSIGNED_FLAG) {
        base.push_str(" UNSIGNED");
    }
    base
}

/// The server's error; anything else means that the session is gone.
fn refused(error: Error) -> Result<SqlError, SessionError> {
    match error {
        Error::Server(error) => Ok(refusal(error)),
        other => Err(SessionError::Lost(other.to_string())),
    }
}

fn refusal(error: mysql_async::ServerError) -> SqlError {
    SqlError {
        code: error.code,
        state: error.state,
        message: error.message,
    }
}
