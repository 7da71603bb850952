use proptest::prelude::*;

use super::*;

/// Asserts that these statements have the same form.
fn same(form: &str, statements: &[&str]) {
    for statement in statements {
        assert_eq!(statement_form(statement), form, "{statement}");
    }
}

#[test]
fn a_literal_of_any_type_is_a_question_mark() {
    same(
        "SELECT a FROM t WHERE b = ?",
        &[
            "select a from t where b = 1",
            "SELECT a\n  FROM t WHERE b=-1.5e-3;",
            "SELECT a FROM t WHERE b = - - 1",
            "SELECT a FROM t WHERE b = 'it''s' -- what",
            "SELECT a FROM t WHERE b = \"a\\\"b\" # what",
            "SELECT /* 'x */ a FROM t WHERE b = x'AF'",
            "SELECT a FROM t WHERE b = 0xAF",
            "SELECT a FROM t WHERE b = b'01'",
            "SELECT a FROM t WHERE b = 0b01",
            "SELECT a FROM t WHERE b = .5",
            "SELECT a FROM t WHERE b = n'x'",
            "SELECT a FROM `t` WHERE `b` = ?",
            "SELECT a FROM t WHERE b = 'never ends",
            "/*!50000 SELECT */ a FROM t WHERE b = 'é'",
            "SELECT a /*M!100000 FROM t */ WHERE b = 1e5",
        ],
    );
}

#[test]
fn lists_and_rows_of_any_length_are_alike() {
    same(
        "SELECT ? IN (...)",
        &[
            "SELECT 1 IN (2)",
            "SELECT 1 IN (2, 'x', NULL)",
            "SELECT 'a' in(1,-2)",
        ],
    );
    same("INSERT INTO t VALUES (?)", &["INSERT INTO t VALUES (1)"]);
    same(
        "INSERT INTO t VALUES (?) /* , ... */",
        &[
            "INSERT INTO t VALUES (1), (2)",
            "insert into t values(1),(2),('x')",
        ],
    );
    same(
        "INSERT INTO t VALUES (...)",
        &[
            "INSERT INTO t VALUES (1, 'a')",
            "INSERT INTO t VALUES (1, NULL, -3)",
        ],
    );
    same(
        "INSERT INTO t VALUES (...) /* , ... */",
        &[
            "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
            "INSERT INTO t VALUES (1,2),(3,4),(5,6)",
        ],
    );
    same("SELECT ?, ...", &["SELECT 1, 2", "SELECT 1, 'x', 3"]);
}

#[test]
fn what_is_no_literal_stays() {
    same(
        "SELECT a - ?, ABS(?) FROM db.t",
        &["SELECT a - 1, ABS(-1) FROM db . t"],
    );
    same("SELECT (a) - ?", &["SELECT (a) - 1"]);
    same("SELECT ?", &["select null", "SELECT 'x'"]);
    same(
        "CREATE TABLE t(a INT NULL DEFAULT ?)",
        &["CREATE TABLE t (a INT NULL DEFAULT NULL)"],
    );
    same("SELECT @a, @@sql_mode", &["SELECT @a, @@sql_mode"]);
    same("SELECT 1st FROM 2nd", &["SELECT 1st FROM `2nd`"]);
    same("SELECT COUNT(*) FROM t", &["SELECT COUNT( * ) FROM t"]);
    same(
        "SELECT ? + ? WHERE a IS NOT NULL",
        &["SELECT 1 + 2 WHERE a IS NOT NULL"],
    );
    assert_ne!(statement_form("SELECT a"), statement_form("SELECT A"));
    assert_eq!(statement_form(""), "");
}

#[test]
fn a_form_is_not_longer_than_a_servers_digest() {
    let names: Vec<String> = (0..1000).map(|at| format!("é{at}")).collect();
    let form = statement_form(&format!("SELECT {}", names.join(", ")));
    assert!(form.len() <= LONGEST + '…'.len_utf8(), "{}", form.len());
    assert!(form.ends_with('…'));
}

#[test]
fn forms_have_their_own_forms() {
    for statement in [
        "SELECT 1, 2, 'x' FROM t WHERE a IN (1, 2) AND b = NULL",
        "INSERT INTO t VALUES (1), (2)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b') ON DUPLICATE KEY UPDATE a = a + 1",
    ] {
        let form = statement_form(statement);
        same(&form, &[&form]);
    }
}

#[test]
fn a_quoted_name_is_no_keyword() {
    same("SELECT IN(?)", &["SELECT `IN`(1)"]);
    same("SELECT a`b", &["SELECT `a``b`"]);
}

#[test]
fn bytes_of_any_encoding_have_a_form() {
    let mut reader = FormReader::default();
    let form = reader.form(b"select '\xE9', \xE9 from t");
    assert_eq!(form, b"SELECT ?, \xE9 FROM t");
}

#[test]
fn fingerprints_are_the_same_everywhere() {
    let mut reader = FormReader::default();
    assert_eq!(reader.fingerprint(b"select 1"), FINGERPRINT);
    assert_eq!(reader.fingerprint(b"SELECT 'x' -- y"), FINGERPRINT);
}

/// Of `SELECT ?`: files keep it.
const FINGERPRINT: u64 = 9_365_895_217_481_594_374;

/// Statements that are likely to share a form.
fn few_statements() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "a",
        "A",
        "in",
        "IN",
        "`in`",
        "(",
        ")",
        ",",
        "1",
        "'x'",
        "-",
        "null",
        " ",
        "/* , ... */",
    ];
    let words = proptest::sample::select(WORDS);
    proptest::collection::vec(words, 0..7).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn fingerprints_agree_where_forms_do(one in few_statements(), other in few_statements()) {
        let mut reader = FormReader::default();
        let is_same = statement_form(&one) == statement_form(&other);
        let fingerprint = reader.fingerprint(one.as_bytes());
        prop_assert_eq!(fingerprint == reader.fingerprint(other.as_bytes()), is_same);
    }

    #[test]
    fn any_text_has_a_form(text in "\\PC{0,60}") {
        statement_form(&text);
    }

    #[test]
    fn quotes_comments_and_marks_end_somewhere(text in "[-'\"`/*!#\\\\0-9xe.,() \n?M]{0,40}") {
        statement_form(&text);
    }

    #[test]
    fn other_values_and_blanks_make_no_other_form(a in any::<i32>(), b in "[a-z ]{0,9}", blanks in "[ \n\t]{1,4}") {
        let form = statement_form("SELECT a FROM t WHERE b = 1 AND c IN ('x')");
        let other = format!("SELECT{blanks}a FROM t{blanks}WHERE b = {a} AND c IN ('{b}',{blanks}2)");
        prop_assert_eq!(statement_form(&other), form);
    }
}
