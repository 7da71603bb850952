use proptest::prelude::*;

use super::*;
use crate::sql_text::escape_bytes;

/// Feeds a text line by line and returns the pieces.
fn cut(text: &[u8], modes: Modes) -> Vec<Piece> {
    let mut lexer = Lexer::default();
    lexer.set_modes(modes);
    let mut pieces = Vec::new();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    for line in text.split(|byte| *byte == b'\n') {
        lexer.feed(line);
        pieces.extend(std::iter::from_fn(|| lexer.next_piece()));
    }
    pieces.extend(lexer.finish());
    pieces
}

fn statements(text: &[u8], modes: Modes) -> Vec<Statement> {
    let pieces = cut(text, modes).into_iter();
    pieces
        .filter_map(|piece| match piece {
            Piece::Statement(statement) => Some(statement),
            _ => None,
        })
        .collect()
}

fn sent(text: &str) -> Vec<String> {
    let text_of = |statement: Statement| escape_bytes(statement.sql.bytes()).into_owned();
    let all = statements(text.as_bytes(), Modes::default()).into_iter();
    all.map(text_of).collect()
}

fn shown(text: &str) -> Vec<String> {
    let all = statements(text.as_bytes(), Modes::default()).into_iter();
    all.map(|statement| statement.sql.text().into_owned())
        .collect()
}

