//! One connection, one session.
//!
//! A thin layer over mysql_async: statements use the text protocol, SQL errors are data,
//! and only a lost connection is an error. Knows no suite and no route: callers that open
//! sessions to a nest's children check the route before.

mod address;
mod endpoint;
mod key_pair;
mod local_file;
mod pin;
mod probe;
mod target;
mod url;
mod via;

pub use address::Address;
pub use endpoint::{Authorities, Endpoint, Tenancy, TlsMode};
pub use key_pair::{check_certificates, check_key_pair};
pub use local_file::LocalFolder;
pub use target::{Connect, Secret, Target, TlsPolicy};
pub use url::{ServerUrl, UrlError};
pub use via::{Trouble, Via};

use std::fmt::Write;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mysql_async::consts::{ColumnFlags, ColumnType, StatusFlags};
use mysql_async::prelude::Queryable;
use mysql_async::{ChangeUserOpts, Conn, Error};
use thiserror::Error as ThisError;

use self::local_file::LocalFiles;
use crate::outcome::{Column, Outcome, Row, RowSet, Rows, SqlError, Warning};
use crate::read_only::{self, Modes, NotReading};

/// Character set of blobs and other binary data (`binary`).
const BINARY: u16 = 63;

/// Why a session is not available or was lost.
#[derive(Debug, ThisError)]
pub enum SessionError {
    /// The connection failed.
    #[error("could not connect to {address}: {reason}")]
    Connect {
        /// The address.
        address: Address,
        /// The error of the system or the driver.
        reason: String,
        /// Whether the port has no listener.
        is_refused: bool,
    },
    /// The server rejects this user.
    #[error("the server at {address} refused the login: {refusal}")]
    Denied {
        /// The address.
        address: Address,
        /// The server's error.
        refusal: SqlError,
    },
    /// The server does not have the pinned certificate.
    #[error(
        "the server at {address} is not the one that dbmatrix made: {reason}; no password and no \
         statement was sent to it. Look for another program on that address, or make the server \
         anew with `dbmatrix run MATRIX`"
    )]
    Certificate {
        /// The address.
        address: Address,
        /// The problem.
        reason: String,
    },
    /// The connection lacks the requested protection; no password was sent.
    #[error("the server at {address} is not trusted: {reason}")]
    Tls {
        /// The address.
        address: Address,
        /// The problem, and how to fix it.
        reason: String,
    },
    /// The statement was not sent, because only reading statements are allowed.
    #[error(
        "read-only: the statement {0}, so it was not sent; `permissions = \"own-databases\"` of the \
         flavour lets statements write"
    )]
    NotSent(#[from] NotReading),
    /// The kernel would route packets elsewhere; nothing was sent.
    #[error("{0}")]
    NotRouted(String),
    /// The connection was lost.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The server's answer does not match the statement.
    #[error("expected {expected} from the server, found {found}")]
    Unexpected {
        /// The expected answer.
        expected: &'static str,
        /// The received answer.
        found: String,
    },
}

/// An open session.
#[derive(Debug)]
pub struct Session {
    conn: Conn,
    /// The server's report on backslashes in its last successful answer.
    no_backslash_escapes: bool,
    local_files: LocalFiles,
    /// How it reads quotes, if only reading statements are allowed.
    only_reads: Option<Modes>,
    /// Why it was lost, if its way knows.
    trouble: Trouble,
}

impl Session {
    /// A session over a connection that provides `local_files` to its server.
    fn new(conn: Conn, local_files: LocalFiles, trouble: Trouble) -> Self {
        let mut session = Session {
            conn,
            no_backslash_escapes: false,
            local_files,
            only_reads: None,
            trouble,
        };
        session.note_status();
        session
    }

    /// Keeps the status flags of the server's last successful answer; an error contains
    /// none.
    fn note_status(&mut self) {
        if let Some(ok) = self.conn.last_ok_packet() {
            self.no_backslash_escapes = ok
                .status_flags()
                .contains(StatusFlags::SERVER_STATUS_NO_BACKSLASH_ESCAPES);
        }
    }

    /// Lets the server read files of a folder (`LOAD DATA LOCAL INFILE`); by default it
    /// reads none. A read-only session never allows it.
    pub fn allow_local_files(&mut self, folder: LocalFolder) {
        if self.only_reads.is_none() {
            self.local_files.allow(folder);
        }
    }

    /// From now on sends only reading statements, and asks the server to reject others
    /// too, if it can.
    ///
    /// # Errors
    /// [`SessionError::Lost`].
    fn only_read(&mut self) -> BoxFuture<'_, Result<(), SessionError>> {
        async move {
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
        .boxed()
    }

    /// Whether a backslash in a string is an ordinary letter for the server.
    pub fn no_backslash_escapes(&self) -> bool {
        self.no_backslash_escapes
    }

    /// Runs one statement, byte for byte.
    ///
    /// # Errors
    /// [`SessionError::Lost`]; a statement that the server rejects is an
    /// [`Outcome`]. [`SessionError::NotSent`] if only reading statements are allowed.
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

    /// Like [`Session::run`], without keeping what the server answers: returns the number
    /// of rows, or the server's error.
    ///
    /// # Errors
    /// As of [`Session::run`].
    pub async fn run_and_discard(
        &mut self,
        sql: impl AsRef<[u8]>,
    ) -> Result<Result<u64, SqlError>, SessionError> {
        if let Some(modes) = self.only_reads {
            read_only::check(sql.as_ref(), modes)?;
        }
        let counted = count_rows(&mut self.conn, sql.as_ref()).await;
        self.note_status();
        match (counted, self.local_files.take_refusal()) {
            (Ok(_), Some(refusal)) => Ok(Err(refusal)),
            (Ok(rows), None) => Ok(Ok(rows)),
            (Err(error), _) => refused(error, &self.trouble).map(Err),
        }
    }

