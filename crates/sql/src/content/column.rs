//! Columns of tables and views.

use super::catalog::{Catalog, quoted_name, quoted_text};
use super::object::{Column, Property, Versioning};
use super::table::table_of;
use super::written::{column_default, column_extra, column_type, unescaped};
use super::{Content, ContentError};

/// What is read of a column.
type Texts = [String; 13];
/// Where its default is.
const DEFAULT: usize = 6;
/// Where the expression is that its values come from.
const GENERATED: usize = 11;

/// Expressions of the columns of a period (MariaDB manual, "System-Versioned Tables").
const ROW_START: &str = "ROW START";
const ROW_END: &str = "ROW END";

pub(super) async fn read_columns(
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
        "SRS_ID",
    ];
    let writes_expressions = catalog.writes_expressions();
    let rows = catalog.describe_with_null("its columns", "COLUMNS", "TABLE_SCHEMA", columns);
    let rows = rows.await?.into_iter().map(|mut row| {
        let default = row[DEFAULT].take();
        let row = row.map(Option::unwrap_or_default);
        (row, default)
    });
    let mut rows: Vec<(Texts, Option<String>)> = rows.collect();
    rows.sort_by_key(|(row, _)| row[2].parse::<u32>().unwrap_or(0));
    for (mut row, default) in rows {
        row[DEFAULT] = default_of(default, writes_expressions, &row);
        if catalog.escapes_expressions() {
            unescape(&mut row);
        }
        let [database, table, place, name, ..] = &row;
        let Some(object) = table_of(content, database, table) else {
            continue;
        };
        object.columns.push(Column {
            name: name.clone(),
            reads: reading(&row),
        });
        if object.versioning.is_some() && row[GENERATED] == ROW_START {
            object.versioning = Some(Versioning::Explicit);
        }
        let column = format!("column `{name}`");
        let is_view = !object.properties.contains_key("type");
        for (what, property) in column_properties(&row) {
            // Servers keep for a view what they were in the SQL mode of its creation.
            if is_view && matches!(what, "null" | "default") {
                continue;
            }
            object.note(format!("{column}: {what}"), property);
        }
        object.note(format!("{column}: position"), Property::exact(place));
    }
    Ok(())
}

/// Takes the backslashes of MySQL from a column's expressions.
fn unescape(row: &mut Texts) {
    let [.., default, extra, _, _, _, generated, _] = row;
    if extra.contains("DEFAULT_GENERATED") {
        *default = unescaped(default);
    }
    *generated = unescaped(generated);
}

fn column_properties(row: &Texts) -> [(&'static str, Property); 9] {
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
        reference_system,
    ] = row;
    let mut default_plain = column_default(default);
    // Some servers fill it up to the column's length.
    if form.starts_with("binary") {
        default_plain.truncate(default_plain.trim_end_matches('\0').len());
    }
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
        ("reference system", Property::exact(reference_system)),
    ]
}

/// The default in the form of an expression, where a text is in quotes; empty if there is
/// none. MariaDB writes it so, and a missing one as `NULL`. MySQL writes the value of a
/// literal, and says of an expression that it is one.
fn default_of(written: Option<String>, writes_expressions: bool, row: &Texts) -> String {
    let [.., form, _, _, extra, _, _, _, _, _] = row;
    let Some(text) = written else {
        return String::new();
    };
    if writes_expressions {
        return match text == "NULL" {
            true => String::new(),
            false => text,
        };
    }
    let is_function = text.starts_with("CURRENT_TIMESTAMP")
        && (form.starts_with("timestamp") || form.starts_with("datetime"));
    let is_bits = form.starts_with("bit") && text.starts_with("b'");
    // MySQL 8 writes the bytes of binary columns as a number.
    if let Some(digits) = text.strip_prefix("0x")
        && form.contains("binary")
    {
        return format!("x'{digits}'");
    }
    match is_function || is_bits || extra.contains("DEFAULT_GENERATED") {
        true => text,
        false => quoted_text(&text),
    }
}

