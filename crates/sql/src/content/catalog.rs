//! Questions to a server's own description of itself (`information_schema`), whose columns
//! differ between versions.

use std::collections::HashSet;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::ContentError;
use crate::outcome::{Outcome, RowSet};
use crate::session::Session;

/// Databases of the server itself; their content is not the user's.
const SYSTEM_DATABASES: &str = "('information_schema', 'performance_schema', 'mysql', 'sys', \
     'ndbinfo', 'mysql_innodb_cluster_metadata')";

/// A row of texts; NULL is empty.
pub(super) type Texts = Vec<String>;

/// A session with what the server can say about itself.
pub(super) struct Catalog<'a> {
    pub(super) session: &'a mut Session,
    /// Tables and columns of `information_schema`, in upper case.
    known: HashSet<(String, String)>,
}

impl<'a> Catalog<'a> {
    /// Asks which descriptions the server has.
    pub(super) async fn open(session: &'a mut Session) -> Result<Self, ContentError> {
        let mut catalog = Catalog {
            session,
            known: HashSet::new(),
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
    /// order of their first columns. A column that this server lacks is empty.
    pub(super) async fn describe<const N: usize>(
        &mut self,
        what: &'static str,
        table: &str,
        of_database: &str,
        columns: [&str; N],
    ) -> Result<Vec<[String; N]>, ContentError> {
        if !self.has(table, of_database) {
            return Ok(Vec::new());
        }
        let columns = columns.map(|column| match self.has(table, column) {
            true => column.to_owned(),
            false => "NULL".to_owned(),
        });
        let sql = format!(
            "SELECT {} FROM information_schema.{table} WHERE {of_database} NOT IN \
             {SYSTEM_DATABASES}",
            columns.join(", ")
        );
        let rows = self.texts(what, sql).await?;
        let rows = rows.into_iter().filter_map(|row| row.try_into().ok());
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
    let text =
        |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    let rows = set.rows.iter();
    rows.map(|row| row.iter().map(text).collect()).collect()
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
}
