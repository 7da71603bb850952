//! By dump: the older server's client writes statements, the newer server's client runs
//! them. Accounts follow statement by statement, since a refused one must not end the
//! others.

use dbmatrix_sql::content::{AccountScript, Content, ObjectKind, read_account_scripts};
use dbmatrix_sql::outcome::{Outcome, SqlError};
use dbmatrix_sql::session::{Session, SessionError};
use dbmatrix_sql::version::Family;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::client::client_script;
use super::error::{InStep, WalkError};
use super::stop::Running;
use super::transfer::{Program, transfer};

/// Without the databases of the server itself, whose tables belong to its version. The
/// largest rows pass; values of binary columns are no text.
const DUMP: &str = r#"
set -- "$@" --single-transaction --routines --events --triggers --hex-blob \
    --default-character-set=utf8mb4 --max-allowed-packet=1G
# A source with GTIDs would have its position written, which another server refuses.
if "$program" --help 2> /dev/null | grep -q set-gtid-purged; then
    set -- "$@" --set-gtid-purged=OFF
fi
IFS='
'
exec "$program" "$@" --databases $DATABASES
"#;

const LOAD: &str = r#"
exec "$program" "$@" --default-character-set=utf8mb4 --max-allowed-packet=1G
"#;

/// Settings of the session that makes accounts: statements are read as they were written,
/// whatever the newer server's defaults, an account may come into being by a grant, and
/// errors have the words by which [`without_text`] knows them.
const SETTINGS: [&str; 2] = [
    "SET SESSION sql_mode = ''",
    "SET SESSION lc_messages = 'en_US'",
];

/// Brings databases and accounts from one server to another. Returns what was refused.
pub(super) fn move_by_dump<'a>(
    from: &'a Running<'a>,
    to: &'a Running<'a>,
    content: &'a Content,
) -> BoxFuture<'a, Result<Vec<String>, WalkError>> {
    async move {
        let databases: Vec<&str> = content
            .objects
            .keys()
            .filter(|name| name.kind == ObjectKind::Database)
            .map(|name| name.database.as_str())
            .collect();
        if !databases.is_empty() {
            load_dump(from, to, &databases).await?;
        }
        move_accounts(from, to).await
    }
    .boxed()
}

async fn load_dump(
    from: &Running<'_>,
    to: &Running<'_>,
    databases: &[&str],
) -> Result<(), WalkError> {
    let (dumps, _) = clients(from);
    let (_, loads) = clients(to);
    let writer = Program {
        child: &from.child,
        exec: client_script(&dumps, DUMP).env("DATABASES", &databases.join("\n")),
    };
    let reader = Program {
        child: &to.child,
        exec: client_script(&loads, LOAD),
    };
    let limit = packet_limit(to, LARGEST).await?;
    let ended = transfer(&writer, &reader).await;
    let restored = packet_limit(to, &limit).await;
    ended.in_steps(
        format!("dump {}", from.stop.name),
        format!("load the dump into {}", to.stop.name),
    )?;
    restored.map(drop)
}

/// Bytes of a statement, at most. A binary value is twice as long in a dump.
const LARGEST: &str = "1073741824";

/// Sets how long a statement may be that the server takes; returns what it was.
async fn packet_limit(of: &Running<'_>, bytes: &str) -> Result<String, WalkError> {
    let step = format!("let {} take large rows", of.stop.name);
    let mut session = of.session().await?;
    let former = session
        .first_row("SELECT @@GLOBAL.max_allowed_packet")
        .await
        .in_step(step.as_str())?;
    let set = session.run(format!("SET GLOBAL max_allowed_packet = {bytes}"));
    set.await.in_step(step)?;
    session.close().await;
    Ok(former.into_iter().flatten().next().unwrap_or_default())
}

/// The programs that dump and that run statements, the family's own first.
fn clients(of: &Running<'_>) -> ([&'static str; 2], [&'static str; 2]) {
    match of.server.identity.family {
        Family::Mariadb => (["mariadb-dump", "mysqldump"], ["mariadb", "mysql"]),
        _ => (["mysqldump", "mariadb-dump"], ["mysql", "mariadb"]),
    }
}

async fn move_accounts(from: &Running<'_>, to: &Running<'_>) -> Result<Vec<String>, WalkError> {
    let mut session = from.session().await?;
    let scripts = read_account_scripts(&mut session).await;
    session.close().await;
    let scripts = scripts.in_step(format!("read the accounts of {}", from.stop.name))?;
    let mut session = to.session().await?;
    let creates = statements(&scripts, |script| &script.creates);
    let grants = statements(&scripts, |script| &script.grants);
    let step = format!("make the accounts of {}", to.stop.name);
    for setting in SETTINGS {
        session.run(setting).await.in_step(step.as_str())?;
    }
    // An account may name a role that comes later, and a grant may name any account.
    let again = run_all(&mut session, creates)
        .await
        .in_step(step.as_str())?;
    let again = again.into_iter().map(|refused| refused.statement);
    let mut refused = run_all(&mut session, again.collect())
        .await
        .in_step(step.as_str())?;
    refused.extend(run_all(&mut session, grants).await.in_step(step.as_str())?);
    session.close().await;
    let mut told: Vec<String> = refused.into_iter().map(Refused::told).collect();
    told.dedup();
    Ok(told)
}

/// A statement about an account.
type OfAccount<'a> = (&'a AccountScript, &'a str);

fn statements(
    scripts: &[AccountScript],
    of: impl Fn(&AccountScript) -> &[String],
) -> Vec<OfAccount<'_>> {
    let each = |script| of(script).iter().map(move |text| (script, text.as_str()));
    scripts.iter().flat_map(each).collect()
}

/// A statement that the newer server refuses.
struct Refused<'a> {
    statement: OfAccount<'a>,
    error: SqlError,
}

impl Refused<'_> {
    fn told(self) -> String {
        let (script, statement) = self.statement;
        let error = self.error.to_string();
        format!(
            "{}: {} was refused: {}",
            script.name,
            verb_of(statement),
            without_text(&error)
        )
    }
}

async fn run_all<'a>(
    session: &mut Session,
    statements: Vec<OfAccount<'a>>,
) -> Result<Vec<Refused<'a>>, SessionError> {
    let mut refused = Vec::new();
    for statement in statements {
        if let Outcome::Refused(error) = session.run(statement.1).await? {
            refused.push(Refused { statement, error });
        }
    }
    Ok(refused)
}

/// The statement without what it is about: it may have the hash of a password.
fn verb_of(statement: &str) -> String {
    let words = statement.split_whitespace();
    match statement.starts_with("CREATE") {
        true => words.take(2).collect::<Vec<_>>().join(" "),
        false => words.take(1).collect(),
    }
}

/// An error without the statement's text, which the servers cite behind `near`.
fn without_text(error: &str) -> &str {
    error.split(" near '").next().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hash_of_a_password_is_told() {
        let statement = "CREATE USER `a`@`%` IDENTIFIED BY PASSWORD '*0123'";
        assert_eq!(verb_of(statement), "CREATE USER");
        assert_eq!(
            verb_of("GRANT USAGE ON *.* TO 'a' IDENTIFIED BY PASSWORD '*0123'"),
            "GRANT"
        );
        let error = "ERROR 1064 (42000): You have an error in your SQL syntax; check the manual \
                     for the right syntax to use near 'PASSWORD '*0123'' at line 1";
        assert!(!without_text(error).contains("0123"));
        assert!(without_text(error).starts_with("ERROR 1064 (42000): You have an error"));
    }
}
