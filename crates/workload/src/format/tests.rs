use super::*;

fn found(head: &[u8]) -> Result<Format, String> {
    detect(head)
        .map(|found| found.format())
        .map_err(|problem| match problem {
            Problem::At(place, message) => format!("{place}: {message}"),
            Problem::Read(error) => error.to_string(),
        })
}

#[test]
fn recognises_formats_by_content() {
    for (head, format) in [
        ("# Time: 071015 21:43:52\n", Format::SlowLog),
        ("...\n, 'x';\n# User@Host: a[a] @ b []\n", Format::SlowLog),
        (
            "Time                 Id Command    Argument\n",
            Format::GeneralLog,
        ),
        (
            "2026-11-27T20:15:00.1Z\t   8 Query\tselect '\n# Time: 1\n'",
            Format::GeneralLog,
        ),
        ("\u{feff}select 1", Format::Statements),
        ("SELECT 1, query FROM t\n", Format::Statements),
        ("# The user's own\n\n(SELECT 1)\n", Format::Statements),
        ("DELIMITER /*!*/;\n", Format::Binlog),
        ("[]{\"digest_text\": 1", Format::Digests),
        ("a,SQL_TEXT\n1,2\n", Format::Digests),
        ("\u{a}\r\r\u{a}", Format::Capture),
    ] {
        assert_eq!(found(head.as_bytes()), Ok(format), "{head}");
    }
    assert_eq!(
        found(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]),
        Ok(Format::Capture)
    );
}

#[test]
fn says_what_is_no_log() {
    for (head, wanted) in [
        (&b""[..], "found an empty file"),
        (
            b"\xfebin\0",
            "found a binary log: give what `mysqlbinlog FILE` prints",
        ),
        (
            b"\xfd7zXZ\0",
            "found a file compressed by xz: unpack it by `xz -d`",
        ),
        (b"<html>\n", "found `<html>`"),
        (b"\x7fELF\x01\x02", "found `.ELF..`"),
        (b"{\"a\": 1}", "found `{\"a\": 1}`"),
        (b"# only\n# comments\n", "found `# only`"),
    ] {
        let message = found(head).expect_err("no log");
        assert!(message.starts_with("1: expected "), "{message}");
        assert!(message.ends_with(wanted), "{message}");
    }
    let message = found(b"[[image]]\nname = 'debian:sid'\n").expect_err("no log");
    assert!(message.starts_with("1: expected a slow log"), "{message}");
    let message = found(b"\n\nnothing to see").expect_err("no log");
    assert!(message.starts_with("3: expected a slow log"), "{message}");
}
