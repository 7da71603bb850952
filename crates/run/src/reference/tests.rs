//! References of fabricated answers.

mod fixture;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use dbmatrix_flavours::matrix::Writes;
use dbmatrix_report::event::CaseResult;
use dbmatrix_sql::compare::Kinds;
use dbmatrix_sql::suite::Action;

use super::*;
use crate::workload::Workload;
use fixture::{Fixture, LOG, SUITE, facts, lines_of, outcome, servers, step};

#[test]
fn recorded_answers_compare_as_live_ones_do() {
    let fixture = Fixture::new();
    let (old, new) = (("old", [1, -1]), ("new", [2, -1]));
    let live = fixture.compare(&["old", "new"], None, None, &[old, new]);
    assert_eq!(live, ["6: old | new"]);
    fixture.record(&[old]);
    let reference = Arc::new(fixture.open());
    let title = reference.flavours()[0].title.clone();
    let later = fixture.compare(&["new"], Some(reference), None, &[new]);
    assert_eq!(later, [format!("6: {title} | new")]);
}

#[test]
fn several_flavours_are_recorded_and_one_that_was_not_available_is_left_out() {
    let fixture = Fixture::new();
    let names = ["old", "away", "older"];
    let recording = fixture.begin(&names);
    let answers = [("old", [1, 1]), ("older", [1, 0])];
    fixture.compare(&names, None, Some(&recording), &answers);
    recording.finish(&servers(&names)).expect("it is whole");
    let reference = fixture.open();
    let found = reference.flavours().iter();
    let found: Vec<(&str, usize)> = found
        .map(|one| (one.facts.flavour.as_str(), one.at))
        .collect();
    assert_eq!(found, [("old", 0), ("older", 2)]);
    let live = fixture.compare(
        &["new"],
        Some(Arc::new(reference)),
        None,
        &[("new", [1, 1])],
    );
    assert_eq!(live, [""; 0]);
}

#[test]
fn what_runs_of_a_log_is_in_its_reference() {
    let fixture = Fixture::new();
    fixture.record(&[("old", [1, 1])]);
    let reference = fixture.open();
    let restored = reference.workload(SUITE, &["elsewhere".into()]);
    let restored = restored.expect("good statements").expect("a log");
    let sampled = fixture.workload();
    assert_eq!(restored.facts(), sampled.facts());
    let shown = |workload: &Workload, file: &Path| {
        let steps = workload.steps(file);
        let steps = steps.iter().map(|step| match &step.action {
            Action::Use { database } => format!("{} use {database:?}", step.line),
            action => format!("{} {}", step.line, action.shown()),
        });
        steps.collect::<Vec<_>>()
    };
    let restored = shown(&restored, Path::new("elsewhere"));
    assert_eq!(restored, shown(&sampled, &fixture.log));
    assert_eq!(restored.len(), 3);
}