/// The expression that reads the values of a column in full.
fn reading(row: &Texts) -> String {
    let [_, _, _, name, form, ..] = row;
    let quoted = quoted_name(name);
    let is_of = |begin: &str| form.starts_with(begin);
    if is_of("float") || is_of("double") {
        // Servers write a FLOAT with six digits. A multiplication keeps the sign of zero.
        return format!("{quoted} * 1e0");
    }
    if is_of("timestamp") && row[GENERATED] == ROW_END {
        return end_of_period(name);
    }
    quoted
}

/// The end of a row's period. The last moment, which is that of rows that are not of the
/// past, is another one since MariaDB 11.5.
pub(super) fn end_of_period(name: &str) -> String {
    let name = quoted_name(name);
    format!("IF({name} >= '2038-01-19 03:14:07', 'none', {name})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(form: &str, default: Option<&str>, extra: &str, writes_expressions: bool) -> Texts {
        let row = [
            "d", "t", "1", "a", form, "YES", "", extra, "", "", "", "", "",
        ];
        let mut row = row.map(str::to_owned);
        row[DEFAULT] = default_of(default.map(str::to_owned), writes_expressions, &row);
        row
    }

    fn plain_of(row: &Texts) -> Vec<(&'static str, String)> {
        let properties = column_properties(row).into_iter();
        properties
            .map(|(what, property)| (what, property.plain))
            .collect()
    }

    #[test]
    fn a_column_of_mariadb_is_that_of_mysql() {
        let same = [
            (
                row("int(11)", Some("NULL"), "", true),
                row("int", None, "", false),
            ),
            (
                row("timestamp", Some("current_timestamp()"), "", true),
                row(
                    "timestamp",
                    Some("CURRENT_TIMESTAMP"),
                    "DEFAULT_GENERATED",
                    false,
                ),
            ),
            (
                row("int(11)", Some("1"), "", true),
                row("int", Some("1"), "", false),
            ),
            (
                row("varchar(9)", Some("'it''s'"), "", true),
                row("varchar(9)", Some("it's"), "", false),
            ),
            (
                row("binary(3)", Some(r"'ab\0'"), "", true),
                row("binary(3)", Some("0x6162"), "", false),
            ),
            (
                row("binary(3)", Some("x'616200'"), "", true),
                row("binary(3)", Some("ab\0"), "", false),
            ),
            (
                row("bit(1)", Some("b'0'"), "", true),
                row("bit(1)", Some("b'0'"), "", false),
            ),
        ];
        for (mariadb, mysql) in same {
            assert_eq!(plain_of(&mariadb), plain_of(&mysql));
        }
        let (one, two) = (Some("1"), Some("2"));
        assert_ne!(
            plain_of(&row("int(11)", one, "", true)),
            plain_of(&row("int", two, "", false))
        );
    }

    #[test]
    fn an_empty_default_is_told_from_none() {
        let (empty, none) = (Some(""), None);
        let mysql = |default| plain_of(&row("varchar(9)", default, "", false));
        assert_ne!(mysql(empty), mysql(none));
        let mariadb = |default| plain_of(&row("varchar(9)", Some(default), "", true));
        assert_eq!(mysql(empty), mariadb("''"));
        assert_eq!(mysql(none), mariadb("NULL"));
        assert_ne!(mysql(Some("NULL")), mysql(none));
        assert_eq!(mysql(Some("NULL")), mariadb("'NULL'"));
    }

    #[test]
    fn a_float_is_read_in_full() {
        let reads = |form| reading(&row(form, None, "", false));
        assert_eq!(reads("float"), "`a` * 1e0");
        assert_eq!(reads("float(7,2) unsigned"), "`a` * 1e0");
        assert_eq!(reads("decimal(7,2)"), "`a`");
        let mut end = row("timestamp(6)", None, "STORED GENERATED", true);
        end[GENERATED] = ROW_END.to_owned();
        assert!(reading(&end).starts_with("IF(`a`"));
        // A number of a transaction.
        end[4] = "bigint(20) unsigned".to_owned();
        assert_eq!(reading(&end), "`a`");
    }
}
