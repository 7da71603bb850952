//! Users and roles, with what they may do.
//!
//! Passwords are compared by the hashes that servers keep, and shown nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::{Catalog, quoted_text, texts_of};
use super::object::{Object, ObjectKind, ObjectName, Property};
use super::written::{plain, tokens};
use super::{Content, ContentError, SETTINGS};
use crate::outcome::{Outcome, RowSet, SqlError};
use crate::session::Session;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// Users of the server and of its package.
const OF_THE_SERVER: [&str; 7] = [
    "mysql.sys",
    "mysql.session",
    "mysql.infoschema",
    "mariadb.sys",
    "debian-sys-maint",
    "root",
    "PUBLIC",
];

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

/// Reads all accounts except the server's own and that of the session.
pub(super) async fn read_accounts(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    for Account {
        user,
        host,
        is_role,
        mut object,
    } in all_accounts(catalog).await?
    {
        let of = quoted_account(&user, &host, is_role);
        match read_grants(catalog, &of).await? {
            Ok(grants) => note_grants(&mut object, grants.iter().map(String::as_str)),
            // The row of an account whose host the server cannot look up.
            Err(error) => object.broken = Some(error.to_string()),
        }
        let name = ObjectName::new(ObjectKind::Account, &user, &host);
        content.objects.insert(name, object);
    }
    Ok(())
}

async fn all_accounts(catalog: &mut Catalog<'_>) -> Result<Vec<Account>, ContentError> {
    let what = "its users";
    let own = catalog.texts(what, "SELECT CURRENT_USER()".to_owned());
    let own = own.await?.into_iter().flatten().next().unwrap_or_default();
    let users = catalog.rows(what, "SELECT * FROM mysql.user").await?;
    let mut accounts = accounts(&users);
    accounts.retain(|Account { user, host, .. }| {
        // MariaDB's packages log in as `mysql` over the socket.
        let name = format!("{user}@{host}");
        let is_own = name == own || name == "mysql@localhost";
        !is_own && !OF_THE_SERVER.contains(&user.as_str())
    });
    Ok(accounts)
}

/// The lines of `SHOW GRANTS`.
async fn read_grants(
    catalog: &mut Catalog<'_>,
    of: &str,
) -> Result<Result<Vec<String>, SqlError>, ContentError> {
    Ok(
        match catalog.session.run(format!("SHOW GRANTS FOR {of}")).await? {
            Outcome::Refused(error) => Err(error),
            other => Ok(other.rows().map(first_texts).unwrap_or_default()),
        },
    )
}

fn quoted_account(user: &str, host: &str, is_role: bool) -> String {
    match is_role {
        true => quoted_text(user),
        false => format!("{}@{}", quoted_text(user), quoted_text(host)),
    }
}

/// Statements that make an account again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountScript {
    /// Its name, as of its object.
    pub name: ObjectName,
    /// Statements that create it.
    pub creates: Vec<String>,
    /// Statements that grant.
    pub grants: Vec<String>,
}

/// Reads the statements by which the server itself says how to make its accounts, as
/// `mariadb-dump --system=users` and `mysqlpump --users` write them. A server that does not
/// know `SHOW CREATE USER` (MySQL before 5.7.6, MariaDB before 10.2) creates with the first
/// grant.
///
/// # Errors
/// [`ContentError`].
pub fn read_account_scripts(
    session: &mut Session,
) -> BoxFuture<'_, Result<Vec<AccountScript>, ContentError>> {
    async move {
        for setting in SETTINGS {
            session.run(setting).await?;
        }
        // A hash may hold bytes that are no text (MySQL since 8.0.17).
        session
            .run("SET SESSION print_identified_with_as_hex = ON")
            .await?;
        let mut catalog = Catalog::open(session).await?;
        let mut scripts = Vec::new();
        for account in all_accounts(&mut catalog).await? {
            let Account {
                user,
                host,
                is_role,
                ..
            } = account;
            let of = quoted_account(&user, &host, is_role);
            let creates = match is_role {
                true => vec![format!("CREATE ROLE {of}")],
                false => match catalog
                    .session
                    .run(format!("SHOW CREATE USER {of}"))
                    .await?
                {
                    Outcome::Rows(set) => first_texts(&set),
                    _ => Vec::new(),
                },
            };
            let grants = read_grants(&mut catalog, &of).await?;
            scripts.push(AccountScript {
                name: ObjectName::new(ObjectKind::Account, &user, &host),
                creates,
                grants: grants.unwrap_or_default(),
            });
        }
        Ok(scripts)
    }
    .boxed()
}

