//! Databases, and tables as wholes.

use super::catalog::Catalog;
use super::object::{Object, ObjectKind, ObjectName, Property, Versioning};
use super::written::plain;
use super::{Content, ContentError};

pub(super) async fn read_databases(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "SCHEMA_NAME",
        "DEFAULT_CHARACTER_SET_NAME",
        "DEFAULT_COLLATION_NAME",
        "SCHEMA_COMMENT",
        "DEFAULT_ENCRYPTION",
    ];
    let what = "its databases";
    let rows = catalog.describe(what, "SCHEMATA", "SCHEMA_NAME", columns);
    for [name, charset, collation, comment, encryption] in rows.await? {
        let mut object = Object::default();
        object.note("character set", Property::sql(&charset));
        object.note("collation", Property::sql(&collation));
        object.note("comment", Property::exact(&comment));
        if encryption == "YES" {
            object.note("encryption", Property::exact(&encryption));
        }
        let name = ObjectName::new(ObjectKind::Database, &name, "");
        content.objects.insert(name, object);
    }
    // `READ ONLY=1` of MySQL 8.0.22.
    let columns = ["SCHEMA_NAME", "OPTIONS"];
    let rows = catalog.describe(what, "SCHEMATA_EXTENSIONS", "SCHEMA_NAME", columns);
    for [name, options] in rows.await? {
        let name = ObjectName::new(ObjectKind::Database, &name, "");
        if let Some(object) = content.objects.get_mut(&name) {
            object.note("options", Property::exact(&options));
        }
    }
    Ok(())
}

/// Reads tables and views, without what they consist of.
pub(super) async fn read_tables(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "TABLE_SCHEMA",
        "TABLE_NAME",
        "TABLE_TYPE",
        "ENGINE",
        "TABLE_COLLATION",
        "TABLE_COMMENT",
        "CREATE_OPTIONS",
    ];
    let rows = catalog.describe("its tables", "TABLES", "TABLE_SCHEMA", columns);
    for [database, name, form, engine, collation, comment, options] in rows.await? {
        let mut object = Object::default();
        let kind = match form.contains("VIEW") {
            true => ObjectKind::View,
            false => {
                object.note("type", Property::exact(&form));
                object.note("engine", Property::sql(&engine));
                object.note("collation", Property::sql(&collation));
                object.note("comment", Property::exact(&comment));
                let plain = options_without_defaults(&options);
                object.note("options", Property::with_plain(&options, plain));
                object.versioning = (form == VERSIONED).then_some(Versioning::Implicit);
                ObjectKind::Table
            }
        };
        let name = ObjectName::new(kind, &database, &name);
        content.objects.insert(name, object);
    }
    Ok(())
}

/// The type of a table of MariaDB that keeps the rows of the past.
const VERSIONED: &str = "SYSTEM VERSIONED";

/// Reads the next value of each `AUTO_INCREMENT`. A replica may have another one: rows
/// arrive with their values, so it skips none as its source does.
pub(super) async fn read_counters(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = ["TABLE_SCHEMA", "TABLE_NAME", "AUTO_INCREMENT"];
    let rows = catalog.describe("its counters", "TABLES", "TABLE_SCHEMA", columns);
    for [database, name, next] in rows.await? {
        // An empty table has no counter yet in MySQL 8, and 1 elsewhere.
        if next.is_empty() || next == "1" {
            continue;
        }
        if let Some(object) = table_of(content, &database, &name) {
            object.note("next AUTO_INCREMENT", Property::exact(&next));
        }
    }
    Ok(())
}

/// The options that are given. `row_format` is of the storage.
fn options_without_defaults(options: &str) -> String {
    let options = plain(&options.to_lowercase());
    let mut words: Vec<&str> = options.split_whitespace().collect();
    words.retain(|word| !word.starts_with("row_format"));
    words.sort_unstable();
    words.join(" ")
}

/// The table or view of that name.
pub(super) fn table_of<'a>(
    content: &'a mut Content,
    database: &str,
    name: &str,
) -> Option<&'a mut Object> {
    let table = ObjectName::new(ObjectKind::Table, database, name);
    let view = ObjectName::new(ObjectKind::View, database, name);
    let found = match content.objects.contains_key(&table) {
        true => table,
        false => view,
    };
    content.objects.get_mut(&found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_format_is_of_the_storage() {
        assert_eq!(
            options_without_defaults("row_format=COMPACT partitioned"),
            "partitioned"
        );
        assert_eq!(options_without_defaults("row_format=DYNAMIC"), "");
    }
}
