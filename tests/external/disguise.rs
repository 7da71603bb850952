//! Whether what passes for reading does read, asked of real servers.
//!
//! Texts are made at random of what statements are made of. Those that pass are
//! sent to a server whose session is free to write; what it then counts as run
//! must be nothing that writes.

use dbmatrix_sql::read_only::{Modes, check as only_reads};
use dbmatrix_sql::session::{
    Authorities, Connect, Endpoint, ServerUrl, Session, SessionError, Tenancy, TlsMode,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::Outcome;
use crate::sandbox::{Sandbox, check};

/// Texts a server, and how many of them have to pass for this to say anything.
const TEXTS: usize = 60_000;
const ENOUGH: usize = 2_000;

const PIECES: [&str; 86] = [
    " ",
    " ",
    " ",
    " ",
    "\n",
    "\t",
    ";",
    ";",
    "'",
    "'",
    "\"",
    "`",
    "\\",
    "''",
    "/*",
    "*/",
    "/*!",
    "/*!",
    "/*!50000 ",
    "/*!99999 ",
    "/*M!",
    "/*M!100100 ",
    " */",
    "--",
    "-- ",
    "#",
    "$$",
    "(",
    ")",
    "(",
    ")",
    ",",
    "@",
    "@a",
    "@@",
    ":=",
    "=",
    ".",
    "*",
    "1",
    "1",
    "1e5",
    ".5",
    "0x1F",
    "a",
    "t",
    "t",
    "N",
    "_utf8",
    "{",
    "SELECT ",
    "SELECT 1",
    "SELECT a FROM t ",
    "WITH a AS ",
    "FROM t ",
    " INTO ",
    " INTO @a ",
    " FOR UPDATE",
    " FOR ",
    " UNION ",
    " AS ",
    "INSERT INTO t VALUES (9)",
    "INSERT ",
    "DELETE FROM t",
    "DELETE FROM t",
    "UPDATE t SET a = a + 1",
    "UPDATE ",
    "DROP TABLE t",
    "TRUNCATE t",
    "REPLACE INTO t VALUES (9)",
    "CREATE TABLE x (a INT)",
    "SET ",
    "SET @a = ",
    "SET GLOBAL ",
    "SHOW TABLES",
    "EXPLAIN ",
    "ANALYZE ",
    "DO ",
    "f(1)",
    "f(",
    "SLEEP(0)",
    "PREPARE s FROM '",
    "EXECUTE s",
    "EXECUTE IMMEDIATE '",
    "BEGIN",
    "COMMIT",
];

/// Counters of statements that write, lock or change a server.
const WRITING: &str = "SHOW SESSION STATUS WHERE Value > 0 AND Variable_name REGEXP \
    '^Com_(insert|insert_select|replace|replace_select|delete|delete_multi|update|update_multi|truncate\
    |create_.*|drop_.*|alter_.*|rename_.*|load|call_procedure|lock_tables|flush|kill|grant|revoke|xa_.*\
    |analyze|check|optimize|repair|install_plugin|set_password|reset|purge|change_db_x)$'";

/// Another server to try, such as a later one of a nest.
const ANOTHER: &str = "DBMATRIX_TEST_EXTERNAL_URL";

pub(crate) fn real_servers(sandbox: &Sandbox) -> Outcome {
    let mut urls = vec![sandbox.mariadb()?.url("app", ""), sandbox.mysql()?.url("")];
    urls.extend(std::env::var(ANOTHER));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for url in urls {
        let url: ServerUrl = url.parse()?;
        let address = url.address.to_string();
        let target = Endpoint {
            url,
            tls: TlsMode::Preferred,
            authorities: Authorities::default(),
            tenancy: Tenancy::Owner,
        };
        let (passed, wrong) = runtime.block_on(try_out(&target))?;
        check(wrong.is_empty(), format!("{address}: {}", wrong.join("\n")))?;
        check(
            passed >= ENOUGH,
            format!("{address}: only {passed} texts passed"),
        )?;
    }
    Ok(())
}

async fn open(target: &Endpoint) -> Result<Session, SessionError> {
    let mut session = target.connect(None).await?;
    // The function writes, as one of a user may.
    for sql in [
        "CREATE DATABASE IF NOT EXISTS disguise",
        "USE disguise",
        "CREATE TABLE IF NOT EXISTS t (a INT)",
        "REPLACE INTO t SELECT 1 FROM (SELECT 1) x WHERE NOT EXISTS (SELECT 1 FROM t)",
        "DROP FUNCTION IF EXISTS f",
        "CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (x); RETURN x; END",
        "FLUSH STATUS",
    ] {
        let outcome = session.run(sql).await?;
        assert!(outcome.refusal().is_none(), "`{sql}`: {outcome:?}");
    }
    Ok(session)
}

/// How many texts passed, and what of them wrote.
async fn try_out(target: &Endpoint) -> Result<(usize, Vec<String>), SessionError> {
    let mut random = StdRng::seed_from_u64(20_261_126);
    let modes = Modes::of_sql_mode("");
    let mut session = open(target).await?;
    // The counters see what writes, or they prove nothing.
    session.run("DELETE FROM t WHERE a = 77").await?;
    let found = session.run(WRITING).await?;
    assert!(
        found.rows().is_some_and(|set| set.rows.len() == 1),
        "{found:?}"
    );
    let mut session = open(target).await?;
    let (mut passed, mut since, mut wrong) = (0, Vec::new(), Vec::new());
    for _ in 0..TEXTS {
        let pieces = random.random_range(1..9);
        let mut text = String::new();
        for at in 0..pieces {
            // Most begin as a statement that reads does.
            let piece = match at {
                0 if random.random_ratio(2, 3) => "SELECT 1 ",
                _ => PIECES[random.random_range(0..PIECES.len())],
            };
            text.push_str(piece);
        }
        if only_reads(text.as_bytes(), modes).is_err() {
            continue;
        }
        passed += 1;
        since.push(text.clone());
        if session.run(text.as_bytes()).await.is_err() {
            session = open(target).await?;
            since.clear();
            continue;
        }
        if since.len() < 50 {
            continue;
        }
        let found = session.run(WRITING).await?;
        let rows = session.run("SELECT COUNT(*) FROM disguise.t").await?;
        let count = rows
            .rows()
            .and_then(|set| set.rows.values().next())
            .flatten();
        let counters = found.rows().map_or(1, |set| set.rows.len());
        if counters > 0 || count != Some(b"1") {
            wrong.push(format!(
                "{found:?}, {count:?} rows, after one of {since:#?}"
            ));
            session = open(target).await?;
        }
        since.clear();
    }
    session.close().await;
    Ok((passed, wrong))
}
