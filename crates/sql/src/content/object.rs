//! Objects of a server, as named properties.

use std::collections::BTreeMap;
use std::fmt;

use super::written::{plain, plain_expression};

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A database.
    Database,
    /// A table or a sequence.
    Table,
    /// A view.
    View,
    /// A stored procedure.
    Procedure,
    /// A stored function.
    Function,
    /// A package or its body (MariaDB, `sql_mode=ORACLE`).
    Package,
    /// A trigger.
    Trigger,
    /// An event.
    Event,
    /// A function of a library (`CREATE FUNCTION ... SONAME`).
    LoadableFunction,
    /// Another server that tables point to (`CREATE SERVER`).
    Server,
    /// A user or a role.
    Account,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ObjectKind::Database => "database",
            ObjectKind::Table => "table",
            ObjectKind::View => "view",
            ObjectKind::Procedure => "procedure",
            ObjectKind::Function => "function",
            ObjectKind::Package => "package",
            ObjectKind::Trigger => "trigger",
            ObjectKind::Event => "event",
            ObjectKind::LoadableFunction => "loadable function",
            ObjectKind::Server => "server",
            ObjectKind::Account => "account",
        })
    }
}

/// The name of an object. It reads `table shop.orders` or `account app@%`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its database, or the user's name; what is in no database has its own name here.
    pub database: String,
    /// Its own name, or the user's host; empty for a database.
    pub name: String,
}

impl ObjectName {
    /// Whether it goes with its database.
    pub(super) fn is_in_database(&self) -> bool {
        !matches!(
            self.kind,
            ObjectKind::Database
                | ObjectKind::Account
                | ObjectKind::LoadableFunction
                | ObjectKind::Server
        )
    }

    /// An object of a database.
    pub(super) fn new(kind: ObjectKind, database: &str, name: &str) -> Self {
        ObjectName {
            kind,
            database: database.to_owned(),
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ObjectName {
            kind,
            database,
            name,
        } = self;
        match kind {
            ObjectKind::Database | ObjectKind::LoadableFunction | ObjectKind::Server => {
                write!(f, "{kind} {database}")
            }
            // A role has no host.
            ObjectKind::Account if name.is_empty() => write!(f, "{kind} {database}"),
            ObjectKind::Account => write!(f, "{kind} {database}@{name}"),
            _ => write!(f, "{kind} {database}.{name}"),
        }
    }
}

/// One property of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// As the server writes it, for readers.
    pub written: String,
    /// Without what only the version writes differently.
    pub plain: String,
}

impl Property {
    /// A text of SQL.
    pub(super) fn sql(written: &str) -> Self {
        Property {
            plain: plain(written),
            written: written.to_owned(),
        }
    }

    /// An expression or a query.
    pub(super) fn expression(written: &str) -> Self {
        Property {
            plain: plain_expression(written),
            written: written.to_owned(),
        }
    }

    /// A text of which each letter counts.
    pub(super) fn exact(written: &str) -> Self {
        Property {
            plain: written.to_owned(),
            written: written.to_owned(),
        }
    }

    /// A text with a known plain form.
    pub(super) fn with_plain(written: &str, plain: String) -> Self {
        Property {
            plain,
            written: written.to_owned(),
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The expression that reads its values in full.
    pub(super) reads: String,
}

/// The system versioning of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versioning {
    /// The columns of the period are described nowhere.
    Implicit,
    /// The table has them among its columns.
    Explicit,
}

/// An object with its properties, by name such as ``column `id` ``.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// The properties. A property without a text is left out.
    pub properties: BTreeMap<String, Property>,
    /// Columns in their order; only tables have them.
    pub(super) columns: Vec<Column>,
    /// How the rows of the past are read; only system-versioned tables have them.
    pub(super) versioning: Option<Versioning>,
    /// Why the server cannot use it, such as a view whose table is missing.
    pub broken: Option<String>,
}

impl Object {
    /// Notes a property, unless its text is empty.
    pub(super) fn note(&mut self, name: impl Into<String>, property: Property) {
        if !property.written.is_empty() {
            self.properties.insert(name.into(), property);
        }
    }
}
