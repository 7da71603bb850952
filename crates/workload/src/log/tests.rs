use std::io::Write;

use proptest::prelude::*;

use super::*;

fn statements(bytes: Vec<u8>) -> Result<Vec<String>, LogError> {
    let mut log = Log::from_reader(std::io::Cursor::new(bytes), Path::new("x"))?;
    let mut all = Vec::new();
    while let Some(entry) = log.next_entry()? {
        all.push(String::from_utf8_lossy(&entry.statement).into_owned());
    }
    Ok(all)
}

#[test]
fn compressed_logs_are_read_as_they_are() {
    let text = b"select 1\nselect 2\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).expect("a buffer");
    let zstd = zstd::encode_all(&text[..], 1).expect("a buffer");
    for bytes in [gzip.finish().expect("a buffer"), zstd] {
        assert_eq!(statements(bytes).expect("a log"), ["select 1", "select 2"]);
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Log::open(Path::new("/no/such.log"))
        .err()
        .expect("an error");
    assert!(
        error
            .to_string()
            .starts_with("`/no/such.log` cannot be read: "),
        "{error}"
    );
}

#[test]
fn statements_longer_than_the_limit_are_skipped_in_each_format() {
    let lines = ("x".repeat(1 << 20) + "\n").repeat(crate::LONGEST_STATEMENT / (1 << 20) + 8);
    let line = "x".repeat(crate::LONGEST_STATEMENT + (8 << 20));
    let slow = "# User@Host: a[a] @ b []\n# Query_time: 1\nSET timestamp=1;\n";
    let general = "\t\t    1 Query\t";
    for long in [&lines, &line] {
        for text in [
            format!("{slow}select '{long}';\n{slow}select 1;\n"),
            format!("{general}select '{long}'\n{general}select 1\n"),
            format!("DELIMITER /*!*/;\nselect '{long}'\n/*!*/;\nselect 1\n/*!*/;\n"),
        ] {
            let found = statements(text.into_bytes()).expect("a log");
            assert_eq!(found, ["select 1"]);
        }
    }
}

/// A piece of each format, so that random inputs are recognised as logs.
const BEGINNINGS: &[&str] = &[
    "",
    "# Time: 071015 21:43:52\n# User@Host: a[a] @ b []\n",
    "\t\t    1 Connect\ta@b on c\n",
    "select 1;\n",
    "DELIMITER /*!*/;\n",
    "SQL_TEXT,DIGEST_TEXT,COUNT_STAR,SUM_TIMER_WAIT\n",
    "event_time\tuser_host\tthread_id\tserver_id\tcommand_type\targument\n",
    "[{\"SQL_TEXT\": \"select 1\"},",
];

/// Words of all formats.
const WORDS: &[&str] = &[
    "\n",
    "\r\n",
    ";",
    "'",
    "\"",
    "`",
    "\\",
    "#",
    "/*",
    "*/",
    "-- ",
    "\t",
    ",",
    "{",
    "}",
    "[",
    "]",
    "\\N",
    "# Time: 071015 21:43:52\n",
    "# User@Host: a[a] @ b [c] Id: 5\n",
    "# Query_time: 1.5 ",
    "# Schema: ",
    "# administrator command: Quit;\n",
    "use a;\n",
    "SET timestamp=1;\n",
    "select 1",
    "/*!*/;\n",
    "BINLOG '\n",
    "#071015 21:43:52 server id 1 thread_id=",
    "\t\t  1 Query\t",
    "\t\t  2 Prepare\t",
    "071015 21:43:52",
    "Tcp port: 1 Unix socket: x\n",
    "\"SQL_TEXT\": ",
    "1",
    "é",
];

proptest! {
    #[test]
    fn any_text_is_read_to_its_end(
        begin in proptest::sample::select(BEGINNINGS),
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..40),
    ) {
        let _ = statements((begin.to_owned() + &words.concat()).into_bytes());
    }

    #[test]
    fn any_bytes_are_read_to_their_end(
        begin in proptest::sample::select(BEGINNINGS),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = statements([begin.as_bytes(), &bytes].concat());
    }
}
