//! Indexes of tables.

use std::collections::BTreeMap;

use super::catalog::Catalog;
use super::object::Property;
use super::table::table_of;
use super::written::unescaped;
use super::{Content, ContentError};

struct Index {
    /// What it is, such as `UNIQUE BTREE`.
    head: String,
    /// Columns and expressions.
    parts: Vec<String>,
    comment: String,
}

pub(super) async fn read_indexes(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "TABLE_SCHEMA",
        "TABLE_NAME",
        "INDEX_NAME",
        "SEQ_IN_INDEX",
        "NON_UNIQUE",
        "INDEX_TYPE",
        "COLUMN_NAME",
        "SUB_PART",
        "COLLATION",
        "EXPRESSION",
        "IS_VISIBLE",
        "IGNORED",
        "INDEX_COMMENT",
    ];
    let escapes = catalog.escapes_expressions();
    let rows = catalog.describe("its indexes", "STATISTICS", "TABLE_SCHEMA", columns);
    let mut rows = rows.await?;
    rows.sort_by_key(|row| row[3].parse::<u32>().unwrap_or(0));
    let mut indexes: BTreeMap<[String; 3], Index> = BTreeMap::new();
    for row in rows {
        let [database, table, index, _, non_unique, form, ..] = &row;
        let [.., column, length, order, expression, visible, ignored, _] = &row;
        let mut part = match column.is_empty() {
            true if escapes => format!("({})", unescaped(expression)),
            true => format!("({expression})"),
            false => column.clone(),
        };
        if !length.is_empty() {
            part = format!("{part}({length})");
        }
        if order == "D" {
            part.push_str(" DESC");
        }
        let is_hidden = visible == "NO" || ignored == "YES";
        let head = format!(
            "{}{form}{}",
            if non_unique == "0" { "UNIQUE " } else { "" },
            if is_hidden { " INVISIBLE" } else { "" },
        );
        let key = [database.clone(), table.clone(), index.clone()];
        let index = indexes.entry(key).or_insert_with(|| Index {
            head,
            parts: Vec::new(),
            comment: row[12].clone(),
        });
        index.parts.push(part);
    }
    for ([database, table, name], index) in indexes {
        if let Some(object) = table_of(content, &database, &table) {
            let text = format!("{} ({})", index.head, index.parts.join(", "));
            object.note(format!("index `{name}`"), Property::sql(&text));
            let comment = Property::exact(&index.comment);
            object.note(format!("index `{name}`: comment"), comment);
        }
    }
    Ok(())
}
