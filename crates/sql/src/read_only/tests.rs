use proptest::prelude::*;

use super::*;

const USUAL: Modes = Modes {
    no_backslash_escapes: Some(false),
    ansi_quotes: Some(false),
};

fn reads(sql: &str) -> bool {
    check(sql.as_bytes(), USUAL).is_ok()
}

fn told(sql: &str) -> String {
    match check(sql.as_bytes(), USUAL) {
        Ok(()) => format!("`{sql}` passes"),
        Err(why) => why.to_string(),
    }
}

#[test]
fn statements_that_read_pass() {
    for sql in [
        "",
        " -- nothing\n",
        "SELECT 1",
        "select a, COUNT(*) from t where b = 'x;y' group by a having count(*) > 1 order by 1 limit 3",
        "SELECT 'it''s', 'it\\'s', \"a\\\"b\", `a``b`, 0x1F, 1e5, .5, 1.5e-3, \\N",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "WITH RECURSIVE n (a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n WHERE a < 5) SELECT * FROM n",
        "WITH a AS (SELECT 1), b AS (SELECT 2) SELECT * FROM a, b",
        "TABLE t ORDER BY a",
        "VALUES ROW(1, 2), ROW(3, 4)",
        "SELECT * FROM (SELECT 1) AS t (a)",
        "SELECT * FROM (SELECT 1) t (a)",
        "SELECT REPLACE('a', 'b', 'c'), INSERT('abc', 1, 1, 'x'), TRUNCATE(1.5, 0)",
        "SELECT CAST(a AS DECIMAL(10, 2)), CONVERT(b, CHAR(3)), DATE_ADD(c, INTERVAL (1) DAY) FROM t",
        "SELECT a, ROW_NUMBER() OVER (PARTITION BY b ORDER BY c) FROM t WINDOW w AS (ORDER BY d)",
        "SELECT * FROM t FORCE INDEX FOR JOIN (i) WHERE a IN (1, 2) AND b = ANY (SELECT 1)",
        "SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (a INT PATH '$', NESTED PATH '$.b' COLUMNS (c VARCHAR(10) PATH '$'))) AS j",
        "SELECT /* plain */ 1 # to the end\n + 2",
        "SELECT /*+ NO_INDEX_MERGE(t) */ 1",
        "SELECT /*!50000 STRAIGHT_JOIN */ * FROM t",
        "SELECT SUBSTRING('abc' FROM 2 FOR 1), @a := 1, @@version, @@GLOBAL.sql_mode",
        "SELECT 1 INTO @a",
        "SHOW TABLES LIKE 'a%'",
        "SHOW CREATE TABLE t",
        "SHOW VARIABLES WHERE LOWER(Variable_name) = 'x'",
        "DESCRIBE t",
        "DESC s.t 'a%'",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN FORMAT=JSON SELECT 1",
        "ANALYZE FORMAT=JSON SELECT 1",
        "EXPLAIN FOR CONNECTION 5",
        "USE shop",
        "BEGIN",
        "START TRANSACTION",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        "COMMIT",
        "ROLLBACK TO SAVEPOINT a",
        "SAVEPOINT a",
        "RELEASE SAVEPOINT a",
        "SET @a = 1, @b := (SELECT 2)",
        "SET SESSION group_concat_max_len = 5, time_zone = '+00:00'",
        "SET @@SESSION.sql_mode = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY'",
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY",
        "DO SLEEP(0)",
        "PREPARE s FROM 'SELECT ?'",
        "EXECUTE s USING @a",
        "EXECUTE IMMEDIATE 'SELECT 1'",
        "DEALLOCATE PREPARE s",
        "HANDLER t OPEN",
        "HANDLER t READ FIRST LIMIT 3",
        "CHECKSUM TABLE t",
        "SELECT 1; SELECT 2;",
        "SELECT {d '2020-01-01'}",
        "SELECT _utf8mb4'a', N'b'",
    ] {
        assert_eq!(check(sql.as_bytes(), USUAL), Ok(()), "{sql}");
    }
}

