//! By dump: the older server's client writes statements, the newer server's client runs
//! them. Accounts follow statement by statement, since a refused one must not end the
//! others.

use dbmatrix_sql::content::{AccountScript, Content, ObjectKind, read_account_scripts};
use dbmatrix_sql::outcome::{Outcome, SqlError};
use dbmatrix_sql::session::{Session, SessionError};
use dbmatrix_sql::version::{Family, Version};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::client::client_script;
use super::error::{InStep, WalkError};
use super::stop::Running;
use super::transfer::{Program, transfer};

/// Without the databases of the server itself, whose tables belong to its version. The
/// largest rows pass; values of binary columns are no text.
///
/// The databases are the arguments; each may have any character, also at its beginning.
const DUMP: &str = r#"
set -- --databases -- "$@"
has() { "$program" --help 2> /dev/null | grep -q -e "$1"; }
# A source with GTIDs would have its position written, which another server refuses.
if has set-gtid-purged; then
    set -- --set-gtid-purged=OFF "$@"
fi
if [ -n "$HISTORY" ] && has dump-history; then
    set -- --dump-history "$@"
fi
become --single-transaction --routines --events --triggers --hex-blob \
    --default-character-set=utf8mb4 --max-allowed-packet=1G "$@"
"#;

/// The client shows what the server warns of, such as words that a later version drops.
/// Each warning is written once, with its number before it.
const LOAD: &str = r#"
folder=$(mktemp -d)
mkfifo "$folder/said"
awk '{ seen[$0]++ } END { for (line in seen) print seen[line], line }' \
    < "$folder/said" > "$folder/counted" &
status=0
(become --default-character-set=utf8mb4 --max-allowed-packet=1G --show-warnings) \
    > "$folder/said" || status=$?
wait
sort -k 1,1nr -k 2 "$folder/counted"
rm -rf "$folder"
exit "$status"
"#;
/// Kinds of warnings that are noted one by one.
const MOST_WARNINGS: usize = 10;

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
        let databases = databases_of(content);
        let mut notes = Vec::new();
        if !databases.is_empty() {
            notes.extend(load_dump(from, to, &databases).await?);
        }
        notes.extend(move_accounts(from, to).await?);
        Ok(notes)
    }
    .boxed()
}

/// The user's databases.
pub(super) fn databases_of(content: &Content) -> Vec<&str> {
    let names = content.objects.keys();
    let databases = names.filter(|name| name.kind == ObjectKind::Database);
    databases.map(|name| name.database.as_str()).collect()
}

async fn load_dump(
    from: &Running<'_>,
    to: &Running<'_>,
    databases: &[&str],
) -> Result<Vec<String>, WalkError> {
    let (dumps, _) = clients(from);
    let (_, loads) = clients(to);
    let mut dump = client_script(&dumps, DUMP).env("HISTORY", takes_history(to));
    for database in databases {
        dump = dump.arg(database);
    }
    let writer = Program {
        child: &from.child,
        exec: dump,
    };
    let reader = Program {
        child: &to.child,
        exec: client_script(&loads, LOAD),
    };
    let limit = packet_limit(to, LARGEST).await?;
    let ended = transfer(&writer, &reader, from.stop.step_timeout).await;
    let restored = packet_limit(to, &limit).await;
    let said = ended.in_steps(
        format!("dump {}", from.stop.name),
        format!("load the dump into {}", to.stop.name),
    )?;
    restored?;
    Ok(warnings(&String::from_utf8_lossy(&said)))
}

/// Notes for the lines that [`LOAD`] has counted.
fn warnings(said: &str) -> Vec<String> {
    let counted = said.lines().filter_map(|line| line.split_once(' '));
    let is_warning = |line: &str| {
        ["Warning (", "Note (", "Error ("]
            .iter()
            .any(|word| line.starts_with(word))
    };
    let counted: Vec<_> = counted.filter(|(_, line)| is_warning(line)).collect();
    let told = counted.iter().take(MOST_WARNINGS);
    let mut notes: Vec<String> = told
        .map(|(times, line)| match *times {
            "1" => format!("the newer server says to the dump: {line}"),
            times => format!("the newer server says to the dump, {times} times: {line}"),
        })
        .collect();
    let more = counted.len().saturating_sub(MOST_WARNINGS);
    if more > 0 {
        notes.push(format!(
            "the newer server says {more} more things to the dump"
        ));
    }
    notes
}

/// Whether a server takes rows of the past, as a word for the script: MariaDB since 10.11
/// (MariaDB manual, "mariadb-dump", `--dump-history`).
fn takes_history(to: &Running<'_>) -> &'static str {
    const SINCE: Version = Version::exact(10, 11, 0);
    let identity = &to.server.identity;
    match identity.family == Family::Mariadb && identity.version >= SINCE {
        true => "yes",
        false => "",
    }
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

pub(super) async fn move_accounts(
    from: &Running<'_>,
    to: &Running<'_>,
) -> Result<Vec<String>, WalkError> {
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
    fn each_kind_of_warning_is_noted_once() {
        let said = "3 Warning (code 1681): Integer display width is deprecated.\n\
                    1 Note (code 1051): Unknown table\n2 x\nno number\n";
        assert_eq!(
            warnings(said),
            [
                "the newer server says to the dump, 3 times: Warning (code 1681): Integer display width is deprecated.",
                "the newer server says to the dump: Note (code 1051): Unknown table",
            ]
        );
        let many: String = (0..14)
            .map(|code| format!("1 Note (code {code}): x\n"))
            .collect();
        let notes = warnings(&many);
        assert_eq!(notes.len(), MOST_WARNINGS + 1);
        assert!(notes[MOST_WARNINGS].contains("4 more"), "{notes:?}");
    }

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
