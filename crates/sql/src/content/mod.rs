//! The content of a server: definitions of all objects, rows, accounts and settings, and
//! how the contents of two servers differ.
//!
//! Two servers of other versions or families describe equal things in other words. What is
//! kept of a definition is therefore its properties, each as the server writes it and in a
//! form without what only the version writes differently (`written`). Rows are read one
//! by one and kept as sums of hashes, so memory grows with the number of objects and never
//! with that of rows. Knows no container and no way from one server to the other.

mod account;
mod catalog;
mod clause;
mod column;
mod constraint;
mod difference;
mod grant;
mod index;
mod kind;
mod known;
mod login;
mod object;
mod outside;
mod partition;
mod program;
mod rows;
mod setting;
mod table;
mod view;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use thiserror::Error;

use crate::outcome::SqlError;
use crate::session::{Session, SessionError};

use catalog::Catalog;

pub use account::{AccountScript, read_account_scripts};
pub use difference::{ContentDifference, compare_contents};
pub use kind::ContentKind;
pub use known::{KnownChange, KnownChanges};
pub use object::{Object, ObjectKind, ObjectName, Property};
pub use rows::TableRows;

/// What is read of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentScope {
    /// Objects and rows, as for replicas, whose accounts and settings may differ.
    Data,
    /// Accounts and settings too.
    Server,
}

/// The content of a server at a moment at which nobody writes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// Databases, tables, views, routines, triggers, events and accounts.
    pub objects: BTreeMap<ObjectName, Object>,
    /// The rows of tables; an error for a table that cannot be read.
    pub rows: BTreeMap<ObjectName, Result<TableRows, SqlError>>,
    /// The rows of system-versioned tables with those of the past (MariaDB).
    pub history: BTreeMap<ObjectName, Result<TableRows, SqlError>>,
    /// Databases of the server itself, which are left out.
    pub(crate) own_databases: BTreeSet<String>,
    /// Global variables, by name.
    pub settings: BTreeMap<String, String>,
}

/// Why the content of a server is not known.
#[derive(Debug, Error)]
pub enum ContentError {
    /// The session.
    #[error("could not read the server's content: {0}")]
    Session(#[from] SessionError),
    /// A question about the server.
    #[error("could not read {what} of the server: {error}")]
    Refused {
        /// What was asked for, such as `its tables`.
        what: &'static str,
        /// The server's answer.
        error: SqlError,
    },
}

/// Settings of the session that reads: values of every server come in the same text. An
/// old server lacks some of the variables, which does no harm. MySQL 8 would describe
/// tables as they were a day ago.
const SETTINGS: [&str; 4] = [
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = ''",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION information_schema_stats_expiry = 0",
];

/// Reads the content of a server. The session's settings change, and its own account is no
/// content.
///
/// # Errors
/// [`ContentError`]. A table or view that the server cannot read is content, no error.
pub fn read_content<'a>(
    session: &'a mut Session,
    scope: ContentScope,
) -> BoxFuture<'a, Result<Content, ContentError>> {
    async move {
        for setting in SETTINGS {
            session.run(setting).await?;
        }
        let mut catalog = Catalog::open(session).await?;
        let mut content = Content {
            own_databases: catalog.own.clone(),
            ..Content::default()
        };
        table::read_databases(&mut catalog, &mut content).await?;
        table::read_tables(&mut catalog, &mut content).await?;
        column::read_columns(&mut catalog, &mut content).await?;
        index::read_indexes(&mut catalog, &mut content).await?;
        constraint::read_constraints(&mut catalog, &mut content).await?;
        partition::read_partitions(&mut catalog, &mut content).await?;
        clause::read_clauses(&mut catalog, &mut content).await?;
        view::read_views(&mut catalog, &mut content).await?;
        program::read_programs(&mut catalog, &mut content).await?;
        rows::read_all_rows(&mut catalog, &mut content).await?;
        if scope == ContentScope::Server {
            table::read_counters(&mut catalog, &mut content).await?;
            rows::read_history(&mut catalog, &mut content).await?;
            outside::read_outside(&mut catalog, &mut content).await?;
            account::read_accounts(&mut catalog, &mut content).await?;
            setting::read_settings(&mut catalog, &mut content).await?;
        }
        Ok(content)
    }
    .boxed()
}

impl Content {
    /// Number of rows of all tables that could be read.
    pub fn row_count(&self) -> u64 {
        self.rows.values().flatten().map(|rows| rows.count).sum()
    }
}
