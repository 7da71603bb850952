use std::path::Path;
use std::time::Duration;

use crate::{Format, LeftOut, Log, LogError};

#[derive(Debug, Default, PartialEq)]
struct Seen {
    line: u64,
    user: String,
    database: String,
    count: u64,
    duration: Option<Duration>,
    is_form: bool,
    statement: String,
}

fn read(text: &str, format: Format) -> Result<(Vec<Seen>, LeftOut), LogError> {
    let bytes = text.as_bytes().to_vec();
    let mut log = Log::from_reader(std::io::Cursor::new(bytes), Path::new("x"))?;
    assert_eq!(log.format(), format);
    let mut all = Vec::new();
    while let Some(entry) = log.next_entry()? {
        let crate::Place::Line(line) = entry.place else {
            panic!("a line");
        };
        all.push(Seen {
            line,
            user: entry.user.unwrap_or_default().into_owned(),
            database: entry.database.unwrap_or_default().into_owned(),
            count: entry.count,
            duration: entry.duration,
            is_form: entry.is_form,
            statement: String::from_utf8_lossy(&entry.statement).into_owned(),
        });
    }
    Ok((all, *log.left_out()))
}

fn statements(found: &[Seen]) -> Vec<&str> {
    found.iter().map(|seen| &*seen.statement).collect()
}

#[test]
fn reads_a_general_log_from_the_client_or_an_outfile() {
    let rows = "2026-11-27 20:15:00.123456\tapp[app] @ localhost []\t8\t1\tConnect\tapp@localhost on shop using Socket\n\
         2026-11-27 20:15:00.123457\tapp[app] @ localhost []\t8\t1\tQuery\tselect 'a\\tb'\\nfrom t\\\\\\'\n\
         2026-11-27 20:15:00.123458\tapp[app] @ localhost []\t8\t1\tQuit\t\n";
    let heading = "event_time\tuser_host\tthread_id\tserver_id\tcommand_type\targument\n";
    for text in [rows.to_owned(), heading.to_owned() + rows] {
        let (found, left_out) = read(&text, Format::GeneralLog).expect("a log");
        assert_eq!(statements(&found), ["select 'a\tb'\nfrom t\\'"]);
        assert_eq!((&*found[0].user, &*found[0].database), ("app", "shop"));
        assert_eq!(left_out.administrator_commands, 2);
    }
}

#[test]
fn reads_files_of_the_csv_engine() {
    let text = "\"2026-11-27 20:15:00.123456\",\"app[app] @ localhost []\",8,1,\"Query\",\"select \\\"a\\\",\\n1\\\\\"\n\
         \"2026-11-27 20:15:00.123456\",\"app[app] @ localhost []\",8,1,\"Query\",\"select 2\"\n";
    let (found, _) = read(text, Format::GeneralLog).expect("a log");
    assert_eq!(statements(&found), ["select \"a\",\n1\\", "select 2"]);
    let text = "\"2026-11-27 20:15:00.1\",\"app[app] @ localhost []\",\"00:01:01.500000\",\"00:00:00\",1,2,\"shop\",0,0,1,\"select 1\",8\n";
    let (found, _) = read(text, Format::SlowLog).expect("a log");
    assert_eq!(found[0].duration, Some(Duration::from_millis(61_500)));
    assert_eq!(
        (&*found[0].database, &*found[0].statement),
        ("shop", "select 1")
    );
}

#[test]
fn reads_digests_as_csv_with_quotes_doubled() {
    let text = "SCHEMA_NAME,DIGEST_TEXT,COUNT_STAR,SUM_TIMER_WAIT,MAX_TIMER_WAIT,QUERY_SAMPLE_TEXT\r\n\
         shop,SELECT ?,10,20000000000,5000000000,\"select \"\"a\"\",\r\n'\\'\"\r\n\
         NULL,SELECT ? FROM `t`,3,3000000,1000000,NULL\r\n\
         shop,SELECT `b`,3,3000000,1000000,select bbb...\r\n";
    let (found, left_out) = read(text, Format::Digests).expect("a log");
    assert_eq!(
        statements(&found),
        ["select \"a\",\r\n'\\'", "SELECT ? FROM `t`", "SELECT `b`"]
    );
    assert_eq!((found[0].line, found[1].line), (2, 4));
    assert_eq!(
        (found[0].count, found[0].duration),
        (10, Some(Duration::from_millis(2)))
    );
    assert_eq!((&*found[0].database, &*found[1].database), ("shop", ""));
    assert_eq!((found[1].is_form, found[2].is_form), (true, true));
    assert_eq!(left_out.without_example, 2);
}

#[test]
fn reads_views_of_sys() {
    let text = "query\tdb\tfull_scan\texec_count\ttotal_latency\tmax_latency\tavg_latency\n\
         SELECT `a` FROM `t`\tshop\t*\t4\t1.50 s\t1.20 s\t375.00 ms\n";
    let (found, _) = read(text, Format::Digests).expect("a log");
    assert_eq!((found[0].count, found[0].is_form), (4, true));
    assert_eq!(found[0].duration, Some(Duration::from_millis(375)));
}

#[test]
fn reads_json_as_an_array_or_object_by_object() {
    let object = "{\"THREAD_ID\": 5, \"SQL_TEXT\": \"select '}\\\"{'\\n\", \"TIMER_WAIT\": 1000000000, \"CURRENT_SCHEMA\": null}";
    for text in [
        format!("[{object},\n {object}]"),
        format!("{object}\n{object}\n"),
        format!("\n[\n{object}, {object}\n]\n"),
    ] {
        let (found, _) = read(&text, Format::Digests).expect("a log");
        assert_eq!(statements(&found), ["select '}\"{'", "select '}\"{'"]);
        assert_eq!(found[0].duration, Some(Duration::from_millis(1)));
    }
    let (found, left_out) =
        read(&format!("[{object},{}", &object[..30]), Format::Digests).expect("a log");
    assert_eq!((found.len(), left_out.cut), (1, 1));
}

#[test]
fn broken_rows_name_their_line() {
    let text = "SQL_TEXT,DIGEST_TEXT,TIMER_WAIT\nselect 1,x,5\n\nselect 2\n";
    let (found, _) = read(text, Format::Digests).expect("a log");
    assert_eq!(found.len(), 2);
    let text = "THREAD_ID,SQL_TEXT\n1,select 1\n2\n";
    let error = read(text, Format::Digests).expect_err("no row").to_string();
    assert_eq!(error, "x:3: expected a row of 2 columns; found 1: `2`");
    let text = "[{\"SQL_TEXT\": \"a\"},\n\n{\"SQL_TEXT\": a}]";
    let error = read(text, Format::Digests)
        .expect_err("no JSON")
        .to_string();
    assert_eq!(
        error,
        "x:3: expected a JSON object; found expected value at line 1 column 14"
    );
    let text = "[{\"SQL_TEXT\": \"a\"}, 5]";
    let error = read(text, Format::Digests)
        .expect_err("no object")
        .to_string();
    assert_eq!(error, "x:1: expected a JSON object; found `5]`");
}