    /// Like [`Session::run_and_discard`], and shows each row once: a result of any size
    /// takes the memory of one row.
    ///
    /// # Errors
    /// As of [`Session::run`].
    pub fn visit_rows<'a>(
        &'a mut self,
        sql: &'a str,
        visit: &'a mut (dyn FnMut(Row<'_>) + Send),
    ) -> BoxFuture<'a, Result<Result<u64, SqlError>, SessionError>> {
        async move {
            if let Some(modes) = self.only_reads {
                read_only::check(sql.as_bytes(), modes)?;
            }
            let visited = visit_all(&mut self.conn, sql, visit).await;
            self.note_status();
            match visited {
                Ok(rows) => Ok(Ok(rows)),
                Err(error) => refused(error, &self.trouble).map(Err),
            }
        }
        .boxed()
    }

    fn answer<'a>(&'a mut self, sql: &'a [u8]) -> BoxFuture<'a, Result<Outcome, SessionError>> {
        async move {
            let mut parts = Vec::new();
            let mut result = match self.conn.query_iter(sql).await {
                Ok(result) => result,
                Err(error) => return refused(error, &self.trouble).map(Outcome::Refused),
            };
            loop {
                let (outcome, more) = match read_part(&mut result).await {
                    Ok(part) => part,
                    Err(error) => {
                        parts.push(Outcome::Refused(refused(error, &self.trouble)?));
                        break;
                    }
                };
                parts.push(outcome);
                if !more {
                    // The driver keeps an error in place of another result, and would return
                    // it for the next statement without sending that.
                    if let Err(error) = result.next().await {
                        parts.push(Outcome::Refused(refused(error, &self.trouble)?));
                    }
                    break;
                }
            }
            Ok(match parts.len() {
                1 => parts.remove(0),
                _ => Outcome::MultiResult(parts),
            })
        }
        .boxed()
    }

    /// Runs a query and returns the columns of its first row as text.
    ///
    /// # Errors
    /// [`SessionError::Unexpected`] if there is no row or the server rejects the
    /// query.
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

    /// Resets the session on the server: removes variables, temporary tables and the
    /// transaction, and keeps the login and the database. A server without this command
    /// (before MySQL 5.7.3, MariaDB 10.2.4) logs the user in again.
    ///
    /// # Errors
    /// [`SessionError::Lost`].
    pub fn reset(&mut self) -> BoxFuture<'_, Result<(), SessionError>> {
        async move {
            let trouble = self.trouble.clone();
            let lost = |error: Error| lost(&error, &trouble);
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
        .boxed()
    }

    /// The current database.
    ///
    /// # Errors
    /// [`SessionError::Lost`].
    pub async fn database(&mut self) -> Result<Option<Vec<u8>>, SessionError> {
        let outcome = self.run("SELECT DATABASE()").await?;
        let name = outcome.rows().and_then(|set| set.rows.values().next());
        Ok(name.flatten().map(<[u8]>::to_vec))
    }

    /// The server's number of this connection, for `KILL`.
    pub fn id(&self) -> u32 {
        self.conn.id()
    }

    /// Warnings and notes of the last statement.
    ///
    /// This resets `ROW_COUNT()` and `FOUND_ROWS()` on the server.
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

    /// Closes the session.
    pub fn close(self) -> BoxFuture<'static, ()> {
        async move {
            if let Err(error) = self.conn.disconnect().await {
                tracing::debug!(%error, "the connection ended without a farewell");
            }
        }
        .boxed()
    }
}

type TextResult<'a> = mysql_async::QueryResult<'a, 'static, mysql_async::TextProtocol>;

/// Counts the rows of all results of a statement.
fn count_rows<'a>(conn: &'a mut Conn, sql: &'a [u8]) -> BoxFuture<'a, Result<u64, Error>> {
    async move {
        let mut result = conn.query_iter(sql).await?;
        let mut rows = 0;
        loop {
            while result.next().await?.is_some() {
                rows += 1;
            }
            if result.is_empty() {
                // The driver keeps an error in place of another result.
                result.next().await?;
                return Ok(rows);
            }
        }
    }
    .boxed()
}

/// Shows each row of the first result of a statement, and counts them.
async fn visit_all(
    conn: &mut Conn,
    sql: &str,
    visit: &mut (dyn FnMut(Row<'_>) + Send),
) -> Result<u64, Error> {
    let mut result = conn.query_iter(sql).await?;
    let mut row = Rows::new(result.columns_ref().len());
    let mut count = 0;
    while let Some(values) = result.next().await? {
        row.clear();
        for value in values.unwrap_raw() {
            push(&mut row, value);
        }
        row.iter().for_each(&mut *visit);
        count += 1;
    }
    Ok(count)
}

/// Reads one result, and whether another one follows.
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

/// The protocol's name of a type, without its prefix, with further properties that
/// distinguish types.
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

/// The server's error; any other error means that the session is lost.
fn refused(error: Error, trouble: &Trouble) -> Result<SqlError, SessionError> {
    match error {
        Error::Server(error) => Ok(refusal(error)),
        other => Err(lost(&other, trouble)),
    }
}

fn lost(error: &Error, trouble: &Trouble) -> SessionError {
    let reason = trouble.reason();
    SessionError::Lost(reason.map_or_else(|| error.to_string(), str::to_owned))
}

fn refusal(error: mysql_async::ServerError) -> SqlError {
    SqlError {
        code: error.code,
        state: error.state,
        message: error.message,
    }
}
