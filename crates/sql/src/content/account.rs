//! Users and roles, with what they may do.
//!
//! Passwords are compared by the hashes that servers keep, and shown nowhere.

use std::collections::BTreeMap;

use super::catalog::{Catalog, quoted_text, texts_of};
use super::grant::{DEFAULT_ROLE, note_grants};
use super::login::{Account, accounts, note_privileges};
use super::object::{ObjectKind, ObjectName, Property};
use super::written::tokens;
use super::{Content, ContentError, SETTINGS};
use crate::outcome::{Outcome, RowSet, SqlError};
use crate::session::Session;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// Users of the server and of its package.
const OF_THE_SERVER: [&str; 5] = [
    "mysql.sys",
    "mysql.session",
    "mysql.infoschema",
    "mariadb.sys",
    "debian-sys-maint",
];

/// A role that each account of MariaDB has since 10.11.
const PUBLIC: &str = "PUBLIC";

/// Reads all accounts except the server's own and that of the session.
pub(super) async fn read_accounts(
    catalog: &mut Catalog<'_>,
    content: &mut Content,
) -> Result<(), ContentError> {
    let defaults = read_default_roles(catalog).await?;
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
        if let Some(roles) = defaults.get(&(user.clone(), host.clone())) {
            object.note(DEFAULT_ROLE, Property::exact(&roles.join(", ")));
        }
        // It is there as soon as somebody grants something to it, and means nothing before.
        let is_bare = object.properties.keys().all(|name| name == "role");
        if user == PUBLIC && is_bare {
            continue;
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
        format!("{user}@{host}") != own && !is_of_the_server(user, host)
    });
    let privileges = catalog
        .system_rows("SELECT User, Host, Priv FROM mysql.global_priv")
        .await?;
    for row in privileges {
        let [user, host, json] = row.as_slice() else {
            continue;
        };
        let found = accounts
            .iter_mut()
            .find(|account| account.user == *user && account.host == *host);
        if let Some(account) = found {
            note_privileges(&mut account.object, json);
        }
    }
    Ok(accounts)
}

/// Packages and dbmatrix log in as root from one host; at a pattern of hosts it is the
/// user's. MariaDB's packages log in as `mysql` over the socket, and old installations make
/// anonymous users for the machine itself.
fn is_of_the_server(user: &str, host: &str) -> bool {
    let is_one_host = !host.contains(['%', '_', '/']);
    let is_installed = matches!(user, "root" | "") && is_one_host;
    let is_package = user == "mysql" && host == "localhost";
    is_installed || is_package || OF_THE_SERVER.contains(&user)
}

/// The default roles of MySQL's accounts. MariaDB shows them with the grants.
async fn read_default_roles(
    catalog: &mut Catalog<'_>,
) -> Result<BTreeMap<(String, String), Vec<String>>, ContentError> {
    let sql = "SELECT USER, HOST, DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST \
               FROM mysql.default_roles ORDER BY 3, 4";
    let mut roles: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in catalog.system_rows(sql).await? {
        if let Ok([user, host, role, of_host]) = <[String; 4]>::try_from(row) {
            let of = roles.entry((user, host)).or_default();
            of.push(format!("{role}@{of_host}"));
        }
    }
    Ok(roles)
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
        // It is a keyword.
        true if user == PUBLIC => user.to_owned(),
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
                true if user == PUBLIC => Vec::new(),
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
            let grants = read_grants(&mut catalog, &of).await?.unwrap_or_default();
            let grants = match creates.is_empty() {
                true => grants,
                false => grants.iter().map(|grant| without_login(grant)).collect(),
            };
            scripts.push(AccountScript {
                name: ObjectName::new(ObjectKind::Account, &user, &host),
                creates,
                grants,
            });
        }
        Ok(scripts)
    }
    .boxed()
}

/// A grant of MariaDB without the password in it. The account has it already, and would
/// count its password as new: one that has expired would be valid again.
fn without_login(grant: &str) -> String {
    let words = tokens(grant);
    let place = |of: &str| words.iter().position(|word| *word == of);
    let Some(begin) = place("IDENTIFIED") else {
        return grant.to_owned();
    };
    let rest = words[begin..].iter();
    let next = rest
        .skip(1)
        .find(|word| matches!(**word, "REQUIRE" | "WITH"));
    // Words are parts of the text.
    let offset = |word: &str| word.as_ptr() as usize - grant.as_ptr() as usize;
    let end = next.map_or(grant.len(), |word| offset(word));
    let head = &grant[..offset(words[begin])];
    format!("{head}{}", &grant[end..]).trim_end().to_owned()
}

fn first_texts(set: &RowSet) -> Vec<String> {
    let rows = texts_of(set).into_iter();
    rows.filter_map(|row| row.into_iter().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_at_a_pattern_is_the_users() {
        assert!(is_of_the_server("root", "localhost"));
        assert!(is_of_the_server("root", "10.1.2.3"));
        assert!(!is_of_the_server("root", "%"));
        assert!(!is_of_the_server("root", "10.%"));
        assert!(is_of_the_server("", "machine"));
        assert!(!is_of_the_server("", "%"));
        assert!(is_of_the_server("mysql", "localhost"));
        assert!(!is_of_the_server("mysql", "%"));
    }

    #[test]
    fn a_grant_needs_no_password() {
        let grant =
            "GRANT USAGE ON *.* TO `IDENTIFIED`@`%` IDENTIFIED BY PASSWORD '*A' REQUIRE SSL";
        assert_eq!(
            without_login(grant),
            "GRANT USAGE ON *.* TO `IDENTIFIED`@`%` REQUIRE SSL"
        );
        let grant = "GRANT SELECT ON `d`.* TO `u`@`%` IDENTIFIED VIA unix_socket";
        assert_eq!(without_login(grant), "GRANT SELECT ON `d`.* TO `u`@`%`");
        let grant = "GRANT `r` TO `u`@`%` WITH ADMIN OPTION";
        assert_eq!(without_login(grant), grant);
    }

    #[test]
    fn a_keyword_is_not_quoted() {
        assert_eq!(quoted_account("PUBLIC", "", true), "PUBLIC");
        assert_eq!(quoted_account("r", "", true), "'r'");
        assert_eq!(quoted_account("PUBLIC", "%", false), "'PUBLIC'@'%'");
    }
}
