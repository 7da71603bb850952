//! Questions to a server's own description of itself (`information_schema`), whose columns
//! differ between versions.

use std::collections::{BTreeSet, HashSet};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::ContentError;
use crate::outcome::{Outcome, RowSet, SqlError};
use crate::session::Session;

/// Databases that every server has for itself.
const OF_EVERY_SERVER: [&str; 3] = ["information_schema", "performance_schema", "mysql"];

/// Databases that only some servers have for themselves, and how one of those is known. On
/// another server a user may have a database of the same name.
const OF_SOME_SERVERS: [(&str, &str); 3] = [
    // MySQL since 5.7.9 and MariaDB since 10.6 have users for its objects.
    (
        "sys",
        "SELECT COUNT(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'sys' \
         AND DEFINER IN ('mysql.sys@localhost', 'mariadb.sys@localhost')",
    ),
    (
        "ndbinfo",
        "SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'ndbinfo'",
    ),
    // MySQL Shell makes it, also on a single server.
    (
        "mysql_innodb_cluster_metadata",
        "SELECT COUNT(*) FROM information_schema.VIEWS \
         WHERE TABLE_SCHEMA = 'mysql_innodb_cluster_metadata' AND TABLE_NAME = 'schema_version'",
    ),
];

/// A row of texts; NULL is empty.
pub(super) type Texts = Vec<String>;

/// A session with what the server can say about itself.
pub(super) struct Catalog<'a> {
    pub(super) session: &'a mut Session,
    /// Tables and columns of `information_schema`, in upper case.
    known: HashSet<(String, String)>,
    /// Databases of the server itself; their content is not the user's.
    pub(super) own: BTreeSet<String>,
}

impl<'a> Catalog<'a> {
    /// Asks which descriptions the server has.
    pub(super) async fn open(session: &'a mut Session) -> Result<Self, ContentError> {
        let mut catalog = Catalog {
            session,
            known: HashSet::new(),
            own: OF_EVERY_SERVER.map(str::to_owned).into(),
        };
        let sql = "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS \
                   WHERE TABLE_SCHEMA = 'information_schema'";
        let rows = catalog
            .texts("what it can describe", sql.to_owned())
            .await?;
        let upper = |text: &String| text.to_uppercase();
        catalog.known = rows
            .iter()
            .map(|row| (upper(&row[0]), upper(&row[1])))
            .collect();
        for (database, question) in OF_SOME_SERVERS {
            let found = catalog.texts("its own databases", question.to_owned());
            if found.await?.iter().flatten().any(|count| count != "0") {
                catalog.own.insert(database.to_owned());
            }
        }
        Ok(catalog)
    }

    /// Whether a table of `information_schema` has a column.
    pub(super) fn has(&self, table: &str, column: &str) -> bool {
        self.known.contains(&(table.to_owned(), column.to_owned()))
    }

    /// Whether defaults of columns are written as expressions: MariaDB since 10.2.7, which
    /// has had the other column as long.
    pub(super) fn writes_expressions(&self) -> bool {
        self.has("ALL_PLUGINS", "PLUGIN_NAME") && self.has("COLUMNS", "GENERATION_EXPRESSION")
    }

    /// Whether quotes and backslashes of expressions stand behind another backslash: MySQL
    /// since 8.0 (bug 100607), where functional indexes have their column since 8.0.13.
    pub(super) fn escapes_expressions(&self) -> bool {
        self.has("STATISTICS", "EXPRESSION") && !self.has("ALL_PLUGINS", "PLUGIN_NAME")
    }

    /// The rows of a table of `information_schema` about the user's databases, in the
    /// order of their first columns. NULL is empty, as is a column that this server lacks.
    pub(super) async fn describe<const N: usize>(
        &mut self,
        what: &'static str,
        table: &str,
        of_database: &str,
        columns: [&str; N],
    ) -> Result<Vec<[String; N]>, ContentError> {
        let rows = self.describe_with_null(what, table, of_database, columns);
        let rows = rows.await?.into_iter();
        Ok(rows.map(|row| row.map(Option::unwrap_or_default)).collect())
    }