fn first_texts(set: &RowSet) -> Vec<String> {
    let rows = texts_of(set).into_iter();
    rows.filter_map(|row| row.into_iter().next()).collect()
}
struct Account {
    user: String,
    host: String,
    is_role: bool,
    object: Object,
}

/// The rows of `mysql.user`, whose columns differ between versions.
fn accounts(users: &RowSet) -> Vec<Account> {
    let names: Vec<String> = users
        .columns
        .iter()
        .map(|column| column.name.to_lowercase())
        .collect();
    let read = |row: Vec<String>| {
        let text = |name: &str| {
            let at = names.iter().position(|found| found == name);
            at.and_then(|at| row.get(at)).map_or("", String::as_str)
        };
        let is = |name: &str| text(name) == "Y";
        let password = match text("authentication_string") {
            "" => text("password"),
            found => found,
        };
        let plugin = match text("plugin") {
            // What an empty one means (MySQL manual, "Native Pluggable Authentication").
            "" if !is("is_role") => "mysql_native_password",
            found => found,
        };
        let mut object = Object::default();
        object.note("plugin", Property::exact(plugin));
        if !password.is_empty() {
            let hidden = Property::with_plain("a hash", password.to_owned());
            object.note("password", hidden);
        }
        object.note("tls", Property::exact(text("ssl_type")));
        for (column, what) in [
            ("is_role", "role"),
            ("account_locked", "locked"),
            ("password_expired", "expired"),
        ] {
            if is(column) {
                object.note(what, Property::exact("yes"));
            }
        }
        for limit in [
            "max_questions",
            "max_updates",
            "max_connections",
            "max_user_connections",
        ] {
            if text(limit) != "0" {
                object.note(limit, Property::exact(text(limit)));
            }
        }
        Account {
            user: text("user").to_owned(),
            host: text("host").to_owned(),
            is_role: is("is_role"),
            object,
        }
    };
    texts_of(users).into_iter().map(read).collect()
}

/// Notes what the lines of `SHOW GRANTS` say, a property for each object.
fn note_grants<'a>(account: &mut Object, lines: impl Iterator<Item = &'a str>) {
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
        _ => return Some(("default role".to_owned(), vec![plain(line)])),
    };
    let on = find("ON", end);
    let mut words = comma_separated(&tokens[1..on.unwrap_or(end)]);
    words.retain(|word| word != "USAGE");
    let Some(on) = on else {
        return (verb == "GRANT").then(|| ("roles".to_owned(), words));
    };
    if (end..tokens.len() - 1).any(|at| is(at, "GRANT") && is(at + 1, "OPTION")) {
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

/// Lists such as `SELECT, INSERT (a, b)`, without the commas in brackets.
fn comma_separated(tokens: &[&str]) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut open = 0_usize;
    for token in tokens {
        match *token {
            "(" => open += 1,
            ")" => open = open.saturating_sub(1),
            "," if open == 0 => {
                words.push(String::new());
                continue;
            }
            _ => {}
        }
        let word = words.last_mut().expect("one at least");
        if !word.is_empty() && !matches!(*token, "," | ")" | "@") && !word.ends_with(['(', '@']) {
            word.push(' ');
        }
        word.push_str(unquoted(token));
    }
    // MariaDB renamed it in 10.5.2.
    let renamed = |word: String| match word.as_str() {
        "BINLOG MONITOR" => "REPLICATION CLIENT".to_owned(),
        _ => word,
    };
    words.into_iter().map(renamed).collect()
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
    fn words_in_names_end_no_list() {
        let found = grants(&["GRANT SELECT ON `a TO b`.* TO `x ON y`@`%`"]);
        assert_eq!(
            found,
            [("grants on a TO b.*".to_owned(), "SELECT".to_owned())]
        );
        assert!(grants(&["GRANT"]).is_empty());
    }
}
