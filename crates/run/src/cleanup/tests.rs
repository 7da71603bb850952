use super::*;

fn prepared(global: &[u8]) -> PreparedXa {
    PreparedXa {
        format: 1,
        global: global.to_vec(),
        branch: Vec::new(),
    }
}

fn traces(statements: &[&[u8]]) -> Traces {
    let mut traces = Traces::default();
    for sql in statements {
        traces.note_statement(sql);
    }
    traces
}

#[test]
fn a_case_owns_the_transactions_that_it_has_named() {
    for sql in [
        &b"XA PREPARE 'mine'"[..],
        b"xa\nprepare \"mine\",'b',3",
        b"/* for later */ Xa PREPARE X'6D696E65'",
        b"XA START 0x6d696e65",
        b"PREPARE s FROM 'XA START \"mine\"'",
    ] {
        let traces = traces(&[b"SELECT 'mine'", sql]);
        assert!(
            traces.has_named(&prepared(b"mine")),
            "{}",
            sql.escape_ascii()
        );
        let branched = PreparedXa {
            branch: b"another's".to_vec(),
            ..prepared(b"mine")
        };
        assert!(!traces.has_named(&branched), "{}", sql.escape_ascii());
        for other in [&b"min"[..], b"others", b"", b"ine"] {
            assert!(
                !traces.has_named(&prepared(other)),
                "{}",
                other.escape_ascii()
            );
        }
    }
    let others: [&[u8]; 3] = [b"SELECT xa, 'mine'", b"EXAMINE 'mine'", b"SELECT 'mine'"];
    assert!(!traces(&others[1..]).has_named(&prepared(b"mine")));
    // A column of that name is mistaken for it, which does no harm.
    assert!(traces(&others[..1]).has_named(&prepared(b"mine")));
}

#[test]
fn what_is_kept_of_statements_is_bounded() {
    let mut long = b"XA START '".to_vec();
    long.resize(1 << 20, b'x');
    let traces = traces(&[&long, &long, b"XA START 'mine'"]);
    assert!(traces.xa.len() <= MOST_XA + 3, "{}", traces.xa.len());
}

#[test]
fn a_transaction_is_rolled_back_by_its_bytes() {
    let row = [Some(&b"7"[..]), Some(b"2"), Some(b"1"), Some(b"a'\xff")];
    let xa = PreparedXa::of(row.into_iter()).expect("a row of XA RECOVER");
    assert_eq!(xa.roll_back(), "XA ROLLBACK X'6127',X'ff',7");
    assert_eq!(xa.title(), "a prepared XA transaction `a'`");
    let short = [Some(&b"7"[..]), Some(b"2"), Some(b"9"), Some(b"abc")];
    assert!(PreparedXa::of(short.into_iter()).is_none());
}

#[test]
fn the_servers_own_threads_are_no_sessions() {
    let row = |user: &'static [u8], statement| {
        let cells = [
            Some(&b"5"[..]),
            Some(user),
            None,
            Some(b"d"),
            None,
            None,
            None,
        ];
        Living::of(cells.into_iter().chain([statement]))
    };
    assert!(row(b"system user", None).is_none());
    assert!(row(b"event_scheduler", None).is_none());
    let idle = row(b"dbmatrix", None).expect("a session");
    assert_eq!(idle.title(), "an open session");
    let statement = format!("SELECT\n  {}", "1".repeat(200));
    let busy = Living {
        statement: statement.into_bytes(),
        ..idle
    };
    let title = busy.title();
    assert!(title.starts_with("a session at `SELECT 111"), "{title}");
    assert!(title.len() < 110, "{title}");
}

#[test]
fn what_is_left_is_told_with_a_common_name_and_within_bounds() {
    let cleaned = Cleaned {
        left: vec!["a session at `DROP TABLE dbmatrix_1_2.t`, which was killed".to_owned(); 40],
        dirty: Some("`DROP DATABASE IF EXISTS `dbmatrix_1_2``: no".to_owned()),
    };
    let told = cleaned.into_notes("dbmatrix_1_2");
    assert_eq!(told.len(), MOST_TOLD + 2);
    assert!(
        told[0].contains(PLACEHOLDER) && !told[0].contains("_1_2"),
        "{told:?}"
    );
    assert_eq!(told[MOST_TOLD], "30 more of that kind");
    assert!(told[MOST_TOLD + 1].contains("cannot be undone"), "{told:?}");
}
