//! What the lines of `SHOW GRANTS` say, without their notation.

use std::collections::{BTreeMap, BTreeSet};

use super::object::{Object, Property};
use super::written::tokens;

/// What MySQL 5.6 means by `ALL PRIVILEGES ON *.*`. MySQL lists all since 8.0.
const ALL: [&str; 28] = [
    "ALTER",
    "ALTER ROUTINE",
    "CREATE",
    "CREATE ROUTINE",
    "CREATE TABLESPACE",
    "CREATE TEMPORARY TABLES",
    "CREATE USER",
    "CREATE VIEW",
    "DELETE",
    "DROP",
    "EVENT",
    "EXECUTE",
    "FILE",
    "INDEX",
    "INSERT",
    "LOCK TABLES",
    "PROCESS",
    "REFERENCES",
    "RELOAD",
    "REPLICATION CLIENT",
    "REPLICATION SLAVE",
    "SELECT",
    "SHOW DATABASES",
    "SHOW VIEW",
    "SHUTDOWN",
    "SUPER",
    "TRIGGER",
    "UPDATE",
];

/// Words that stand for privileges.
const ALL_PRIVILEGES: &str = "ALL PRIVILEGES";
const GRANT_OPTION: &str = "GRANT OPTION";
/// What stands behind a role that its owner may grant to others.
const ADMIN: &str = " with admin option";
/// Names of properties.
const ROLES: &str = "roles";
pub(super) const DEFAULT_ROLE: &str = "default role";

/// Whether a property of an account is about what it may do.
pub(super) fn is_about_rights(property: &str) -> bool {
    let begins = ["grants on ", "revoked on ", ROLES, DEFAULT_ROLE];
    begins.iter().any(|begin| property.starts_with(begin))
}

/// Notes what the lines of `SHOW GRANTS` say, a property for each object.
pub(super) fn note_grants<'a>(account: &mut Object, lines: impl Iterator<Item = &'a str>) {
    let mut grants: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines {
        if let Some((of, words)) = read_grant(line) {
            grants.entry(of).or_default().extend(words);
        }
    }
    for (of, words) in grants {
        let written: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut plain = written.clone();
        if ALL.iter().all(|word| words.contains(*word)) {
            plain.retain(|word| *word == GRANT_OPTION);
            plain.insert(0, ALL_PRIVILEGES);
        }
        let property = Property::with_plain(&written.join(", "), plain.join(", "));
        account.note(of, property);
    }
}

/// Reads one line: which object it is about, and the privileges or roles.
fn read_grant(line: &str) -> Option<(String, Vec<String>)> {
    let tokens = tokens(line);
    let is = |at: usize, word: &str| tokens[at].eq_ignore_ascii_case(word);
    let find = |word: &str, until: usize| (0..until).find(|at| is(*at, word));
    let verb = tokens.first()?.to_uppercase();
    let end = match verb.as_str() {
        "GRANT" => find("TO", tokens.len())?,
        "REVOKE" => find("FROM", tokens.len())?,
        // `SET DEFAULT ROLE r FOR u`
        _ => {
            let roles = tokens.get(3..find("FOR", tokens.len())?)?;
            return Some((DEFAULT_ROLE.to_owned(), comma_separated(roles)));
        }
    };
    let on = find("ON", end);
    let mut words = comma_separated(&tokens[1..on.unwrap_or(end)]);
    words.retain(|word| word != "USAGE");
    let has_option = |word: &str| {
        let places = end..tokens.len() - 1;
        places
            .into_iter()
            .any(|at| is(at, word) && is(at + 1, "OPTION"))
    };
    let Some(on) = on else {
        if has_option("ADMIN") {
            words.iter_mut().for_each(|role| role.push_str(ADMIN));
        }
        return (verb == "GRANT").then(|| (ROLES.to_owned(), words));
    };
    if has_option("GRANT") {
        words.push(GRANT_OPTION.to_owned());
    }
    let of: Vec<&str> = tokens[on + 1..end]
        .iter()
        .map(|token| unquoted(token))
        .collect();
    let of = match of.split_first() {
        // `PROCEDURE`, `FUNCTION`, `PACKAGE BODY`
        Some((kind, name))
            if !name.is_empty()
                && kind.chars().all(char::is_alphabetic)
                && name[0] != "."
                && name[0] != "@" =>
        {
            format!("{} {}", kind.to_lowercase(), name.concat())
        }
        _ => of.concat(),
    };
    let of = match verb.as_str() {
        "GRANT" => format!("grants on {of}"),
        _ => format!("revoked on {of}"),
    };
    (!words.is_empty()).then_some((of, words))
}

/// A name without its quotes.
fn unquoted(token: &str) -> &str {
    let quote = |c| c == '`' || c == '\'';
    token
        .strip_prefix(quote)
        .and_then(|token| token.strip_suffix(quote))
        .unwrap_or(token)
}

