//! Sums over the rows of a table, which depend neither on their order nor on the storage.
//!
//! dbmatrix reads the rows and hashes them itself. `CHECKSUM TABLE` depends on the format
//! of the rows, and gives other numbers on other versions for the same rows. A sum of
//! `CRC32` in SQL has 32 bits and cannot tell NULL from a text without care for each type.
//! Hashes are added, not combined by XOR, since equal rows would cancel each other out. A
//! sum of 64 bits finds accidents, not forgeries.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::catalog::{Catalog, quoted_name};
use super::column::end_of_period;
use super::object::{Column, ObjectKind, ObjectName, Versioning};
use super::{Content, ContentError};
use crate::outcome::{Row, SqlError};

/// The rows of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableRows {
    /// Their number.
    pub count: u64,
    /// The sum over all rows.
    pub sum: u64,
    /// The sum over all values of each column, by its name. The names are those of the
    /// table, in its order.
    pub columns: Vec<(String, u64)>,
}

impl TableRows {
    fn new(columns: &[Column]) -> Self {
        let columns = columns.iter();
        TableRows {
            columns: columns.map(|column| (column.name.clone(), 0)).collect(),
            ..TableRows::default()
        }
    }

    /// Adds a row, whose values are in the order of the columns. There are more values
    /// than columns where those are not known.
    fn add(&mut self, row: Row<'_>) {
        let mut whole = DefaultHasher::new();
        for (at, value) in row.iter().enumerate() {
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            let hash = hasher.finish();
            if let Some((_, sum)) = self.columns.get_mut(at) {
                *sum = sum.wrapping_add(hash);
            }
            hash.hash(&mut whole);
        }
        self.sum = self.sum.wrapping_add(whole.finish());
        self.count += 1;
    }
}

/// Reads the rows of all tables.
pub(super) async fn read_all_rows(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let tables = content.objects.iter();
    let tables = tables.filter(|(name, _)| name.kind == ObjectKind::Table);
    for (name, table) in tables {
        let rows = read_rows(catalog, &table.columns, &quoted(name)).await?;
        content.rows.insert(name.clone(), rows);
    }
    Ok(())
}

/// Reads the rows of system-versioned tables with those of the past, and since when and
/// until when each row was there.
pub(super) async fn read_history(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    for (name, table) in &content.objects {
        let mut columns = table.columns.clone();
        match table.versioning {
            None => continue,
            Some(Versioning::Explicit) => {}
            Some(Versioning::Implicit) => columns.extend(implicit_period()),
        }
        let from = format!("{} FOR SYSTEM_TIME ALL", quoted(name));
        let rows = read_rows(catalog, &columns, &from).await?;
        content.history.insert(name.clone(), rows);
    }
    Ok(())
}

/// The columns of a period that a table does not name (MariaDB manual, "System-Versioned
/// Tables").
fn implicit_period() -> [Column; 2] {
    let column = |name: &str, reads: String| Column {
        name: name.to_owned(),
        reads,
    };
    [
        column("row_start", quoted_name("row_start")),
        column("row_end", end_of_period("row_end")),
    ]
}

fn quoted(table: &ObjectName) -> String {
    let (database, table) = (quoted_name(&table.database), quoted_name(&table.name));
    format!("{database}.{table}")
}

async fn read_rows(
    catalog: &mut Catalog<'_>,
    columns: &[Column],
    from: &str,
) -> Result<Result<TableRows, SqlError>, ContentError> {
    let list: Vec<&str> = columns.iter().map(|column| column.reads.as_str()).collect();
    let list = match list.is_empty() {
        // A sequence of MariaDB has columns that are described nowhere.
        true => "*".to_owned(),
        false => list.join(", "),
    };
    let sql = format!("SELECT {list} FROM {from}");
    let mut rows = TableRows::new(columns);
    let mut add = |row: Row<'_>| rows.add(row);
    let read = catalog.session.visit_rows(&sql, &mut add).await?;
    Ok(read.map(|_| rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Rows;

    fn sums(all: &[[Option<&str>; 2]]) -> TableRows {
        let column = |name: &str| Column {
            name: name.to_owned(),
            reads: quoted_name(name),
        };
        let mut rows = TableRows::new(&["a", "b"].map(column));
        let bytes = |value: Option<&str>| value.map(|text| text.as_bytes().to_vec());
        let all = Rows::from_iter(all.iter().map(|row| row.map(bytes)));
        all.iter().for_each(|row| rows.add(row));
        rows
    }

    #[test]
    fn the_order_of_rows_does_not_matter() {
        let (one, two) = ([Some("1"), None], [Some("2"), Some("x")]);
        assert_eq!(sums(&[one, two, one]), sums(&[two, one, one]));
    }

    #[test]
    fn each_value_and_each_row_matters() {
        let one = [Some("1"), None];
        let all = [
            sums(&[]),
            sums(&[one]),
            sums(&[one, one]),
            sums(&[[Some("1"), Some("")]]),
            sums(&[[None, Some("1")]]),
            sums(&[[Some("1"), Some("NULL")]]),
        ];
        for (at, here) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|there| here != there), "{at}");
        }
    }

    #[test]
    fn values_of_unknown_columns_matter() {
        let sequence = |next: &str| {
            let mut rows = TableRows::new(&[]);
            let row = [Some(next.as_bytes().to_vec())];
            Rows::from_iter([row]).iter().for_each(|row| rows.add(row));
            rows
        };
        assert_ne!(sequence("1"), sequence("2"));
    }

    #[test]
    fn values_that_change_places_change_rows_and_no_column() {
        let before = sums(&[[Some("1"), Some("x")], [Some("2"), Some("y")]]);
        let after = sums(&[[Some("1"), Some("y")], [Some("2"), Some("x")]]);
        assert_eq!(before.columns, after.columns);
        assert_ne!(before.sum, after.sum);
    }
}
