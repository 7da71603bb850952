use std::io::Write;

use super::*;
use crate::{Progress, SampleOptions, sample};

/// A slow log of one statement at a time.
fn log(time: &str, statement: &str) -> String {
    format!(
        "# Time: {time}\n# User@Host: a[a] @ h []  Id: 1\n# Query_time: 0.5  Lock_time: 0\n{statement};\n"
    )
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).expect("a buffer");
    gzip.finish().expect("a buffer")
}

fn stream(bytes: impl Into<Vec<u8>>) -> Input {
    Input::stream(Cursor::new(bytes.into()), Path::new("standard input")).expect("a buffer")
}

fn names(inputs: &[Input]) -> Vec<String> {
    let names = inputs.iter().map(|input| input.path.file_name());
    names
        .map(|name| name.expect("a name").to_string_lossy().into_owned())
        .collect()
}

#[test]
fn rotated_logs_follow_one_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: Vec<u8>| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        Input::from(path)
    };
    let last = write("slow.log", log("2026-11-28T00:00:00Z", "select 3").into());
    let middle = stream(log("2026-11-27T00:00:00Z", "select 2"));
    let first = write(
        "slow.log.2.gz",
        gzipped(&log("2026-11-26T00:00:00Z", "select 1")),
    );
    let ordered = in_time_order(vec![last, middle, first]).expect("logs");
    assert_eq!(
        names(&ordered),
        ["slow.log.2.gz", "standard input", "slow.log"]
    );
    let mut bytes = 0;
    let show = |progress: Progress| bytes = progress.bytes;
    let sample = sample(ordered, &SampleOptions::default(), show).expect("logs");
    assert!(bytes > 100);
    // One digest, whose statements are in three logs.
    assert_eq!((sample.digests.len(), sample.digests[0].count), (1, 3));
    let found = sample
        .statements
        .iter()
        .map(|own| (own.file, own.statement.as_slice()));
    let expected: [(usize, &[u8]); 3] = [(0, b"select 1"), (1, b"select 2"), (2, b"select 3")];
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn logs_stay_as_they_are_where_one_has_no_time() {
    let timed = stream(log("2026-11-27T00:00:00Z", "select 2"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none.sql");
    std::fs::write(&path, "select 1\n").expect("a file");
    let ordered = in_time_order(vec![timed, Input::from(path)]).expect("logs");
    assert_eq!(names(&ordered), ["standard input", "none.sql"]);
    let missing = in_time_order(vec![
        stream("select 1"),
        Input::from(folder.path().join("x")),
    ]);
    let error = missing.expect_err("there is none").to_string();
    assert!(error.contains("x` cannot be read: "), "{error}");
}

#[test]
fn a_stream_is_recognised_and_read_once() {
    let text = log("2026-11-27T00:00:00Z", "select 1").repeat(2_000);
    assert!(text.len() > 2 * HEAD);
    for bytes in [gzipped(&text), text.clone().into_bytes()] {
        let input = stream(bytes);
        assert_eq!(input.format_of_stream(), Some(Format::SlowLog));
        let sample = sample([input], &SampleOptions::default(), |_| {}).expect("a log");
        assert_eq!((sample.entries, sample.digests.len()), (2_000, 1));
    }
    let input = stream("-- statements\nSELECT 1;\n");
    assert_eq!(input.format_of_stream(), Some(Format::Statements));
    let bytes = input.into_bytes().expect("a buffer");
    assert_eq!(bytes, b"-- statements\nSELECT 1;\n");
    assert_eq!(stream("").format_of_stream(), None);
}
