use super::super::inspect::inspect_logs;
use super::*;

const LOG: &str = "\
# Time: 2026-11-27T20:00:01.500000Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.500000  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: 1
use shop;
SET timestamp=1795809601;
SELECT a FROM t WHERE b = 1;
# Time: 2026-11-27T20:00:02.000001Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 41
# Query_time: 1.500001  Lock_time: 0.000001 Rows_sent: 0  Rows_examined: 1
SET timestamp=1795809602;
SELECT SLEEP(1.5);
# Time: 2026-11-27T20:00:03.250000Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.000001  Lock_time: 0.000001 Rows_sent: 0  Rows_examined: 1
SET timestamp=1795809603;
DELETE FROM t;
# Time: 2026-11-27T20:00:03.500000Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.000000  Lock_time: 0.000000 Rows_sent: 0  Rows_examined: 0
SET timestamp=1795809603;
# administrator command: Quit;
# Time: 2026-11-27T20:00:04.500000Z
# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id: 40
# Query_time: 0.000000  Lock_time: 0.000000 Rows_sent: 0  Rows_examined: 0
SET timestamp=1795809604;
SELECT b FROM t;
";

fn source(folder: &tempfile::TempDir, text: &str) -> Source {
    let log = folder.path().join("slow.log");
    std::fs::write(&log, text).expect("a file");
    Source {
        logs: vec![(log, None)],
        selection: SampleOptions::default(),
        writes: Writes::Skip,
        limit: None,
        statements: None,
    }
}

fn sent(source: &Source) -> (Vec<String>, Fed) {
    let digests = Mutex::default();
    let mut all = Vec::new();
    let fed = read(source, &digests, |batch| {
        all.extend(batch.unwrap_or_default());
        true
    });
    let shown = all.into_iter().map(|sending| match sending {
        Sending::Quit(connection) => format!("{connection} quits"),
        Sending::Statement(one) => format!(
            "{} at {:?} in {}: {}",
            one.connection,
            one.at,
            one.database.as_deref().unwrap_or("-"),
            String::from_utf8_lossy(&one.sql)
        ),
    });
    (shown.collect(), fed.expect("a log"))
}

#[test]
fn statements_have_their_connections_and_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let (sent, fed) = sent(&source(&folder, LOG));
    assert_eq!(
        sent,
        [
            "41 at 0ns in shop: SELECT SLEEP(1.5)",
            "40 at 500ms in shop: SELECT a FROM t WHERE b = 1",
            "40 quits",
            "40 at 4s in shop: SELECT b FROM t",
        ]
    );
    assert_eq!((fed.statements, fed.log_time), (3, Duration::from_secs(4)));
    let left_out = fed.left_out.described(Writes::Skip);
    assert_eq!(left_out.len(), 1);
    assert_eq!((left_out[0].0, fed.others.len()), (1, 1));
}

#[test]
fn a_limit_is_one_of_the_logs_time_or_of_statements() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut source = source(&folder, LOG);
    source.limit = Some(Duration::from_secs(1));
    assert_eq!(sent(&source).1.statements, 2);
    source.limit = None;
    source.statements = Some(1);
    let (sent, fed) = sent(&source);
    assert_eq!(sent, ["41 at 0ns in shop: SELECT SLEEP(1.5)"]);
    // What follows was not looked at.
    assert_eq!((fed.left_out, fed.others), (LeftOut::default(), Vec::new()));
}

#[test]
fn reading_ends_when_nobody_listens() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "SELECT 1;\n".repeat(100 * BATCH);
    let source = source(&folder, &text);
    let mut batches = 0;
    let fed = read(&source, &Mutex::default(), |_| {
        batches += 1;
        batches < 3
    });
    assert_eq!(batches, 3);
    assert_eq!(fed.expect("a log").statements, 3 * BATCH as u64);
}

#[test]
fn a_log_says_what_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let inspect = |text: &str| {
        let log = source(&folder, text).logs.remove(0).0;
        inspect_logs(&[log], &SampleOptions::default(), Writes::Skip)
    };
    let both = |text| inspect(text).map(|found| (found.has_times, found.has_connections));
    assert_eq!(both(LOG), Ok((true, true)));
    assert_eq!(both("SELECT 1;\n"), Ok((false, false)));
    let why = inspect("DELETE FROM t;\n").expect_err("it writes");
    assert!(
        why.contains("1 left out: statements that are not known to read"),
        "{why}"
    );
    let digests = "DIGEST_TEXT,COUNT_STAR,SUM_TIMER_WAIT\nSELECT ?,5,100\n";
    let why = inspect(digests).expect_err("no statements");
    assert!(why.contains("is a table of digests"), "{why}");
}

/// The log, a day later.
fn next_day() -> String {
    LOG.replace("2026-11-27T", "2026-11-28T")
}

/// Logs in a folder, by their texts.
fn written(folder: &tempfile::TempDir, texts: &[&str]) -> Vec<PathBuf> {
    let names = ["slow.log", "slow.log.1", "slow.log.2"];
    let written = names.iter().zip(texts).map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    });
    written.collect()
}

#[test]
fn rotated_logs_are_sent_the_oldest_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let last = next_day().replace("FROM t", "FROM u");
    let logs = written(&folder, &[&last, LOG]);
    let found = inspect_logs(&logs, &SampleOptions::default(), Writes::Skip);
    let source = Source {
        logs: found.expect("good logs").logs,
        ..source(&folder, "")
    };
    std::fs::write(&logs[0], &last).expect("a file");
    let (sent, fed) = sent(&source);
    let statements = sent.iter().filter(|line| line.contains("SELECT"));
    let tables = statements.map(|line| line.contains("FROM u"));
    let expected = [false, false, false, false, true, true];
    assert_eq!(tables.collect::<Vec<_>>(), expected, "{sent:?}");
    // A day passes between them, of which 10 s are kept.
    assert_eq!((fed.statements, fed.cut.as_secs() / 3600), (6, 23));
    assert_eq!(fed.others.len(), 1);
    let at = LoggedAt {
        log: 1,
        place: Place::Line(6),
    };
    assert_eq!(at.shown(&source.logs), format!("{}:6", logs[0].display()));
}

#[test]
fn logs_that_do_not_follow_one_another_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let late = LOG.replace("20:00:04", "20:07:04");
    let logs = written(&folder, &[&late, &LOG.replace("T20:00", "T20:03")]);
    let found = inspect_logs(&logs, &SampleOptions::default(), Writes::Skip);
    let source = Source {
        logs: found.expect("good logs").logs,
        ..source(&folder, &late)
    };
    let why = read(&source, &Mutex::default(), |_| true).expect_err("they overlap");
    let why = why.to_string();
    assert!(
        why.contains("slow.log:26: expected logs that follow"),
        "{why}"
    );
    let mixed = written(&folder, &[LOG, "SELECT 1;\n"]);
    let why = inspect_logs(&mixed, &SampleOptions::default(), Writes::Skip);
    let why = why.expect_err("one has no times");
    assert!(why.contains("slow.log.1` has none"), "{why}");
}
