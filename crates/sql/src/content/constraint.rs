//! Foreign keys and checks of tables.

use std::collections::BTreeMap;

use super::catalog::Catalog;
use super::object::Property;
use super::table::table_of;
use super::written::unescaped;
use super::{Content, ContentError};

pub(super) async fn read_constraints(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    read_foreign_keys(catalog, content).await?;
    read_checks(catalog, content).await
}

async fn read_foreign_keys(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "CONSTRAINT_SCHEMA",
        "TABLE_NAME",
        "CONSTRAINT_NAME",
        "UPDATE_RULE",
        "DELETE_RULE",
    ];
    let what = "its foreign keys";
    let table = "REFERENTIAL_CONSTRAINTS";
    let rules = catalog.describe(what, table, "CONSTRAINT_SCHEMA", columns);
    let rules: BTreeMap<[String; 3], String> = (rules.await?.into_iter())
        .map(|[database, table, name, update, delete]| {
            // MySQL writes the one, MariaDB the other; InnoDB treats both alike.
            let rule = |word: String| word.replace("NO ACTION", "RESTRICT");
            let text = format!("ON UPDATE {} ON DELETE {}", rule(update), rule(delete));
            ([database, table, name], text)
        })
        .collect();
    let columns = [
        "TABLE_SCHEMA",
        "TABLE_NAME",
        "CONSTRAINT_NAME",
        "ORDINAL_POSITION",
        "COLUMN_NAME",
        "REFERENCED_TABLE_SCHEMA",
        "REFERENCED_TABLE_NAME",
        "REFERENCED_COLUMN_NAME",
    ];
    let rows = catalog.describe(what, "KEY_COLUMN_USAGE", "TABLE_SCHEMA", columns);
    let mut rows = rows.await?;
    rows.sort_by_key(|row| row[3].parse::<u32>().unwrap_or(0));
    let mut keys: BTreeMap<[String; 3], String> = BTreeMap::new();
    for [
        database,
        table,
        name,
        _,
        column,
        of_database,
        of_table,
        of_column,
    ] in rows
    {
        if of_table.is_empty() {
            continue;
        }
        let key = keys.entry([database, table, name]).or_default();
        let part = format!("{column} -> {of_database}.{of_table}.{of_column}");
        if !key.is_empty() {
            key.push_str(", ");
        }
        key.push_str(&part);
    }
    for (key, text) in keys {
        let rule = rules.get(&key).map_or("", String::as_str);
        let [database, table, name] = &key;
        if let Some(object) = table_of(content, database, table) {
            let text = format!("{text} {rule}");
            object.note(format!("foreign key `{name}`"), Property::sql(&text));
        }
    }
    Ok(())
}

/// MySQL names the table of a check elsewhere, and its names are unique in a database.
async fn read_checks(catalog: &mut Catalog<'_>, content: &mut Content) -> Result<(), ContentError> {
    let what = "its checks";
    let columns = [
        "CONSTRAINT_SCHEMA",
        "TABLE_NAME",
        "CONSTRAINT_NAME",
        "CHECK_CLAUSE",
    ];
    let table = "CHECK_CONSTRAINTS";
    let checks = catalog.describe(what, table, "CONSTRAINT_SCHEMA", columns);
    let checks = checks.await?;
    let listed = match checks.is_empty() || catalog.has(table, "TABLE_NAME") {
        true => BTreeMap::new(),
        false => listed_checks(catalog).await?,
    };
    for [database, table, name, mut clause] in checks {
        if catalog.escapes_expressions() {
            clause = unescaped(&clause);
        }
        let listed = listed.get(&(database.clone(), name.clone()));
        let table = listed.map_or(table, |listed| listed.table.clone());
        if let Some(object) = table_of(content, &database, &table) {
            object.note(format!("check `{name}`"), Property::expression(&clause));
            if listed.is_some_and(|listed| !listed.is_enforced) {
                let no = Property::exact("no");
                object.note(format!("check `{name}`: enforced"), no);
            }
        }
    }
    Ok(())
}

/// What the list of all constraints says of a check.
struct Listed {
    table: String,
    is_enforced: bool,
}

async fn listed_checks(
    catalog: &mut Catalog<'_>,
) -> Result<BTreeMap<(String, String), Listed>, ContentError> {
    let columns = [
        "TABLE_SCHEMA",
        "TABLE_NAME",
        "CONSTRAINT_NAME",
        "CONSTRAINT_TYPE",
        "ENFORCED",
    ];
    let what = "its checks";
    let rows = catalog.describe(what, "TABLE_CONSTRAINTS", "TABLE_SCHEMA", columns);
    let rows = rows.await?.into_iter().filter(|row| row[3] == "CHECK");
    let listed = rows.map(|[database, table, name, _, enforced]| {
        let is_enforced = enforced != "NO";
        ((database, name), Listed { table, is_enforced })
    });
    Ok(listed.collect())
}
