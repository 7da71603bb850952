//! How accounts log in: the rows of `mysql.user`, whose columns differ between versions,
//! and what MariaDB and MySQL keep as JSON beside them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::catalog::texts_of;
use super::object::{Object, Property};
use crate::outcome::RowSet;

/// An account with what its login consists of.
pub(super) struct Account {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) is_role: bool,
    pub(super) object: Object,
}

/// Columns that say yes or no.
const FLAGS: [(&str, &str); 3] = [
    ("is_role", "role"),
    ("account_locked", "locked"),
    ("password_expired", "expired"),
];

/// Limits, of which 0 is none.
const LIMITS: [&str; 5] = [
    "max_questions",
    "max_updates",
    "max_connections",
    "max_user_connections",
    "max_statement_time",
];

/// Other columns, of which an empty one is nothing.
const OTHERS: [(&str, &str); 8] = [
    ("ssl_type", "tls"),
    ("ssl_cipher", "tls cipher"),
    ("x509_issuer", "certificate issuer"),
    ("x509_subject", "certificate subject"),
    ("password_lifetime", "password lifetime"),
    ("password_reuse_history", "password history"),
    ("password_reuse_time", "password reuse interval"),
    ("password_require_current", "current password required"),
];

/// Reads the rows of `mysql.user`.
pub(super) fn accounts(users: &RowSet) -> Vec<Account> {
    let columns = users.columns.iter();
    let names: Vec<String> = columns.map(|column| column.name.to_lowercase()).collect();
    let rows = texts_of(users).into_iter();
    rows.map(|row| {
        let row = names.iter().map(String::as_str).zip(row).collect();
        account(&row)
    })
    .collect()
}

fn account(row: &BTreeMap<&str, String>) -> Account {
    let text = |name: &str| row.get(name).map_or("", String::as_str);
    let is_role = text("is_role") == "Y";
    let password = match text("authentication_string") {
        "" => text("password"),
        found => found,
    };
    let plugin = match text("plugin") {
        // What an empty one means (MySQL manual, "Native Pluggable Authentication").
        "" if !is_role => "mysql_native_password",
        found => found,
    };
    let mut object = Object::default();
    object.note("plugin", Property::exact(plugin));
    note_hidden(&mut object, "password", password);
    for (column, what) in FLAGS {
        if text(column) == "Y" {
            object.note(what, Property::exact("yes"));
        }
    }
    for limit in LIMITS {
        // A time has decimals.
        if text(limit).parse() != Ok(0.0_f64) {
            object.note(limit, Property::exact(text(limit)));
        }
    }
    for (column, what) in OTHERS {
        object.note(what, Property::exact(text(column)));
    }
    note_attributes(&mut object, text("user_attributes"));
    Account {
        user: text("user").to_owned(),
        host: text("host").to_owned(),
        is_role,
        object,
    }
}

fn note_hidden(object: &mut Object, name: &str, value: &str) {
    if !value.is_empty() {
        let hidden = Property::with_plain("a hash", value.to_owned());
        object.note(name, hidden);
    }
}

/// Notes the attributes of a user of MySQL: a second password, limits of failed logins,
/// further factors, comments. Restrictions are revoked privileges, which its grants show.
fn note_attributes(object: &mut Object, attributes: &str) {
    let Ok(Value::Object(attributes)) = serde_json::from_str(attributes) else {
        return;
    };
    for (name, value) in attributes {
        match name.as_str() {
            "Restrictions" => {}
            "additional_password" | "multi_factor_authentication" => {
                note_hidden(object, &spoken(&name), &value.to_string());
            }
            _ => object.note(spoken(&name), Property::exact(&value.to_string())),
        }
    }
}

fn spoken(name: &str) -> String {
    name.to_lowercase().replace('_', " ")
}