/// The client's statements, as recorded between it and a server.
#[test]
fn statements_are_sent_as_the_client_sends_them() {
    let cases: &[(&str, &[&str])] = &[
        (
            "SELECT 1; SELECT 2;SELECT 3\n",
            &["SELECT 1", "SELECT 2", "SELECT 3"],
        ),
        (
            " SELECT 4;\n\tSELECT 5 ;\n  \nSELECT 8 ;\n ;;\n",
            &[" SELECT 4", "\tSELECT 5", "  \nSELECT 8"],
        ),
        ("-- a\n\n/* b */ SELECT 1;\n", &["/* b */ SELECT 1"]),
        (
            "  -- a\n# b\n\nSELECT /* c */ 2 -- d ;\n , 3; -- e\n",
            &["  -- a\n# b\n\nSELECT /* c */ 2 -- d ;\n , 3 -- e"],
        ),
        (
            "SELECT 4 /* x;\ny */, 5; /* z */ SELECT 6; # c\n/* alone */;\n",
            &["SELECT 4 /* x;\ny */ , 5", "/* z */ SELECT 6 # c"],
        ),
        (
            "SELECT 9;--\nSELECT 10;# x\nSELECT 11; /* z */ -- q\nSELECT 12;\n",
            &[
                "SELECT 9",
                "SELECT 10# x",
                "SELECT 11",
                "/* z */ -- q\nSELECT 12",
            ],
        ),
        (
            "SELECT 1--1;\nSELECT 2--\n+1;\n",
            &["SELECT 1--1", "SELECT 2--\n+1"],
        ),
        (
            "SELECT ';', \"a\\\";\", `x\\`, 'it''s;';\n",
            &["SELECT ';', \"a\\\";\", `x\\`, 'it''s;'"],
        ),
        ("SELECT 'a\\\nb', 3 \\\n+1;\n", &["SELECT 'a\nb', 3 \n+1"]),
        ("SELECT /* x */é1, 'é;';\n", &["SELECT /* x */é 1, 'é;'"]),
        (
            "/*! SELECT 1; SELECT 2 */;\n/*+ ; */ SELECT 3;\n",
            &["/*! SELECT 1", "SELECT 2 */", "/*+ ; */ SELECT 3"],
        ),
        (
            "/*!50000 SELECT\n 'a;b*/' */;\n/*M!100000 SELECT 'a*/b;' */;\n",
            &[
                "/*!50000 SELECT\n 'a;b*/' */",
                "/*M!100000 SELECT 'a*/b;' */",
            ],
        ),
        (
            "SELECT /*! 1 /* b; */ c; */ d;\nSELECT 2;\n",
            &["SELECT /*! 1 /* b; */ c; */ d", "SELECT 2"],
        ),
        (
            "SELECT 1,\r\n'a\r\nb', 2\r;\r\nSELECT 'a\rb';\r\n",
            &["SELECT 1,\n'a\nb', 2", "SELECT 'a\rb'"],
        ),
        (
            "\u{feff}SELECT 1;\nSELECT '\u{feff}'",
            &["SELECT 1", "SELECT '\u{feff}'"],
        ),
        (
            "SELECT 'open ; \nSELECT 2;\n",
            &["SELECT 'open ; \nSELECT 2;"],
        ),
        ("SELECT 1 /* open ; \n", &["SELECT 1 /* open ;"]),
        (
            "SELECT 1 \\z ;\nSELECT \\N;\n",
            &["SELECT 1 \\z", "SELECT \\N"],
        ),
        (
            "/*M!999999\\- enable the sandbox mode */ \n-- dump\nSELECT 1;\n",
            &["/*M!999999 enable the sandbox mode */ \n-- dump\nSELECT 1"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(sent(text), *expected, "{text}");
    }
}

#[test]
fn delimiters_end_statements_as_the_client_has_it() {
    let cases: &[(&str, &[&str])] = &[
        (
            "delimiter //\nSELECT 1; SELECT 2//\r\nDELIMITER ;\nSELECT 3;\n",
            &["SELECT 1; SELECT 2", "SELECT 3"],
        ),
        (
            "DELIMITER '$$' x\nSELECT 1$$\nDELIMITER /*!*/;\nSELECT 2\n/*!*/;\nDelimiter ;;\nSELECT 3;;\n  DELIMITER ;\nSELECT 4;\n",
            &["SELECT 1", "SELECT 2", "SELECT 3", "SELECT 4"],
        ),
        (
            "\\d //\nSELECT 1//\n\\d ; SELECT 2;\n",
            &["SELECT 1", " SELECT 2"],
        ),
        (
            "SELECT 1; DELIMITER //\nSELECT 2//\nSELECT 3;\nDELIMITER ;\nSELECT 4;\n",
            &["SELECT 1", "SELECT 4"],
        ),
        (
            "DELIMITER 12345678901234567890\nSELECT 1 12345678901234567890\nSELECT 3 123456789012345\n",
            &["SELECT 1", "67890\nSELECT 3"],
        ),
        (
            "/* c */ DELIMITER //\nSELECT 1//\n-- x\nDELIMITER ;\nSELECT 2;\n",
            &["SELECT 1", "SELECT 2"],
        ),
        (
            "SELECT '\ndelimiter\n//';\nSELECT 2;\n",
            &["SELECT '\ndelimiter\n//'", "SELECT 2"],
        ),
        (
            "SELECT 5 \\G SELECT 6\\g SELECT 7\n",
            &["SELECT 5", " SELECT 6", " SELECT 7"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(sent(text), *expected, "{text}");
    }
    let vertical = statements(b"SELECT 1\\G SELECT 2;", Modes::default());
    assert!(vertical[0].vertical && !vertical[1].vertical);
}

#[test]
fn commands_are_known_only_where_the_client_knows_them() {
    let cases: &[(&str, &[&str])] = &[
        (
            "use w\nSELECT 1;use w;SELECT 2\nuse w\n;\n",
            &["SELECT 1", "SELECT 2\nuse w"],
        ),
        ("USE w # c;\nSELECT 2;\n", &["USE w # c;\nSELECT 2"]),
        (
            "SELECT 1 \\p , 2;\nSELECT 3 \\c SELECT 4;\n",
            &["SELECT 1  , 2", " SELECT 4"],
        ),
        (
            "SELECT 1 \\u w;\n, 2;\nSELECT 'a \\u b';\n",
            &["SELECT 1 \n, 2", "SELECT 'a \\u b'"],
        ),
        (
            "status\nhelp me\nnotee\nnopager\nprompt x\nrehash\n\\#\ngo;\nego\nprint\nSELECT 2\ngo\n",
            &["go", "SELECT 2\ngo"],
        ),
        ("\\C utf8 ; SELECT 2;\ncharset 'latin1';\n", &[" SELECT 2"]),
        ("/* a */ /* b */use w\nSELECT 2;\n", &["SELECT 2"]),
    ];
    for (text, expected) in cases {
        assert_eq!(sent(text), *expected, "{text}");
    }
    let pieces = cut(b"charset nosuch\nsystem ls\nuse\n", Modes::default());
    let lines = pieces.iter().map(|piece| match piece {
        Piece::Wrong { line, .. } => *line,
        other => panic!("{other:?}"),
    });
    assert_eq!(lines.collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_second_byte_of_a_character_is_no_quote_and_no_backslash() {
    let text = b"charset gbk\nSELECT '\xb1\x5c', 'x';\nSELECT 2;\n";
    let all = statements(text, Modes::default());
    assert_eq!(all[0].sql.bytes(), b"SELECT '\xb1\x5c', 'x'");
    assert_eq!(all.len(), 2);
    let all = statements(b"SELECT '\xb1\x5c', 'x';\nSELECT 2;\n", Modes::default());
    assert_eq!(all.len(), 1, "in another character set it is one");
}

#[test]
fn modes_of_the_session_decide_on_backslashes_and_dollars() {
    let text =
        b"SELECT 'C:\\';\nSELECT \"D:\\\", $$a;b$$, $x$ it's; $x$;\nSELECT 1 AS a$$;\nSELECT 2;\n";
    let modes = Modes {
        no_backslash_escapes: true,
        dollar_quotes: true,
    };
    assert_eq!(statements(text, modes).len(), 4);
    assert_eq!(statements(b"SELECT $$a;b$$;", Modes::default()).len(), 2);
}

#[test]
fn what_is_shown_begins_and_ends_with_the_statement() {
    let text = "\u{feff}-- title\n\n-- onlyif mysql\n/* note */ SELECT 1 /* a */+1; -- tail\n\n\nSELECT\n2;";
    assert_eq!(shown(text), ["SELECT 1 /* a */+1", "SELECT\n2"]);
    let found = statements(text.as_bytes(), Modes::default());
    assert_eq!((found[0].line, found[1].line), (4, 7));
    let comment = |line, text: &str| (line, text.to_owned());
    assert_eq!(
        found[0].leading_comments,
        [comment(1, "title"), comment(3, "onlyif mysql")]
    );
    assert_eq!(found[1].leading_comments, [comment(4, "tail")]);
    let found = statements(b"DELIMITER //\n-- a\nSELECT\n 1//", Modes::default());
    assert_eq!((found[0].line, found[0].leading_comments.len()), (3, 1));
}

#[test]
fn a_statement_so_far_can_be_forgotten() {
    let mut lexer = Lexer::default();
    lexer.feed(b"SELECT 'a");
    assert_eq!(lexer.next_piece(), None);
    assert!(!lexer.is_empty());
    lexer.clear();
    assert!(lexer.is_empty());
    lexer.feed(b"SELECT 1;");
    assert!(matches!(lexer.next_piece(), Some(Piece::Statement(_))));
}

proptest! {
    #[test]
    fn joined_statements_split_back(
        all in proptest::collection::vec("(SELECT|UPDATE) ([a-z0-9 ]|'[^'\\\\\\r\\x00]*'|\"[^\"\\\\\\r\\x00]*\"|`[^`\\\\\\r\\x00]*`){1,8}x", 1..6)
    ) {
        let sql = all.join(";\n");
        prop_assert_eq!(shown(&sql), all);
    }

    #[test]
    fn any_bytes_are_cut_without_a_panic(
        text in proptest::collection::vec(
            prop_oneof![any::<u8>(), proptest::sample::select(b"';\\\n/*!-#$`\" \rcduGgMdelimitersource".to_vec())],
            0..300),
        no_backslash_escapes in any::<bool>(),
        dollar_quotes in any::<bool>(),
    ) {
        let modes = Modes { no_backslash_escapes, dollar_quotes };
        let lines = text.split(|byte| *byte == b'\n').count();
        for statement in statements(&text, modes) {
            prop_assert!(statement.line >= 1 && statement.line <= lines);
            prop_assert!(!statement.sql.text().trim().is_empty());
        }
    }
}
