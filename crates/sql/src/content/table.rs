//! Databases, and tables with their columns, indexes, constraints and partitions.

use std::collections::BTreeMap;

use super::catalog::{Catalog, quoted_name};
use super::object::{Object, ObjectKind, ObjectName, Property};
use super::written::{column_default, column_extra, column_type, plain, unescaped};
use super::{Content, ContentError};
use crate::outcome::Outcome;

pub(super) async fn read_databases(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "SCHEMA_NAME",
        "DEFAULT_CHARACTER_SET_NAME",
        "DEFAULT_COLLATION_NAME",
    ];
    let rows = catalog.describe("its databases", "SCHEMATA", "SCHEMA_NAME", columns);
    for [name, charset, collation] in rows.await? {
        let mut object = Object::default();
        object.note("character set", Property::sql(&charset));
        object.note("collation", Property::sql(&collation));
        let name = ObjectName::new(ObjectKind::Database, &name, "");
        content.objects.insert(name, object);
    }
    Ok(())
}

/// Reads tables and views.
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
                ObjectKind::Table
            }
        };
        let name = ObjectName::new(kind, &database, &name);
        content.objects.insert(name, object);
    }
    read_columns(catalog, content).await?;
    read_indexes(catalog, content).await?;
    read_foreign_keys(catalog, content).await?;
    read_checks(catalog, content).await?;
    read_partitions(catalog, content).await?;
    read_views(catalog, content).await
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
fn table_of<'a>(content: &'a mut Content, database: &str, name: &str) -> Option<&'a mut Object> {
    let table = ObjectName::new(ObjectKind::Table, database, name);
    let view = ObjectName::new(ObjectKind::View, database, name);
    let found = match content.objects.contains_key(&table) {
        true => table,
        false => view,
    };
    content.objects.get_mut(&found)
}

async fn read_columns(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "TABLE_SCHEMA",
        "TABLE_NAME",
        "ORDINAL_POSITION",
        "COLUMN_NAME",
        "COLUMN_TYPE",
        "IS_NULLABLE",
        "COLUMN_DEFAULT",
        "EXTRA",
        "CHARACTER_SET_NAME",
        "COLLATION_NAME",
        "COLUMN_COMMENT",
        "GENERATION_EXPRESSION",
    ];
    let writes_expressions = catalog.writes_expressions();
    let rows = catalog.describe("its columns", "COLUMNS", "TABLE_SCHEMA", columns);
    let mut rows = rows.await?;
    rows.sort_by_key(|row| row[2].parse::<u32>().unwrap_or(0));
    for mut row in rows {
        if catalog.escapes_expressions() {
            unescape(&mut row);
        }
        let [database, table, place, name, ..] = &row;
        let Some(object) = table_of(content, database, table) else {
            continue;
        };
        object.columns.push(name.clone());
        let column = format!("column `{name}`");
        for (what, property) in column_properties(&row, writes_expressions) {
            object.note(format!("{column}: {what}"), property);
        }
        object.note(format!("{column}: position"), Property::exact(place));
    }
    Ok(())
}

/// Takes the backslashes of MySQL from a column's expressions.
fn unescape(row: &mut [String; 12]) {
    let [.., default, extra, _, _, _, generated] = row;
    if extra.contains("DEFAULT_GENERATED") {
        *default = unescaped(default);
    }
    *generated = unescaped(generated);
}