/// Lists such as `SELECT, INSERT (a, b)`, split at the commas that stand in no brackets.
fn comma_separated(tokens: &[&str]) -> Vec<String> {
    let mut open = 0_usize;
    let words = tokens.split(|token| {
        match *token {
            "(" => open += 1,
            ")" => open = open.saturating_sub(1),
            _ => {}
        }
        *token == "," && open == 0
    });
    words.map(privilege).collect()
}

/// A privilege or a role. The order of a privilege's columns does not matter.
fn privilege(tokens: &[&str]) -> String {
    let bracket = tokens.iter().position(|token| *token == "(");
    let (name, columns) = tokens.split_at(bracket.unwrap_or(tokens.len()));
    let mut word = String::new();
    for token in name {
        if !word.is_empty() && *token != "@" && !word.ends_with('@') {
            word.push(' ');
        }
        word.push_str(unquoted(token));
    }
    // MariaDB renamed them in 10.5.2.
    let renamed = [
        ("BINLOG MONITOR", "REPLICATION CLIENT"),
        ("DELETE VERSIONING ROWS", "DELETE HISTORY"),
    ];
    if let Some((_, name)) = renamed.iter().find(|(name, _)| *name == word) {
        word = (*name).to_owned();
    }
    let columns = columns.iter().map(|token| unquoted(token));
    let columns: BTreeSet<&str> = columns
        .filter(|token| !matches!(*token, "(" | ")" | ","))
        .collect();
    if !columns.is_empty() {
        let columns: Vec<&str> = columns.into_iter().collect();
        word = format!("{word} ({})", columns.join(", "));
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(lines: &[&str]) -> Vec<(String, String)> {
        let mut object = Object::default();
        note_grants(&mut object, lines.iter().copied());
        let properties = object.properties.into_iter();
        properties
            .map(|(name, property)| (name, property.plain))
            .collect()
    }

    #[test]
    fn grants_are_told_by_object_and_privilege() {
        let found = grants(&[
            "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*0123'",
            "GRANT UPDATE, SELECT (`a`, `b`) ON `shop`.`orders` TO `app`@`%` WITH GRANT OPTION",
            "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO 'app'@'%'",
            "GRANT `reader`@`%` TO `app`@`%`",
            "GRANT PROXY ON ''@'%' TO 'app'@'%'",
            "GRANT PROXY ON ``@`%` TO `app`@`%`",
        ]);
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(of, all)| (of.as_str(), all.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("grants on @%", "PROXY"),
                ("grants on procedure shop.p", "EXECUTE"),
                (
                    "grants on shop.orders",
                    "GRANT OPTION, SELECT (a, b), UPDATE"
                ),
                ("roles", "reader@%"),
            ]
        );
    }

    #[test]
    fn a_list_of_all_privileges_is_all_privileges() {
        let listed = format!(
            "GRANT {} ON *.* TO `a`@`%` WITH GRANT OPTION",
            ALL.join(", ")
        );
        let all = "GRANT ALL PRIVILEGES ON *.* TO 'a'@'%' WITH GRANT OPTION";
        assert_eq!(
            grants(&[&listed, "GRANT CLONE_ADMIN ON *.* TO `a`@`%`"]),
            grants(&[all])
        );
        let fewer = listed.replace("SUPER, ", "");
        assert_ne!(grants(&[&fewer]), grants(&[all]));
    }

    #[test]
    fn the_order_of_columns_does_not_matter() {
        assert_eq!(
            grants(&["GRANT UPDATE (b, a), SELECT ON `d`.`t` TO `u`@`%`"]),
            grants(&["GRANT SELECT, UPDATE (`a`, `b`) ON `d`.`t` TO `u`@`%`"])
        );
        assert_ne!(
            grants(&["GRANT UPDATE (a) ON `d`.`t` TO `u`@`%`"]),
            grants(&["GRANT UPDATE (a, b) ON `d`.`t` TO `u`@`%`"])
        );
    }

    #[test]
    fn who_may_grant_a_role_matters() {
        let role = "GRANT `r` TO `u`@`%`";
        assert_ne!(
            grants(&[role]),
            grants(&["GRANT `r` TO `u`@`%` WITH ADMIN OPTION"])
        );
        assert_eq!(
            grants(&["SET DEFAULT ROLE `r` FOR `u`@`%`"]),
            [("default role".to_owned(), "r".to_owned())]
        );
    }

    #[test]
    fn words_in_names_end_no_list() {
        let found = grants(&["GRANT SELECT ON `a TO b`.* TO `x ON y`@`%`"]);
        assert_eq!(
            found,
            [("grants on a TO b.*".to_owned(), "SELECT".to_owned())]
        );
        assert!(grants(&["GRANT"]).is_empty());
    }
}
