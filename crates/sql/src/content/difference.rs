//! How the content of one server differs from that of another.

use std::collections::BTreeSet;
use std::fmt;

use super::grant::is_about_rights;
use super::kind::ContentKind;
use super::object::{Object, ObjectKind, ObjectName};
use super::rows::TableRows;
use super::setting::is_of_statements;
use super::{Content, ContentScope};
use crate::outcome::SqlError;

/// One difference between the content of a server before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentDifference {
    /// Its kind.
    pub kind: ContentKind,
    /// What differs, such as `table shop.orders` or `setting sql_mode`.
    pub subject: String,
    /// The property, such as ``column `id`: type``; empty for the whole.
    pub property: String,
    /// As it was before; empty if it was not there.
    pub before: String,
    /// As it is after; empty if it is not there.
    pub after: String,
}

impl fmt::Display for ContentDifference {
    /// On one line, except for texts that have several.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ContentDifference {
            kind: _,
            subject,
            property,
            before,
            after,
        } = self;
        write!(f, "{subject}")?;
        if !property.is_empty() {
            write!(f, ", {property}")?;
        }
        match (before.as_str(), after.as_str()) {
            ("", "") => Ok(()),
            ("", after) => write!(f, ": none before, `{after}` after"),
            (before, "") => write!(f, ": `{before}` before, none after"),
            (before, after) if before == after => write!(f, ": another one"),
            (before, after) => write!(f, ": `{before}` before, `{after}` after"),
        }
    }
}

/// What changed from one content to the other; the graver differences first.
pub fn compare_contents(
    before: &Content,
    after: &Content,
    scope: ContentScope,
) -> Vec<ContentDifference> {
    let mut found = Found::default();
    let names: BTreeSet<&ObjectName> = (before.objects.keys())
        .chain(after.objects.keys())
        .collect();
    for name in names {
        // What a missing database held is missing with it.
        let database = ObjectName::new(ObjectKind::Database, &name.database, "");
        let is_within = name.is_in_database();
        match (before.objects.get(name), after.objects.get(name)) {
            // A database of the user has the name of one that the newer server has for itself.
            (Some(_), None) if is_database_of(name, after) => {
                let (here, there) = ("the user's", "the server's own");
                found.note(ContentKind::Broken, name, "", here, there);
            }
            (Some(_), None) if is_within && !after.objects.contains_key(&database) => {}
            (None, Some(_)) if is_within && !before.objects.contains_key(&database) => {}
            (Some(_), None) => found.note(ContentKind::Missing, name, "", "", ""),
            (None, Some(_)) => found.note(ContentKind::Extra, name, "", "", ""),
            (Some(before), Some(after)) => found.compare_objects(name, before, after),
            (None, None) => {}
        }
    }
    for (name, before) in &before.rows {
        if let Some(after) = after.rows.get(name) {
            found.compare_rows(name, "", before, after);
        }
    }
    for (name, before) in &before.history {
        if let Some(after) = after.history.get(name) {
            found.compare_rows(name, " with those of the past", before, after);
        }
    }
    if scope == ContentScope::Server {
        found.compare_settings(before, after);
    }
    let mut found = found.0;
    found.sort_by_key(|difference| difference.kind);
    found
}

/// The value of a setting, where servers write a switch as a word or as a number.
fn switch(value: &str) -> &str {
    match value {
        "ON" => "1",
        "OFF" => "0",
        other => other,
    }
}

fn is_database_of(name: &ObjectName, content: &Content) -> bool {
    name.kind == ObjectKind::Database && content.own_databases.contains(&name.database)
}

#[derive(Default)]
struct Found(Vec<ContentDifference>);

impl Found {
    fn note(
        &mut self,
        kind: ContentKind,
        subject: &impl ToString,
        property: &str,
        before: &str,
        after: &str,
    ) {
        self.0.push(ContentDifference {
            kind,
            subject: subject.to_string(),
            property: property.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        });
    }