fn column_properties(
    row: &[String; 12],
    writes_expressions: bool,
) -> [(&'static str, Property); 8] {
    let [
        ..,
        form,
        nullable,
        default,
        extra,
        charset,
        collation,
        comment,
        generated,
    ] = row;
    let is_expression = writes_expressions || extra.contains("DEFAULT_GENERATED");
    // MariaDB writes the missing default of a column that may be NULL.
    let default = match writes_expressions && default == "NULL" {
        true => "",
        false => default,
    };
    let default_plain = column_default(default, is_expression);
    let extra_plain = column_extra(extra);
    // A word of MySQL alone, that its default says too.
    let extra = match extra_plain.is_empty() {
        true => "",
        false => extra,
    };
    [
        ("type", Property::with_plain(form, column_type(form))),
        ("null", Property::exact(nullable)),
        ("default", Property::with_plain(default, default_plain)),
        ("extra", Property::with_plain(extra, extra_plain)),
        ("character set", Property::sql(charset)),
        ("collation", Property::sql(collation)),
        ("comment", Property::exact(comment)),
        ("expression", Property::expression(generated)),
    ]
}

async fn read_indexes(
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
    ];
    let escapes = catalog.escapes_expressions();
    let rows = catalog.describe("its indexes", "STATISTICS", "TABLE_SCHEMA", columns);
    let mut rows = rows.await?;
    rows.sort_by_key(|row| row[3].parse::<u32>().unwrap_or(0));
    let mut indexes: BTreeMap<[String; 3], (String, Vec<String>)> = BTreeMap::new();
    for row in rows {
        let [database, table, index, _, non_unique, form, ..] = &row;
        let [.., column, length, order, expression, visible, ignored] = &row;
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
        let index = indexes.entry(key).or_insert((head, Vec::new()));
        index.1.push(part);
    }
    for ([database, table, index], (head, parts)) in indexes {
        if let Some(object) = table_of(content, &database, &table) {
            let text = format!("{head} ({})", parts.join(", "));
            object.note(format!("index `{index}`"), Property::sql(&text));
        }
    }
    Ok(())
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
    let mut tables: BTreeMap<(String, String), String> = BTreeMap::new();
    if !checks.is_empty() && !catalog.has(table, "TABLE_NAME") {
        let columns = [
            "TABLE_SCHEMA",
            "TABLE_NAME",
            "CONSTRAINT_NAME",
            "CONSTRAINT_TYPE",
        ];
        let rows = catalog.describe(what, "TABLE_CONSTRAINTS", "TABLE_SCHEMA", columns);
        let rows = rows.await?.into_iter().filter(|row| row[3] == "CHECK");
        tables.extend(rows.map(|[database, table, name, _]| ((database, name), table)));
    }
    for [database, table, name, mut clause] in checks {
        if catalog.escapes_expressions() {
            clause = unescaped(&clause);
        }
        let table = match table.is_empty() {
            true => tables
                .get(&(database.clone(), name.clone()))
                .cloned()
                .unwrap_or_default(),
            false => table,
        };
        if let Some(object) = table_of(content, &database, &table) {
            object.note(format!("check `{name}`"), Property::expression(&clause));
        }
    }
    Ok(())
}

async fn read_partitions(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let columns = [
        "TABLE_SCHEMA",
        "TABLE_NAME",
        "PARTITION_NAME",
        "SUBPARTITION_NAME",
        "PARTITION_ORDINAL_POSITION",
        "PARTITION_METHOD",
        "PARTITION_EXPRESSION",
        "PARTITION_DESCRIPTION",
        "SUBPARTITION_EXPRESSION",
    ];
    let rows = catalog.describe("its partitions", "PARTITIONS", "TABLE_SCHEMA", columns);
    for row in rows.await? {
        let [
            database,
            table,
            name,
            sub,
            place,
            method,
            expression,
            end,
            sub_expression,
        ] = row;
        if name.is_empty() {
            continue;
        }
        let name = match sub.is_empty() {
            true => format!("partition `{name}`"),
            false => format!("partition `{name}`, `{sub}`"),
        };
        let text = format!("{place}: {method} ({expression}) {end} {sub_expression}");
        if let Some(object) = table_of(content, &database, &table) {
            object.note(name, Property::sql(text.trim_end()));
        }
    }
    Ok(())
}

async fn read_views(catalog: &mut Catalog<'_>, content: &mut Content) -> Result<(), ContentError> {
    let columns = [
        "TABLE_SCHEMA",
        "TABLE_NAME",
        "VIEW_DEFINITION",
        "CHECK_OPTION",
        "DEFINER",
        "SECURITY_TYPE",
        "CHARACTER_SET_CLIENT",
    ];
    let rows = catalog.describe("its views", "VIEWS", "TABLE_SCHEMA", columns);
    for [
        database,
        view,
        definition,
        check,
        definer,
        security,
        charset,
    ] in rows.await?
    {
        let name = ObjectName::new(ObjectKind::View, &database, &view);
        let object = content.objects.entry(name).or_default();
        object.note("definition", Property::expression(&definition));
        object.note("check option", Property::exact(&check));
        object.note("definer", Property::exact(&definer));
        object.note("security", Property::exact(&security));
        object.note("character set", Property::sql(&charset));
        let (database, view) = (quoted_name(&database), quoted_name(&view));
        let probe = format!("SELECT 1 FROM {database}.{view} LIMIT 0");
        if let Outcome::Refused(error) = catalog.session.run(&probe).await? {
            object.broken = Some(error.to_string());
        }
    }
    Ok(())
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

    fn row(form: &str, default: &str, extra: &str) -> [String; 12] {
        let row = [
            "d", "t", "1", "a", form, "YES", default, extra, "", "", "", "",
        ];
        row.map(str::to_owned)
    }

    #[test]
    fn a_column_of_mariadb_is_that_of_mysql() {
        let plain = |row: &[String; 12], writes_expressions| {
            column_properties(row, writes_expressions)
                .map(|(what, property)| (what, property.plain))
        };
        assert_eq!(
            plain(&row("int(11)", "NULL", ""), true),
            plain(&row("int", "", ""), false)
        );
        assert_eq!(
            plain(&row("timestamp", "current_timestamp()", ""), true),
            plain(
                &row("timestamp", "CURRENT_TIMESTAMP", "DEFAULT_GENERATED"),
                false
            )
        );
        assert_ne!(
            plain(&row("int(11)", "1", ""), true),
            plain(&row("int", "2", ""), false)
        );
    }
}
