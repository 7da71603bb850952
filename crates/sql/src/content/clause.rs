//! What only the text of a table's creation says: options of indexes, periods, the tables
//! of a merge, the place of a federated table.

use super::catalog::{Catalog, quoted_name};
use super::object::{Object, ObjectKind, Property};
use super::written::tokens;
use super::{Content, ContentError};

/// Options of tables that `information_schema` leaves out. A connection may have a password.
const OPTIONS: [&str; 3] = ["UNION", "INSERT_METHOD", "CONNECTION"];

/// Reads the clauses of all tables. A table that cannot be shown has none; its rows say why.
pub(super) async fn read_clauses(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let tables = content.objects.iter_mut();
    for (name, object) in tables.filter(|(name, _)| name.kind == ObjectKind::Table) {
        let (database, table) = (quoted_name(&name.database), quoted_name(&name.name));
        let create = format!("SHOW CREATE TABLE {database}.{table}");
        if let Some(created) = catalog.created(&create, 1).await? {
            note_clauses(object, &created);
        }
    }
    Ok(())
}

/// The servers write each column and each index on a line of its own, and line breaks in
/// strings as `\n`.
fn note_clauses(object: &mut Object, created: &str) {
    for line in created.lines() {
        let tokens = without_version_comments(&tokens(line));
        match tokens.as_slice() {
            ["PERIOD", "FOR", name, rest @ ..] if *name != "SYSTEM_TIME" => {
                object.note(format!("period {name}"), Property::sql(&joined(rest)));
            }
            [")", options @ ..] => note_options(object, options),
            _ => note_index(object, &tokens),
        }
    }
}

fn note_options(object: &mut Object, options: &[&str]) {
    for (at, word) in options.iter().enumerate() {
        let [_, "=", value @ ..] = &options[at..] else {
            continue;
        };
        if !OPTIONS.contains(word) {
            continue;
        }
        let value = match value {
            ["(", list @ ..] => joined(list.split(|token| *token == ")").next().unwrap_or(list)),
            [value, ..] => (*value).to_owned(),
            [] => continue,
        };
        let property = match *word {
            "CONNECTION" => Property::with_plain("a connection", value),
            _ => Property::sql(&value),
        };
        object.note(word.to_lowercase().replace('_', " "), property);
    }
}

/// Notes what stands behind the columns of an index, except for what indexes have
/// anyway.
fn note_index(object: &mut Object, line: &[&str]) {
    let Some(at) = line.iter().position(|token| *token == "KEY") else {
        return;
    };
    let begins = ["PRIMARY", "UNIQUE", "KEY", "FULLTEXT", "SPATIAL", "VECTOR"];
    if !line.first().is_some_and(|first| begins.contains(first)) {
        return;
    }
    let name = match line.get(at + 1) {
        Some(name) if name.starts_with('`') => name,
        _ => "`PRIMARY`",
    };
    let text = joined(&index_options(&line[at..]));
    object.note(format!("index {name}: options"), Property::sql(&text));
}

fn index_options<'a>(index: &[&'a str]) -> Vec<&'a str> {
    let mut options = Vec::new();
    let mut open = 0_usize;
    let mut is_behind = false;
    let mut tokens = index.iter().copied();
    while let Some(token) = tokens.next() {
        match token {
            "(" => open += 1,
            ")" => {
                open = open.saturating_sub(1);
                is_behind |= open == 0;
            }
            "WITHOUT" if open > 0 => options.extend([token, "OVERLAPS"]),
            "USING" | "COMMENT" if is_behind => drop(tokens.next()),
            "," | "INVISIBLE" | "IGNORED" => {}
            _ if is_behind && open == 0 => options.push(token),
            _ => {}
        }
    }
    options
}

/// Without the marks of `/*!50100 ... */` and `/*M!100201 ... */`.
fn without_version_comments<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    let mut left = Vec::new();
    let mut rest = tokens;
    loop {
        rest = match rest {
            ["/", "*", "!", version, rest @ ..] | ["/", "*", "M", "!", version, rest @ ..]
                if version.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                rest
            }
            ["*", "/", rest @ ..] => rest,
            [token, rest @ ..] => {
                left.push(*token);
                rest
            }
            [] => return left,
        };
    }
}

fn joined(tokens: &[&str]) -> String {
    tokens.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clauses(created: &str) -> Vec<String> {
        let mut object = Object::default();
        note_clauses(&mut object, created);
        let properties = object.properties.iter();
        properties
            .map(|(name, property)| format!("{name}: {}", property.plain))
            .collect()
    }

    #[test]
    fn options_of_indexes_are_read() {
        let created = "CREATE TABLE `t` (\n  `a` int COMMENT 'KEY ( x',\n  \
            PRIMARY KEY (`a`,`p` WITHOUT OVERLAPS),\n  \
            KEY `k` (`a`(3),`b` DESC) USING BTREE COMMENT 'x) y' /*!80000 INVISIBLE */,\n  \
            FULLTEXT KEY `f` (`a`) /*!50100 WITH PARSER `ngram` */ ,\n  \
            KEY `s` (`b`) KEY_BLOCK_SIZE=4,\n  \
            PERIOD FOR `p` (`b`, `c`)\n\
            ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";
        assert_eq!(
            clauses(created),
            [
                "index `PRIMARY`: options: without overlaps",
                "index `f`: options: with parser ngram",
                "index `s`: options: key_block_size=4",
                "period `p`: b,c",
            ]
        );
    }

    #[test]
    fn options_of_tables_are_read() {
        let created =
            "CREATE TABLE `t` (\n  `a` int\n) ENGINE=MRG_MyISAM UNION=(`x`,`y`) INSERT_METHOD=LAST";
        assert_eq!(clauses(created), ["insert method: last", "union: x,y"]);
        let created =
            "CREATE TABLE `t` (\n  `a` int\n) ENGINE=FEDERATED CONNECTION='mysql://u:p@h/d/t'";
        let mut object = Object::default();
        note_clauses(&mut object, created);
        let connection = &object.properties["connection"];
        assert_eq!(connection.written, "a connection");
        assert_eq!(connection.plain, "'mysql://u:p@h/d/t'");
    }
}