    fn compare_objects(&mut self, name: &ObjectName, before: &Object, after: &Object) {
        let properties: BTreeSet<&String> = (before.properties.keys())
            .chain(after.properties.keys())
            .collect();
        for property in properties {
            let (here, there) = (
                before.properties.get(property),
                after.properties.get(property),
            );
            let kind = match (here, there) {
                (Some(here), Some(there)) if here == there => continue,
                (Some(here), Some(there)) if here.plain == there.plain => ContentKind::Notation,
                (Some(only), None) | (None, Some(only)) if only.plain.is_empty() => {
                    ContentKind::Notation
                }
                _ if name.kind != ObjectKind::Account => ContentKind::Definition,
                _ if is_about_rights(property) => ContentKind::Grant,
                _ => ContentKind::Login,
            };
            let written = |found: Option<&super::Property>| {
                found.map_or(String::new(), |found| found.written.clone())
            };
            self.note(kind, name, property, &written(here), &written(there));
        }
        if before.broken.is_none()
            && let Some(reason) = &after.broken
        {
            self.note(ContentKind::Broken, name, "", "usable", reason);
        }
    }

    /// Compares rows; `which` tells them from others of the same table.
    fn compare_rows(
        &mut self,
        name: &ObjectName,
        which: &str,
        before: &Result<TableRows, SqlError>,
        after: &Result<TableRows, SqlError>,
    ) {
        let (before, after) = match (before, after) {
            (Ok(before), Ok(after)) => (before, after),
            (Ok(_), Err(error)) => {
                let text = error.to_string();
                let property = match which.is_empty() {
                    true => String::new(),
                    false => format!("rows{which}"),
                };
                return self.note(ContentKind::Broken, name, &property, "readable", &text);
            }
            // What could not be read before is not compared.
            (Err(_), _) => return,
        };
        if before.count != after.count {
            let (here, there) = (before.count.to_string(), after.count.to_string());
            let property = format!("rows{which}");
            return self.note(ContentKind::RowCount, name, &property, &here, &there);
        }
        let here: Vec<&String> = before.columns.iter().map(|(column, _)| column).collect();
        let there: Vec<&String> = after.columns.iter().map(|(column, _)| column).collect();
        let other = before.columns.iter().filter(|(column, sum)| {
            let mut found = after.columns.iter().filter(|(name, _)| name == column);
            found.any(|(_, found)| found != sum)
        });
        let other: Vec<String> = other.map(|(column, _)| format!("`{column}`")).collect();
        if !other.is_empty() {
            let rows = match which.is_empty() {
                true => String::new(),
                false => format!(" in rows{which}"),
            };
            let property = format!("values of {}{rows}", other.join(", "));
            self.note(ContentKind::Rows, name, &property, "", "");
        } else if here == there && before.sum != after.sum {
            let property = match here.is_empty() {
                true => "values",
                false => "values of one row in another",
            };
            self.note(ContentKind::Rows, name, property, "", "");
        }
    }

