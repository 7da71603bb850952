use std::path::Path;
use std::time::Duration;

use crate::{Command, Entry, LeftOut, Log, Moment, Timestamp};

/// What a test looks at in each entry: line, user, database, statement.
type Seen = (u64, String, String, String);

fn seen(entry: &Entry<'_>) -> Seen {
    let crate::Place::Line(line) = entry.place else {
        panic!("a line");
    };
    let name =
        |name: &Option<std::borrow::Cow<'_, str>>| name.clone().unwrap_or_default().into_owned();
    let statement = String::from_utf8_lossy(&entry.statement).into_owned();
    (line, name(&entry.user), name(&entry.database), statement)
}

fn read(text: &str) -> (Vec<Seen>, LeftOut) {
    let bytes = text.as_bytes().to_vec();
    let mut log =
        Log::from_reader(std::io::Cursor::new(bytes), Path::new("slow.log")).expect("a log");
    let mut all = Vec::new();
    while let Some(entry) = log.next_entry().expect("an entry") {
        all.push(seen(&entry));
    }
    (all, *log.left_out())
}

fn statements(text: &str) -> Vec<String> {
    read(text)
        .0
        .into_iter()
        .map(|(_, _, _, statement)| statement)
        .collect()
}

const BANNER: &str = "/usr/sbin/mysqld, Version: 8.0.36 (MySQL Community Server - GPL). started with:\n\
     Tcp port: 3306  Unix socket: /run/mysqld/mysqld.sock\n\
     Time                 Id Command    Argument\n";

const HEADER: &str = "# Time: 2026-11-27T20:15:00.123456Z\n\
     # User@Host: root[root] @ localhost []  Id:     8\n\
     # Query_time: 0.000123  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: 0\n\
     SET timestamp=1795810500;\n";

#[test]
fn reads_entries_of_mysql_8() {
    let text = format!("{BANNER}{}", HEADER.replace("SET", "use shop;\nSET"))
        + "SELECT 1;\n"
        + HEADER
        + "SELECT\n  2;\n";
    let (found, left_out) = read(&text);
    let seen = |line, statement: &str| {
        (
            line,
            "root".to_owned(),
            "shop".to_owned(),
            statement.to_owned(),
        )
    };
    assert_eq!(found, [seen(9, "SELECT 1"), seen(14, "SELECT\n  2")]);
    assert_eq!(left_out, LeftOut::default());
    let mut log =
        Log::from_reader(std::io::Cursor::new(text), Path::new("slow.log")).expect("a log");
    let entry = log.next_entry().expect("a log").expect("an entry");
    assert_eq!(entry.connection, Some(8));
    assert_eq!(entry.duration, Some(Duration::from_micros(123)));
    assert_eq!(entry.host.as_deref(), Some("localhost"));
    assert_eq!(
        entry.time.map(|time| time.to_string()).as_deref(),
        Some("2026-11-27T20:15:00Z")
    );
}

#[test]
fn reads_entries_of_mysql_5_5_that_share_a_time() {
    let text = "# Time: 071015 21:43:52\n\
         # User@Host: app[app] @  [10.0.0.7]\n\
         # Query_time: 2  Lock_time: 0  Rows_sent: 1  Rows_examined: 0\n\
         use test;\nSET last_insert_id=5,insert_id=6,timestamp=1192484632;\nselect sleep(2) from t;\n\
         # User@Host: app[app] @  [10.0.0.7]\n\
         # Query_time: 3  Lock_time: 0  Rows_sent: 1  Rows_examined: 0\n\
         SET timestamp=1192484632;\nselect 3;\n";
    let (found, _) = read(text);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].3, "select sleep(2) from t");
    assert_eq!(found[1].2, "test");
    let mut log = Log::from_reader(text.as_bytes(), Path::new("slow.log")).expect("a log");
    let entry = log.next_entry().expect("a log").expect("an entry");
    assert_eq!(entry.host.as_deref(), Some("10.0.0.7"));
    assert_eq!(entry.duration, Some(Duration::from_secs(2)));
}