#[test]
fn statements_that_write_or_may_are_refused() {
    for sql in [
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "REPLACE INTO t VALUES (1)",
        "CREATE TABLE t (a INT)",
        "CREATE TEMPORARY TABLE t (a INT)",
        "DROP TABLE t",
        "ALTER TABLE t ADD a INT",
        "TRUNCATE t",
        "RENAME TABLE a TO b",
        "GRANT ALL ON *.* TO a",
        "LOAD DATA INFILE 'x' INTO TABLE t",
        "CALL p()",
        "KILL 5",
        "FLUSH TABLES",
        "LOCK TABLES t READ",
        "UNLOCK TABLES",
        "ANALYZE TABLE t",
        "ANALYZE LOCAL TABLE t",
        "CHECK TABLE t",
        "OPTIMIZE TABLE t",
        "REPAIR TABLE t",
        "XA START 'a'",
        "RESET MASTER",
        "PURGE BINARY LOGS TO 'x'",
        "SHUTDOWN",
        "INSTALL PLUGIN a SONAME 'b'",
        "START REPLICA",
        "START TRANSACTION READ WRITE",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ WRITE",
        "BEGIN NOT ATOMIC INSERT INTO t VALUES (1)",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "SELECT 1 INTO DUMPFILE '/tmp/x'",
        "TABLE t INTO OUTFILE 'x'",
        "SELECT a INTO b FROM t",
        "SELECT * FROM t FOR UPDATE",
        "SELECT * FROM t FOR SHARE",
        "SELECT * FROM t LOCK IN SHARE MODE",
        "SELECT GET_LOCK('a', 1)",
        "DO GET_LOCK('a', 1)",
        "DO RELEASE_ALL_LOCKS()",
        "DO (SELECT 1 INTO OUTFILE 'x')",
        "DO (SELECT a FROM t FOR UPDATE)",
        "SHOW TABLES WHERE 1 = (SELECT a FROM t FOR SHARE)",
        "SELECT f(1)",
        "SELECT `abs`(1)",
        "SELECT s.abs(1)",
        "SELECT LOAD_FILE('/etc/passwd')",
        "SELECT sys_exec('id')",
        "SELECT NEXTVAL(s)",
        "SELECT s.nextval",
        "SELECT SETVAL(s, 5)",
        "SELECT NEXT VALUE FOR s",
        "SELECT DEFAULT(a) FROM t",
        "SELECT * FROM t PROCEDURE analyse()",
        "WITH a AS (SELECT 1) UPDATE t SET b = 1",
        "WITH a AS (SELECT 1) DELETE FROM t",
        "EXPLAIN ANALYZE UPDATE t SET a = 1",
        "EXPLAIN DELETE FROM t",
        "ANALYZE UPDATE t SET a = 1",
        "DESCRIBE UPDATE t SET a = 1",
        "SHOW TABLES WHERE f(1)",
        "SET GLOBAL max_connections = 1",
        "SET @@GLOBAL.max_connections = 1",
        "SET PERSIST max_connections = 1",
        "SET @@PERSIST.max_connections = 1",
        "SET @a = 1, GLOBAL max_connections = 1",
        "SET PASSWORD = 'x'",
        "SET ROLE a",
        "SET STATEMENT max_statement_time = 1 FOR DELETE FROM t",
        "SET sql_log_bin = 0",
        "SET SESSION sql_log_bin = 0",
        "SET SESSION TRANSACTION READ WRITE",
        "SET TRANSACTION READ WRITE",
        "SET GLOBAL TRANSACTION READ ONLY",
        "SET transaction_read_only = 0",
        "SET tx_read_only = 0",
        "SET sql_mode = 'ANSI_QUOTES'",
        "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
        "SET sql_mode = CONCAT('ANSI', '_QUOTES')",
        "SET sql_mode = @a",
        "SET NAMES gbk",
        "SET character_set_client = gbk",
        "SET @a = f(1)",
        "SET @a = (SELECT NEXTVAL(s))",
        "PREPARE s FROM 'DELETE FROM t'",
        "PREPARE s FROM @a",
        "PREPARE s FROM 'SELECT \\'a\\''",
        "EXECUTE IMMEDIATE 'DELETE FROM t'",
        "EXECUTE IMMEDIATE @a",
        "EXECUTE IMMEDIATE CONCAT('DELETE', ' FROM t')",
        "EXECUTE s USING f(1)",
        "SELECT 1; DELETE FROM t",
        "SELECT 1;;DELETE FROM t",
        "DELIMITER //",
        "/*!50000 DELETE FROM t */",
        "/*! DELETE */ FROM t",
        "SELECT 1 /*!50000 INTO OUTFILE 'x' */",
        "SELECT 1 /*!80000INTO OUTFILE 'x' */",
        "SELECT 1 /*!080000INTO OUTFILE 'x' */",
        "SELECT 1 /*M! INTO OUTFILE 'x' */",
        "SELECT 1 /*M!100100 INTO OUTFILE 'x' */",
        "SELECT 1 /*T! FOR UPDATE */",
        "SELECT 1 /*T![feature] FOR UPDATE */",
        "SELECT 1 /*!; DELETE FROM t */",
        "SELECT 1 /*!99999 ' */ /*!00000 INTO OUTFILE \"x\" -- ' */\n*/",
        "SELECT 1 /* /*! */ INTO OUTFILE 'x' -- */",
        "SELECT /*+ SET_VAR(sql_mode=4) */ 1",
        "SELECT 1e5INTO OUTFILE 'x'",
        "SELECT 1.INTO OUTFILE 'x'",
        "SELECT 1--\n DELETE",
        "SELECT 1 --x\n",
        "SELECT 'a",
        "SELECT /* a",
        "SELECT `a",
        "SELECT _gbk'\u{bf}\\' OR 1",
        "SELECT 1\0; DELETE FROM t",
        "SELECT $$a$$; DELETE FROM t -- $$",
        "SELECT $$'$$; DELETE FROM t -- '",
        "SELECT \u{a0}1; \u{a0}DELETE FROM t",
        "\u{a0}SELECT 1",
        "nonsense",
        "'DELETE'",
        "# a\rDELETE FROM t",
    ] {
        assert!(!reads(sql), "{sql:?} passes");
    }
    assert!(check(b"SELECT '\xbf\\' OR 1", USUAL).is_err());
}