    fn compare_settings(&mut self, before: &Content, after: &Content) {
        let names: BTreeSet<&String> = (before.settings.keys())
            .chain(after.settings.keys())
            .collect();
        for name in names {
            let subject = format!("setting {name}");
            let counts = is_of_statements(name);
            let (kind, here, there) = match (before.settings.get(name), after.settings.get(name)) {
                (Some(here), Some(there)) if switch(here) == switch(there) => continue,
                (Some(here), Some(there)) if counts => {
                    (ContentKind::Setting, here.as_str(), there.as_str())
                }
                (Some(here), Some(there)) => {
                    (ContentKind::OtherSetting, here.as_str(), there.as_str())
                }
                (Some(here), None) => (ContentKind::SettingGone, here.as_str(), ""),
                (None, Some(there)) => (ContentKind::SettingNew, "", there.as_str()),
                (None, None) => continue,
            };
            self.note(kind, &subject, "", here, there);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::object::Property;
    use super::*;

    const SCOPE: ContentScope = ContentScope::Server;

    fn table(form: &str, plain: &str) -> Content {
        let mut object = Object::default();
        let property = Property::with_plain(form, plain.to_owned());
        object.note("column `a`: type", property);
        let database = ObjectName::new(ObjectKind::Database, "d", "");
        let name = ObjectName::new(ObjectKind::Table, "d", "t");
        Content {
            objects: BTreeMap::from([(database, Object::default()), (name, object)]),
            ..Content::default()
        }
    }

    fn with_rows(count: u64, sums: [u64; 2]) -> Content {
        let name = ObjectName::new(ObjectKind::Table, "d", "t");
        let rows = TableRows {
            count,
            sum: sums[0],
            columns: vec![("a".to_owned(), sums[1])],
        };
        Content {
            rows: BTreeMap::from([(name, Ok(rows))]),
            ..Content::default()
        }
    }

    fn told(before: &Content, after: &Content) -> Vec<String> {
        let found = compare_contents(before, after, SCOPE);
        let told = |found: &ContentDifference| format!("{}: {found}", found.kind);
        found.iter().map(told).collect()
    }

    #[test]
    fn notation_is_told_from_a_change() {
        let before = table("int(11)", "int");
        assert!(told(&before, &before).is_empty());
        assert_eq!(
            told(&before, &table("int", "int")),
            ["notation: table d.t, column `a`: type: `int(11)` before, `int` after"]
        );
        assert_eq!(
            told(&before, &table("bigint", "bigint")),
            ["definition: table d.t, column `a`: type: `int(11)` before, `bigint` after"]
        );
    }

    #[test]
    fn a_missing_database_is_told_without_its_tables() {
        assert_eq!(
            told(&table("int", "int"), &Content::default()),
            ["missing: database d"]
        );
        let mut without = table("int", "int");
        without
            .objects
            .retain(|name, _| name.kind == ObjectKind::Database);
        assert_eq!(told(&table("int", "int"), &without), ["missing: table d.t"]);
        assert_eq!(told(&without, &table("int", "int")), ["extra: table d.t"]);
    }

    #[test]
    fn rows_differ_by_number_column_or_combination() {
        let before = with_rows(2, [1, 1]);
        assert!(told(&before, &before).is_empty());
        assert_eq!(
            told(&before, &with_rows(1, [5, 5])),
            ["row-count: table d.t, rows: `2` before, `1` after"]
        );
        assert_eq!(
            told(&before, &with_rows(2, [5, 5])),
            ["rows: table d.t, values of `a`"]
        );
        assert_eq!(
            told(&before, &with_rows(2, [5, 1])),
            ["rows: table d.t, values of one row in another"]
        );
    }

    #[test]
    fn rows_of_the_past_are_told_from_others() {
        let history = |count| Content {
            history: with_rows(count, [1, 1]).rows,
            ..Content::default()
        };
        assert_eq!(
            told(&history(3), &history(1)),
            ["row-count: table d.t, rows with those of the past: `3` before, `1` after"]
        );
    }

    #[test]
    fn a_database_of_the_server_is_none_of_the_user() {
        let after = Content {
            own_databases: BTreeSet::from(["d".to_owned()]),
            ..Content::default()
        };
        assert_eq!(
            told(&table("int", "int"), &after),
            ["broken: database d: `the user's` before, `the server's own` after"]
        );
    }

    #[test]
    fn a_table_that_cannot_be_read_is_broken() {
        let mut after = with_rows(2, [1, 1]);
        for rows in after.rows.values_mut() {
            *rows = Err(SqlError {
                code: 1146,
                state: "42S02".to_owned(),
                message: "Table 'd.t' doesn't exist".to_owned(),
            });
        }
        let told = told(&with_rows(2, [1, 1]), &after);
        assert!(told[0].starts_with("broken: table d.t"), "{told:?}");
        assert!(told[0].contains("ERROR 1146 (42S02)"), "{told:?}");
    }

    #[test]
    fn settings_of_statements_are_significant() {
        let settings = |mode: &str, size: &str| Content {
            settings: BTreeMap::from([
                ("sql_mode".to_owned(), mode.to_owned()),
                ("table_open_cache".to_owned(), size.to_owned()),
            ]),
            ..Content::default()
        };
        let found = compare_contents(&settings("", "1"), &settings("ANSI", "2"), SCOPE);
        let kinds: Vec<(ContentKind, bool)> = found
            .iter()
            .map(|found| (found.kind, found.kind.is_significant()))
            .collect();
        assert_eq!(
            kinds,
            [
                (ContentKind::Setting, true),
                (ContentKind::OtherSetting, false)
            ]
        );
    }

    #[test]
    fn a_hidden_value_is_not_shown() {
        let account = |hash: &str| {
            let mut object = Object::default();
            object.note("password", Property::with_plain("a hash", hash.to_owned()));
            let name = ObjectName::new(ObjectKind::Account, "app", "%");
            Content {
                objects: BTreeMap::from([(name, object)]),
                ..Content::default()
            }
        };
        assert_eq!(
            told(&account("*AA"), &account("*BB")),
            ["login: account app@%, password: another one"]
        );
    }
}