#[test]
fn reads_fields_of_percona_server_and_mariadb() {
    let text = "# Time: 261127 20:15:00\n\
         # User@Host: app[app] @ web [10.0.0.7]  Id: 12\n\
         # Schema: my shop  Last_errno: 0  Killed: 0\n\
         # Query_time: 0.5  Lock_time: 0.0  Rows_sent: 1  Rows_examined: 10  Rows_affected: 0\n\
         # Bytes_sent: 59  Tmp_tables: 0\n\
         # QC_Hit: No  Full_scan: Yes  Full_join: No\n\
         SET timestamp=1795810500;\nselect 1;\n\
         # User@Host: app[app] @ web [10.0.0.7]\n\
         # Thread_id: 13  Schema:   QC_hit: No\n\
         # Query_time: 0.5  Lock_time: 0.0  Rows_sent: 1  Rows_examined: 10\n\
         #\n# explain: id\tselect_type\ttable\n# explain: 1\tSIMPLE\tt\n#\n\
         SET timestamp=1795810500;\nselect 2;\n";
    let (found, _) = read(text);
    let databases: Vec<&str> = found
        .iter()
        .map(|(_, _, database, _)| &**database)
        .collect();
    assert_eq!(databases, ["my shop", ""]);
    assert_eq!(found[1].3, "select 2");
}

#[test]
fn administrator_commands_are_counted() {
    let (before, _) = HEADER.split_once("SET").expect("a line");
    for header in [HEADER, before] {
        let text = format!("{header}# administrator command: Quit;\n{HEADER}select 1;\n");
        let (found, left_out) = read(&text);
        assert_eq!(found.len(), 1);
        assert_eq!((left_out.administrator_commands, left_out.cut), (1, 0));
    }
}

#[test]
fn banners_in_mid_log_are_no_statements_and_forget_the_database() {
    let with_use = HEADER.replace("SET", "use shop;\nSET");
    let (found, _) = read(&format!("{with_use}select 1;\n{BANNER}{HEADER}select 2;\n"));
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].3, "select 1");
    assert_eq!((&*found[1].2, &*found[1].3), ("", "select 2"));
}

#[test]
fn lines_of_comments_and_strings_end_no_statement() {
    for statement in [
        "select 1\n# a comment\n, 2",
        "select '\n# Time: 071015 21:43:52\n'",
        "select '\n# User@Host: a[a] @ b []\n'",
        "select '\n# administrator command: Quit;\n'",
        "select ';\n# User@Host: a[a] @ b []\n# Query_time: 1\nSET timestamp=1;\nselect 2;\n'",
        "select /* ;\n# Time: 071015 21:43:52\n# User@Host: a[a] @ b []\n */ 3",
        "select 'it''s \\' ;\n# User@Host: a[a] @ b []\n'",
        "select 1;\nselect 2",
    ] {
        let text = format!("{HEADER}{statement};\n{HEADER}select 9;\n");
        assert_eq!(statements(&text), [statement, "select 9"]);
    }
}

#[test]
fn a_string_without_an_end_does_not_swallow_the_log() {
    let mut text = format!("{HEADER}select 'abc;\n");
    for number in 0..30 {
        text += &format!("{HEADER}select {number};\n");
    }
    let found = statements(&text);
    assert_eq!(found.len(), 31);
    assert_eq!(found[..2], ["select 'abc", "select 0"]);
}

#[test]
fn lines_may_end_as_on_windows() {
    let text = format!("{BANNER}{HEADER}select 1,\n2;\n{HEADER}select 3;\n").replace('\n', "\r\n");
    assert_eq!(statements(&text), ["select 1,\r\n2", "select 3"]);
}

#[test]
fn a_log_cut_at_both_ends_gives_what_there_is() {
    let text = format!("from t where a = 1;\n{HEADER}select 1;\n{HEADER}select 2 from");
    let (found, left_out) = read(&text);
    assert_eq!(found.len(), 1);
    assert_eq!(left_out.cut, 2);
    for length in 0..text.len() {
        if let Ok(mut log) = Log::from_reader(
            std::io::Cursor::new(text.clone().into_bytes()[..length].to_vec()),
            Path::new("x"),
        ) {
            while let Ok(Some(_)) = log.next_entry() {}
        }
    }
}

#[test]
fn a_header_without_a_statement_is_skipped() {
    let (found, left_out) = read(&format!("{HEADER}{HEADER}select 1;\n"));
    assert_eq!(found.len(), 1);
    assert_eq!(left_out.cut, 1);
}

#[test]
fn statements_of_any_encoding_are_kept_as_they_are() {
    let mut text = HEADER.as_bytes().to_vec();
    text.extend(b"select '\xe9\x00\xff';\n");
    let mut log = Log::from_reader(std::io::Cursor::new(text), Path::new("x")).expect("a log");
    let entry = log.next_entry().expect("a log").expect("an entry");
    assert_eq!(&*entry.statement, b"select '\xe9\x00\xff'");
}