#[test]
fn a_refusal_says_what_the_statement_does() {
    insta::assert_snapshot!(
        [
            "insert into t values (1)",
            "CALL p()",
            "SELECT f(1)",
            "SELECT 1 FOR UPDATE",
            "SELECT 'a",
            "SET GLOBAL a = 1",
        ]
        .map(told)
        .join("\n"),
        @r"
    writes (INSERT)
    is not known to read (CALL)
    calls `f`, which is not known to read only
    locks what others may write (FOR UPDATE or FOR SHARE)
    cannot be read with certainty (a quote without an end)
    is not known to read (SET GLOBAL)
    "
    );
}

#[test]
fn quotes_are_read_as_the_session_reads_them() {
    let with = |none: Option<bool>, ansi: Option<bool>| Modes {
        no_backslash_escapes: none,
        ansi_quotes: ansi,
    };
    let hides = b"SELECT '\\'; DELETE FROM t -- '";
    assert!(check(hides, with(Some(true), Some(false))).is_err());
    assert!(check(hides, with(Some(false), Some(false))).is_ok());
    assert!(check(hides, with(None, None)).is_err());
    let hides = b"SELECT \"\\\"; DELETE FROM t -- \"";
    assert!(check(hides, with(Some(false), Some(true))).is_err());
    assert!(check(hides, with(Some(false), Some(false))).is_ok());
    assert!(check(hides, with(Some(false), None)).is_err());
    let call = b"SELECT \"f\"(1)";
    assert!(check(call, with(Some(false), Some(true))).is_err());
}

/// Writing statements, in pieces that may be separated by blanks.
const WRITES: [&[&str]; 10] = [
    &["DELETE", "FROM", "t"],
    &["INSERT", "INTO", "t", "VALUES", "(", "1", ")"],
    &["UPDATE", "t", "SET", "a", "=", "1"],
    &["DROP", "TABLE", "t"],
    &["SELECT", "1", "INTO", "OUTFILE", "'x'"],
    &["SELECT", "f", "(", "1", ")"],
    &[
        "WITH", "a", "AS", "(", "SELECT", "1", ")", "DELETE", "FROM", "t",
    ],
    &["SET", "GLOBAL", "a", "=", "1"],
    &["CALL", "p", "(", ")"],
    &["EXPLAIN", "ANALYZE", "DELETE", "FROM", "t"],
];

/// What servers skip between words.
fn blank() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        " ",
        "\n",
        "\t",
        "\r\n",
        "/**/",
        "/* ; */",
        "-- '\n",
        "#\"\n",
        "/*`*/",
        "\x0c",
        "/*! */",
        "/*!99999 SELECT 1 */",
    ])
    .prop_map(str::to_owned)
}

/// A reading statement to precede another one.
fn reading() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "SELECT 1;",
        "SELECT ';';",
        "SELECT '\\'';",
        "SELECT \"'\";",
        "SELECT `'`;",
        "BEGIN;",
        "SELECT '''';",
        "",
        ";",
        "SELECT 1 -- '\n;",
        "SELECT /*!1*/;",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn no_disguise_lets_a_writing_statement_pass(
        before in reading(),
        which in 0..WRITES.len(),
        blanks in prop::collection::vec(blank(), 12),
        cases in prop::collection::vec(any::<bool>(), 64),
        in_code in any::<bool>(),
        behind in reading(),
    ) {
        let mut text = String::new();
        for (at, piece) in WRITES[which].iter().enumerate() {
            text.push_str(&blanks[at]);
            text.push_str(piece);
        }
        let has_code = text.contains("/*");
        if in_code && !has_code {
            text = format!("/*!{text} */");
        }
        let mut cases = cases.iter().cycle();
        let text: String = text
            .chars()
            .map(|c| match cases.next() {
                Some(true) => c.to_ascii_lowercase(),
                _ => c,
            })
            .collect();
        let whole = format!("{before}{text};{behind}");
        prop_assert!(!reads(&whole), "{whole:?} passes");
    }

    #[test]
    fn whatever_bytes_come_there_is_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = check(&bytes, Modes::default());
    }

    #[test]
    fn whatever_signs_come_nothing_is_hidden_before_a_writing_statement(
        signs in prop::collection::vec(
            prop::sample::select(vec![
                "'", "\"", "`", "\\", "/*", "*/", "/*!", "--", "-- ", "#", "\n", "$$", ";", " ", "1",
                "a", "(", ")", "@", "/*M!", "/*+", "SELECT", ".", "e",
            ]),
            0..12,
        ),
    ) {
        // Closed in each way: for some server, the rest is a separate statement.
        let head = signs.concat();
        let modes = Modes::default();
        let alone = check(format!("{head}\n;").as_bytes(), modes);
        let followed = check(format!("{head}\n;DELETE FROM t").as_bytes(), modes);
        prop_assert!(alone.is_err() || followed.is_err(), "{head:?}");
    }
}
