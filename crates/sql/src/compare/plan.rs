//! How a server reads the tables of a statement, as its `EXPLAIN` says in rows.
//!
//! The columns of that form have had the same names and words in MySQL and MariaDB since
//! 5.5: `table`, `type`, `key`, `rows`, `Extra`.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::outcome::RowSet;

/// Two estimates of rows differ if one is more than so many times the other.
const FACTOR: u64 = 10;

/// How a server reads the tables of a statement, in the order in which it joins them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan(Vec<Access>);

/// How one table is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Access {
    table: String,
    /// The word of the column `type`, such as `ref` or `all`.
    method: String,
    key: Option<String>,
    /// Estimated rows.
    rows: Option<u64>,
    is_sorted: bool,
    has_temporary_table: bool,
}

impl Plan {
    /// Reads the rows of an `EXPLAIN`; `None` if they have other columns, as for a tree.
    pub fn read(set: &RowSet) -> Option<Self> {
        let column = |name: &str| {
            let mut columns = set.columns.iter();
            columns.position(|column| column.name.eq_ignore_ascii_case(name))
        };
        let (table, method) = (column("table")?, column("type")?);
        let (key, rows, extra) = (column("key")?, column("rows")?, column("Extra")?);
        let accesses = set.rows.iter().map(|row| {
            let values: Vec<Option<String>> = row
                .iter()
                .map(|value| value.map(|value| String::from_utf8_lossy(value).into_owned()))
                .collect();
            let extra = values[extra].as_deref().unwrap_or_default();
            Access {
                table: values[table].clone().unwrap_or_else(|| "-".to_owned()),
                method: values[method].as_deref().unwrap_or("-").to_lowercase(),
                key: values[key].clone(),
                rows: values[rows].as_deref().and_then(|rows| rows.parse().ok()),
                is_sorted: extra.contains("Using filesort"),
                has_temporary_table: extra.contains("Using temporary"),
            }
        });
        Some(Plan(accesses.collect()))
    }

    /// Whether two plans read the same tables in the same way, with estimates that are not
    /// far apart.
    pub fn is_like(&self, other: &Plan) -> bool {
        let mut pairs = self.0.iter().zip(&other.0);
        self.0.len() == other.0.len() && pairs.all(|(a, b)| a.is_like(b))
    }

    /// A line for each table, such as `-> book: ref by author, 3 rows, sorts`.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        for access in &self.0 {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&access.shown());
        }
        text
    }

    /// Its approximate size in bytes.
    pub(super) fn size(&self) -> usize {
        self.0.len() * size_of::<Access>()
    }
}

impl Access {
    fn is_like(&self, other: &Access) -> bool {
        let estimate_is_near = match (self.rows, other.rows) {
            (Some(a), Some(b)) => a.max(b) <= FACTOR * a.min(b).max(1),
            _ => true,
        };
        let others = |access: &Access| Access {
            rows: None,
            ..access.clone()
        };
        estimate_is_near && others(self) == others(other)
    }

    fn shown(&self) -> String {
        let mut text = format!("-> {}: {}", self.table, self.method);
        if let Some(key) = &self.key {
            let _ = write!(text, " by {key}");
        }
        if let Some(rows) = self.rows {
            let plural = if rows == 1 { "" } else { "s" };
            let _ = write!(text, ", {rows} row{plural}");
        }
        if self.has_temporary_table {
            text.push_str(", temporary table");
        }
        if self.is_sorted {
            text.push_str(", sorts");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Column, Rows};

    /// A plan of rows of table, type, key, rows and Extra; `-` is NULL.
    fn plan(rows: &[[&str; 5]]) -> Plan {
        let columns = ["table", "type", "key", "rows", "Extra"].map(|name| Column {
            name: name.to_owned(),
            kind: "VAR_STRING".to_owned(),
        });
        let value = |text: &str| (text != "-").then(|| text.as_bytes().to_vec());
        let set = RowSet {
            columns: columns.to_vec(),
            rows: rows.iter().map(|row| row.map(value)).collect::<Rows>(),
            warnings: 0,
        };
        Plan::read(&set).expect("a plan")
    }

    #[test]
    fn plans_differ_in_methods_keys_order_and_far_estimates() {
        let by_key = plan(&[
            ["b", "ref", "author", "3", "-"],
            ["a", "eq_ref", "PRIMARY", "1", "-"],
        ]);
        let near = plan(&[
            ["b", "ref", "author", "30", "Using where"],
            ["a", "eq_ref", "PRIMARY", "1", "-"],
        ]);
        assert!(by_key.is_like(&near) && near.is_like(&by_key));
        for other in [
            plan(&[
                ["b", "ref", "author", "31", "-"],
                ["a", "eq_ref", "PRIMARY", "1", "-"],
            ]),
            plan(&[
                ["a", "eq_ref", "PRIMARY", "1", "-"],
                ["b", "ref", "author", "3", "-"],
            ]),
            plan(&[
                ["b", "ALL", "-", "3", "-"],
                ["a", "eq_ref", "PRIMARY", "1", "-"],
            ]),
            plan(&[
                ["b", "ref", "author", "3", "Using filesort"],
                ["a", "eq_ref", "PRIMARY", "1", "-"],
            ]),
            plan(&[["b", "ref", "author", "3", "-"]]),
        ] {
            assert!(!by_key.is_like(&other), "{}", other.shown());
        }
    }

    #[test]
    fn a_plan_is_shown_in_common_words() {
        let shown = plan(&[
            [
                "b",
                "ALL",
                "-",
                "4",
                "Using where; Using temporary; Using filesort",
            ],
            ["a", "eq_ref", "PRIMARY", "1", "-"],
            ["-", "-", "-", "-", "No tables used"],
        ])
        .shown();
        insta::assert_snapshot!(shown, @r"
        -> b: all, 4 rows, temporary table, sorts
        -> a: eq_ref by PRIMARY, 1 row
        -> -: -
        ");
    }
}