#[test]
fn long_statements_are_read_and_longer_ones_counted() {
    let long = "x".repeat(3 << 20);
    let found = statements(&format!("{HEADER}select '{long}';\n{HEADER}select 1;\n"));
    assert_eq!(found[0].len(), long.len() + 9);
    assert_eq!(found[1], "select 1");
    let line = "x".repeat(1 << 16) + "\n";
    let longer = line.repeat(crate::LONGEST_STATEMENT / (1 << 16) + 30);
    let (found, left_out) = read(&format!("{HEADER}select '{longer}';\n{HEADER}select 1;\n"));
    assert_eq!(found.len(), 1);
    assert_eq!(left_out.too_long, 1);
}

/// The commands of a log: statements, and the connections that leave.
fn commands(text: &str) -> Vec<String> {
    let mut log = Log::from_reader(std::io::Cursor::new(text.to_owned()), Path::new("slow.log"))
        .expect("a log");
    let mut all = Vec::new();
    while let Some(command) = log.next_command().expect("a command") {
        all.push(match command {
            Command::Statement(entry) => String::from_utf8_lossy(&entry.statement).into_owned(),
            Command::Quit { connection, moment } => {
                let time = moment.map(|moment| moment.time().to_string());
                format!("{connection} quits at {}", time.unwrap_or_default())
            }
        });
    }
    all
}

#[test]
fn the_end_of_a_connection_is_a_command() {
    let quit = format!("{HEADER}# administrator command: Quit;\n");
    let text = format!("{HEADER}SELECT 1;\n{quit}{HEADER}SELECT 2;\n");
    assert_eq!(
        commands(&text),
        [
            "SELECT 1",
            "8 quits at 2026-11-27T20:15:00.123456Z",
            "SELECT 2"
        ]
    );
    // And nothing for those who read statements.
    let (found, left_out) = read(&text);
    assert_eq!((found.len(), left_out.administrator_commands), (2, 1));
}

#[test]
fn the_most_exact_time_is_taken() {
    let moment = |text: &str| {
        let mut log =
            Log::from_reader(std::io::Cursor::new(text.to_owned()), Path::new("slow.log"))
                .expect("a log");
        let entry = log.next_entry().expect("a log").expect("an entry");
        entry.moment
    };
    let time = |text: &str| Timestamp::parse(text).expect("a time");
    let exact = time("2026-11-27T20:15:00.123456Z");
    let text = format!("{HEADER}SELECT 1;\n");
    assert_eq!(moment(&text), Some(Moment::Ended(exact)));
    // Of `log_slow_extra`.
    let begun = text.replace("Lock_time", "Start: 2026-11-27T20:14:59.5Z Lock_time");
    let start = time("2026-11-27T20:14:59.5Z");
    assert_eq!(moment(&begun), Some(Moment::Began(start)));
    // A time without a fraction is one without a zone as well.
    let coarse = text.replace("2026-11-27T20:15:00.123456Z", "261127 21:15:00");
    let second = Timestamp::from_micros(1_795_810_500_000_000);
    assert_eq!(moment(&coarse), Some(Moment::Ended(second)));
}

/// An entry of Percona Server, which logged one of so many statements.
fn rated(rate: &str, seconds: u32, statement: &str) -> String {
    format!(
        "# User@Host: root[root] @ localhost []  Id:     8\n\
         # Schema: shop  Last_errno: 0  Killed: 0\n\
         # Query_time: {seconds}.000123  Lock_time: 0.000001  Rows_sent: 1  Rows_examined: 0\n\
         # Log_slow_rate_type: query  Log_slow_rate_limit: {rate}\n\
         SET timestamp=1795810500;\n\
         {statement};\n"
    )
}

#[test]
fn a_statement_stands_for_those_that_the_server_did_not_log() {
    let text = [
        &format!("{HEADER}SELECT 0;\n"),
        &rated("100", 1, "SELECT 1"),
        // Percona Server logs what takes more than 10 s in any case.
        &rated("100", 11, "SELECT 2"),
        &rated("7", 1, "SELECT 3"),
        &rated("1000000", 1, "SELECT 4"),
        &rated("no", 1, "SELECT 5"),
    ];
    let text = text.map(String::as_str).concat();
    let mut log = Log::from_reader(std::io::Cursor::new(text), Path::new("x")).expect("a log");
    let mut counts = Vec::new();
    while let Some(entry) = log.next_entry().expect("an entry") {
        counts.push(entry.count);
    }
    assert_eq!(counts, [1, 100, 1, 7, 1, 1]);
    let warnings: Vec<String> = log
        .warnings()
        .iter()
        .map(|warning| format!("{}: {}", warning.place, warning.message))
        .collect();
    assert_eq!(
        warnings,
        [
            "11: the server logged 1 of 100 statements from here on (`log_slow_rate_limit`): each \
             counts as 100 in the figures of the log, and is sent once"
        ]
    );
}