/// Notes what only `mysql.global_priv` of MariaDB has (since 10.4): further ways to log in,
/// whether the account is locked, and the lifetime of its password.
pub(super) fn note_privileges(object: &mut Object, json: &str) {
    let Ok(Value::Object(found)) = serde_json::from_str(json) else {
        return;
    };
    if found.get("account_locked") == Some(&Value::Bool(true)) {
        object.note("locked", Property::exact("yes"));
    }
    if let Some(days) = found.get("password_lifetime").and_then(Value::as_i64) {
        // -1 is the server's default.
        if days >= 0 {
            object.note("password lifetime", Property::exact(&days.to_string()));
        }
    }
    let Some(Value::Array(ways)) = found.get("auth_or") else {
        return;
    };
    let text = |way: &Value, key: &str| {
        // `{}` is the place of the way that stands outside of the list.
        let found = way.get(key).or_else(|| match way {
            Value::Object(none) if none.is_empty() => found.get(key),
            _ => None,
        });
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let plugins: Vec<String> = ways.iter().map(|way| text(way, "plugin")).collect();
    let hashes = ways.iter().map(|way| text(way, "authentication_string"));
    let hashes: Vec<String> = hashes.collect();
    object.note("plugin", Property::exact(&plugins.join(" or ")));
    note_hidden(object, "password", hashes.join("\n").trim());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(object: &Object) -> Vec<String> {
        let properties = object.properties.iter();
        properties
            .map(|(name, property)| format!("{name}: {}", property.plain))
            .collect()
    }

    fn of_row(row: &[(&'static str, &str)]) -> Vec<String> {
        let row = row.iter().map(|(name, value)| (*name, (*value).to_owned()));
        properties(&account(&row.collect()).object)
    }

    fn of_json(json: &str) -> Vec<String> {
        let mut object = Object::default();
        object.note("plugin", Property::exact("unix_socket"));
        note_privileges(&mut object, json);
        properties(&object)
    }

    #[test]
    fn each_column_of_a_login_counts() {
        let mut row = vec![
            ("user", "u"),
            ("plugin", "p"),
            ("max_statement_time", "0.000000"),
        ];
        let bare = of_row(&row);
        assert_eq!(bare, ["plugin: p"]);
        for (column, value) in [
            ("authentication_string", "*01"),
            ("account_locked", "Y"),
            ("password_expired", "Y"),
            ("password_lifetime", "90"),
            ("ssl_cipher", "AES"),
            ("x509_issuer", "/CN=a"),
            ("max_updates", "5"),
            ("max_statement_time", "1.5"),
        ] {
            row.push((column, value));
            assert_ne!(of_row(&row), bare, "{column}");
            row.pop();
        }
    }

    #[test]
    fn attributes_of_mysql_count() {
        let of = |json: &str| of_row(&[("plugin", "p"), ("user_attributes", json)]);
        let found = of(
            r#"{"Password_locking": {"failed_login_attempts": 3}, "additional_password": "*2", "Restrictions": []}"#,
        );
        assert_eq!(
            found,
            [
                "additional password: \"*2\"",
                "password locking: {\"failed_login_attempts\":3}",
                "plugin: p",
            ]
        );
        assert_eq!(of("no JSON"), ["plugin: p"]);
    }

    #[test]
    fn a_second_way_to_log_in_counts() {
        let found = of_json(
            r#"{"plugin": "unix_socket", "auth_or": [{"plugin": "mysql_native_password", "authentication_string": "*1"}, {}]}"#,
        );
        assert_eq!(
            found,
            [
                "password: *1",
                "plugin: mysql_native_password or unix_socket"
            ]
        );
    }

    #[test]
    fn locks_and_lifetimes_of_mariadb_count() {
        let found = of_json(r#"{"account_locked": true, "password_lifetime": 30}"#);
        assert_eq!(
            found,
            [
                "locked: yes",
                "password lifetime: 30",
                "plugin: unix_socket"
            ]
        );
        let found = of_json(r#"{"account_locked": false, "password_lifetime": -1}"#);
        assert_eq!(found, ["plugin: unix_socket"]);
    }
}