#[test]
fn nothing_of_where_a_server_is_comes_into_the_file() {
    let fixture = Fixture::new();
    fixture.record(&[("old", [1, 1])]);
    let lines = fixture.lines();
    assert!(
        lines.iter().all(|line| !line.contains("secret")),
        "{lines:?}"
    );
    assert!(lines[0].contains(r#""writes":"skip""#), "{}", lines[0]);
}

#[test]
fn a_recording_that_ends_early_leaves_the_former_file_and_nothing_else() {
    let fixture = Fixture::new();
    fs::write(&fixture.path, "before").expect("a file");
    drop(fixture.begin(&["old"]));
    let recording = fixture.begin(&["old"]);
    let error = recording.finish(&servers(&["old"])).expect_err("no answer");
    assert!(error.to_string().contains("no flavour has answered"));
    recording.note_flavour(&facts("old"));
    recording.note_result("old", 0, &CaseResult::aborted("it went away"));
    let error = recording.finish(&servers(&["old"])).expect_err("aborted");
    assert!(error.to_string().contains("old: it went away"), "{error}");
    assert_eq!(fs::read_to_string(&fixture.path).expect("a file"), "before");
    let entries = fs::read_dir(fixture.folder.path()).expect("a folder");
    let names: BTreeSet<_> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_cut_reference_is_refused_wherever_it_is_cut() {
    let fixture = Fixture::new();
    fixture.record(&[("old", [1, 1])]);
    let whole = fs::read(&fixture.path).expect("a file");
    for end in 0..whole.len() {
        fs::write(&fixture.path, &whole[..end]).expect("a file");
        let told = fixture.refusal_of_file();
        assert!(
            told.contains("is cut") || told.contains("expected a reference"),
            "{told}"
        );
    }
    let lines = lines_of(&whole);
    let last = lines.len() - 1;
    insta::assert_snapshot!(fixture.refusal(&lines[..last]), @"reference.zst: the reference is cut after line 8; copy it again, or record it again");
}

#[test]
fn a_changed_byte_is_found_or_does_no_harm() {
    let fixture = Fixture::new();
    fixture.record(&[("old", [1, 1])]);
    let whole = fs::read(&fixture.path).expect("a file");
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(&fixture.path, &changed).expect("a file");
        // The header of a zstd frame has bits that mean nothing.
        if Reference::open(&fixture.path).is_ok() {
            let plain = zstd::decode_all(&*changed).expect("zstd");
            assert_eq!(
                lines_of(&whole).join("\n") + "\n",
                String::from_utf8_lossy(&plain)
            );
        }
    }
}

#[test]
fn what_is_no_reference_is_refused_by_its_reason() {
    let fixture = Fixture::new();
    fixture.record(&[("old", [1, 1])]);
    let lines = fixture.lines();
    let with = |at: usize, from: &str, to: &str| {
        let mut lines = lines.clone();
        assert!(lines[at].contains(from), "{}", lines[at]);
        lines[at] = lines[at].replace(from, to);
        lines
    };
    let last = lines.len() - 1;
    let mut twice = lines.clone();
    twice.push(lines[last].clone());
    let mut turned = lines.clone();
    turned.swap(1, last - 1);
    let cases = [
        vec!["SELECT 1".to_owned()],
        with(0, "\"format\":1", "\"format\":3"),
        with(0, "\"writes\":\"skip\"", "\"writes\":\"all\""),
        with(1, "digest", "digests"),
        with(last, "\"answers\":2", "\"answers\":3"),
        with(last, "\"old\"", r#""../\u001b[2J""#),
        with(last, "\"passed\":2", "\"passed\":18446744073709551615"),
        with(last - 1, "}]}", "},null]}"),
        with(last - 1, "}]}", &format!("}}{}]}}", ",null".repeat(1000))),
        twice,
        turned,
    ];
    let told: Vec<String> = cases.iter().map(|lines| fixture.refusal(lines)).collect();
    fs::write(&fixture.path, "SELECT 1;\n").expect("a file");
    let other = fixture.refusal_of_file();
    insta::assert_snapshot!(format!("{}\n{other}", told.join("\n")), @r"
    reference.zst: expected a reference, as `dbmatrix record` writes it; found another file
    reference.zst: expected a reference of format 2 or older; found format 3; use the dbmatrix that recorded it, or a newer one
    reference.zst: line 9 of the reference is damaged: it has unknown options; copy it again, or record it again
    reference.zst: line 2 of the reference is damaged: unknown variant `digests`, expected one of `reference`, `digest`, `statement`, `text`, `answer`, `end` at column 10; copy it again, or record it again
    reference.zst: line 9 of the reference is damaged: there are more or fewer answers than it says; copy it again, or record it again
    reference.zst: line 9 of the reference is damaged: expected a name of at most 45 letters, digits, hyphens and dots that begins with a letter; found `../\u{1b}[2J`; copy it again, or record it again
    reference.zst: line 9 of the reference is damaged: its counts are too large; copy it again, or record it again
    reference.zst: line 8 of the reference is damaged: it has another number of flavours than the others; copy it again, or record it again
    reference.zst: line 8 of the reference is damaged: invalid length 1001, expected at most 1000 flavours at column 11293; copy it again, or record it again
    reference.zst: line 10 of the reference is damaged: it is not in its place; copy it again, or record it again
    reference.zst: line 3 of the reference is damaged: it is not in its place; copy it again, or record it again
    reference.zst: expected a reference, as `dbmatrix record` writes it; found another file
    ");
}

#[test]
fn a_statement_that_writes_does_not_run_from_a_reference() {
    let fixture = Fixture::new();
    fixture.record(&[("old", [1, 1])]);
    let lines: Vec<String> = fixture
        .lines()
        .iter()
        .map(|line| line.replace("SELECT c FROM t", "DELETE FROM t"))
        .collect();
    let text = lines.join("\n") + "\n";
    let changed = zstd::encode_all(text.as_bytes(), 1).expect("zstd");
    fs::write(&fixture.path, changed).expect("a file");
    let reference = fixture.open();
    assert_eq!(reference.writes(), Some(Writes::Skip));
    let error = reference
        .workload(SUITE, std::slice::from_ref(&fixture.log))
        .expect_err("it writes");
    assert!(
        error.to_string().contains("the statement of line 10"),
        "{error}"
    );
}

#[test]
fn another_input_and_the_name_of_a_live_flavour_are_refused() {
    let fixture = Fixture::new();
    fixture.record(&[("old", [1, 1])]);
    let reference = fixture.open();
    reference
        .check_input(std::slice::from_ref(&fixture.log), "slow.log")
        .expect("the recorded one");
    fs::write(&fixture.log, format!("{LOG}# more\n")).expect("a file");
    let error = reference
        .check_input(std::slice::from_ref(&fixture.log), "slow.log")
        .expect_err("another one");
    assert!(error.to_string().contains("another input than"), "{error}");
    reference
        .check_names(["new"].into_iter())
        .expect("another name");
    let error = reference
        .check_names(["new", "old"].into_iter())
        .expect_err("the same name");
    assert!(
        error
            .to_string()
            .contains("`old` is a flavour of the reference"),
        "{error}"
    );
}

#[test]
fn a_file_of_statements_is_in_its_reference() {
    let fixture = Fixture::new();
    let sql = fixture.folder.path().join("a.sql");
    let text = [
        b"SELECT '\xff\\xFF';\n".to_vec(),
        b"-- more\n".repeat(20_000),
    ]
    .concat();
    fs::write(&sql, &text).expect("a file");
    let source = Source {
        program: "dbmatrix 0.1.0",
        title: "a.sql",
        files: std::slice::from_ref(&sql),
        is_stream: false,
        log: None,
    };
    let names = ["old".to_owned()];
    let recording = Recording::begin(&fixture.path, source, None, names.into_iter());
    let recording = recording.expect("it is written");
    recording.note_flavour(&facts("old"));
    recording.note_result("old", 0, &CaseResult::default());
    recording.finish(&servers(&["old"])).expect("it is whole");
    let reference = fixture.open();
    assert_eq!(reference.writes(), None);
    let folder = tempfile::tempdir().expect("a folder");
    let found = reference.extract(folder.path()).expect("it is written");
    assert_eq!(fs::read(found).expect("a file"), text);
    let mut lines = fixture.lines();
    lines[1] = lines[1].replace("SELECT", "DELETE");
    let told = fixture.refusal(&lines);
    assert!(
        told.contains("the text of its input is another one"),
        "{told}"
    );
}

#[test]
fn a_file_that_includes_others_is_not_recorded() {
    let fixture = Fixture::new();
    let sql = fixture.folder.path().join("a.sql");
    fs::write(&sql, "SELECT 1;\nsource b.sql\n").expect("a file");
    fs::write(fixture.folder.path().join("b.sql"), "SELECT 2;\n").expect("a file");
    let source = Source {
        program: "dbmatrix 0.1.0",
        title: "a.sql",
        files: std::slice::from_ref(&sql),
        is_stream: false,
        log: None,
    };
    let error = Recording::begin(&fixture.path, source, None, std::iter::empty());
    let error = error.expect_err("it includes another");
    assert!(
        error.to_string().contains("includes others in line 2"),
        "{error}"
    );
}

#[test]
fn a_line_has_a_longest_length() {
    let text = vec![b'a'; format::LONGEST_LINE + 1];
    let mut line = Vec::new();
    let error = lines::read_line(&mut &*text, &mut line).expect_err("it is too long");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(line.len() <= format::LONGEST_LINE);
}

#[test]
fn several_logs_are_one_input() {
    let fixture = Fixture::new();
    let second = fixture.folder.path().join("slow.log.1");
    fs::write(&second, LOG.replace("SELECT c", "SELECT d")).expect("a file");
    let logs = [fixture.log.clone(), second];
    let sample = dbmatrix_workload::sample(&logs, &fixture.spec.sample, |_| {}).expect("logs");
    let workload = Workload::new(SUITE, sample, fixture.spec.writes);
    let source = Source {
        program: "dbmatrix 0.1.0",
        title: "slow.log, slow.log.1",
        files: &logs,
        is_stream: false,
        log: Some(&fixture.spec),
    };
    let names = ["old".to_owned()];
    let begun = Recording::begin(&fixture.path, source, Some(&workload), names.into_iter());
    let recording = begun.expect("it is written");
    recording.note_flavour(&facts("old"));
    // The answers to both logs arrive in any order.
    for (log, line, answer) in [(1, 6, 3), (0, 6, 1), (0, 10, 2), (1, 10, 4)] {
        recording
            .write(log, step(line), vec![outcome(answer)])
            .expect("it is written");
    }
    let result = |passed| CaseResult {
        passed,
        ..CaseResult::default()
    };
    recording.note_result("old", 1, &result(4));
    let error = recording
        .finish(&servers(&["old"]))
        .expect_err("one is missing");
    assert!(
        error.to_string().contains("old: it has not answered"),
        "{error}"
    );
    recording.note_result("old", 0, &result(2));
    recording.finish(&servers(&["old"])).expect("it is whole");

    let reference = fixture.open();
    assert_eq!(reference.logs().len(), 2);
    let passed = reference.flavours()[0]
        .results
        .iter()
        .map(|result| result.passed);
    assert_eq!(passed.collect::<Vec<_>>(), [2, 4]);
    let lines = |log: usize| {
        let mut answers = reference.answers(log);
        let mut lines = Vec::new();
        while let Some((line, _, came)) = answers.next().expect("an answer") {
            let rows = came[0].as_ref().map(|came| came.answer.shown(Kinds::NONE));
            lines.push((line, rows));
        }
        lines
    };
    let shown = |number: i64| outcome(number).map(|came| came.answer.shown(Kinds::NONE));
    assert_eq!(lines(0), [(6, shown(1)), (10, shown(2))]);
    assert_eq!(lines(1), [(6, shown(3)), (10, shown(4))]);
    reference
        .check_input(&logs, "both")
        .expect("the recorded ones");
    let error = reference
        .check_input(&logs[..1], "one")
        .expect_err("one of them");
    assert!(
        error.to_string().contains("another input than `one`"),
        "{error}"
    );
    let files = ["a".into(), "b".into()];
    let restored = reference.workload(SUITE, &files).expect("good statements");
    let restored = restored.expect("logs");
    for (file, log) in files.iter().zip(&logs) {
        let statements = |workload: &Workload, file: &Path| {
            let all = workload
                .statements(file)
                .map(|(line, _, sql)| (line, sql.text().into_owned()));
            all.collect::<Vec<_>>()
        };
        assert_eq!(statements(&restored, file), statements(&workload, log));
    }

    let lines = fixture.lines();
    let other = |from: &str, to: &str| {
        let changed: Vec<String> = lines.iter().map(|line| line.replace(from, to)).collect();
        assert_ne!(lines, changed);
        fixture.refusal(&changed)
    };
    assert!(other("\"log\":1", "\"log\":2").contains("it belongs to no log"));
    assert!(other("\"further\":", "\"more\":").contains("another number of logs"));
}