    /// The same, where NULL is no empty text.
    pub(super) async fn describe_with_null<const N: usize>(
        &mut self,
        what: &'static str,
        table: &str,
        of_database: &str,
        columns: [&str; N],
    ) -> Result<Vec<[Option<String>; N]>, ContentError> {
        if !self.has(table, of_database) {
            return Ok(Vec::new());
        }
        let columns = columns.map(|column| match self.has(table, column) {
            true => column.to_owned(),
            false => "NULL".to_owned(),
        });
        // Names are compared byte by byte: `Sys` is no `sys`, whatever the collation.
        let own: Vec<String> = self.own.iter().map(|name| hex_of(name)).collect();
        let sql = format!(
            "SELECT {} FROM information_schema.{table} WHERE HEX({of_database}) NOT IN ({})",
            columns.join(", "),
            own.join(", ")
        );
        let set = self.rows(what, &sql).await?;
        let rows = set.rows.iter().filter_map(|row| {
            let row: Vec<Option<String>> = row.iter().map(|value| value.map(text_of)).collect();
            row.try_into().ok()
        });
        Ok(rows.collect())
    }

    /// The rows of a query as texts.
    pub(super) fn texts(
        &mut self,
        what: &'static str,
        sql: String,
    ) -> BoxFuture<'_, Result<Vec<Texts>, ContentError>> {
        async move {
            let set = self.rows(what, &sql).await?;
            Ok(texts_of(&set))
        }
        .boxed()
    }

    /// The rows of a query about the system database; none if the server lacks the table.
    pub(super) fn system_rows<'s>(
        &'s mut self,
        sql: &'s str,
    ) -> BoxFuture<'s, Result<Vec<Texts>, ContentError>> {
        async move {
            Ok(match self.session.run(sql).await? {
                Outcome::Rows(set) => texts_of(&set),
                _ => Vec::new(),
            })
        }
        .boxed()
    }

    /// What a `SHOW CREATE` shows in a column, or the server's refusal.
    pub(super) fn shown<'s>(
        &'s mut self,
        sql: &'s str,
        column: usize,
    ) -> BoxFuture<'s, Result<Result<String, SqlError>, ContentError>> {
        async move {
            Ok(match self.session.run(sql).await? {
                Outcome::Refused(error) => Err(error),
                other => {
                    let texts = other.rows().map(texts_of).unwrap_or_default();
                    let row = texts.into_iter().next().unwrap_or_default();
                    Ok(row.into_iter().nth(column).unwrap_or_default())
                }
            })
        }
        .boxed()
    }

    /// What a `SHOW CREATE` shows in a column; nothing if the server refuses.
    pub(super) async fn created(
        &mut self,
        sql: &str,
        column: usize,
    ) -> Result<Option<String>, ContentError> {
        Ok(self.shown(sql, column).await?.ok())
    }

    /// The rows of a query.
    pub(super) async fn rows(
        &mut self,
        what: &'static str,
        sql: &str,
    ) -> Result<RowSet, ContentError> {
        let refused = match self.session.run(sql).await? {
            Outcome::Rows(set) => return Ok(set),
            other => other.refusal().cloned(),
        };
        match refused {
            Some(error) => Err(ContentError::Refused { what, error }),
            None => Ok(RowSet::default()),
        }
    }
}

/// All rows as texts; bytes that are no UTF-8 are replaced.
pub(super) fn texts_of(set: &RowSet) -> Vec<Texts> {
    let text = |value: Option<&[u8]>| value.map(text_of).unwrap_or_default();
    let rows = set.rows.iter();
    rows.map(|row| row.iter().map(text).collect()).collect()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A name as `HEX` of SQL writes it, in quotes.
fn hex_of(name: &str) -> String {
    let digits = name.bytes().map(|byte| format!("{byte:02X}"));
    format!("'{}'", digits.collect::<String>())
}

/// A name in backquotes.
pub(super) fn quoted_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A string in quotes, where a backslash escapes.
pub(super) fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_end_where_they_should() {
        assert_eq!(quoted_name("a`b"), "`a``b`");
        assert_eq!(quoted_text("it's\\"), "'it''s\\\\'");
    }

    #[test]
    fn names_are_compared_by_their_bytes() {
        assert_eq!(hex_of("sys"), "'737973'");
        assert_ne!(hex_of("sys"), hex_of("Sys"));
    }
}
