//! Reads sqllogictest files as steps.

use std::io::Write;

use super::*;

fn steps(text: &[u8]) -> Vec<Result<Step, SuiteError>> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text).expect("its text");
    SltSteps::open(file.path(), SltOptions::default())
        .expect("it opens")
        .collect()
}

#[test]
fn conditions_lose_their_comments_and_hold_for_any_record() {
    let all =
        steps(b"onlyif mssql # not ours\nhalt\n\nskipif mysql>=8.0\nstatement ok\nSELECT 1\n");
    let all: Vec<Step> = all
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("they parse");
    assert_eq!(all.len(), 2);
    assert!(matches!(all[0].action, Action::Halt));
    assert_eq!((all[0].line, all[1].line), (2, 5));
    let facts = crate::suite::Facts {
        flavour: "mysql-9.7".to_owned(),
        family: crate::version::Family::Mysql,
        version: "9.7.4".parse().expect("a version"),
        labels: Vec::new(),
    };
    assert!(!all[0].conditions.hold(&facts));
    assert!(!all[1].conditions.hold(&facts));
}

#[test]
fn a_wrong_record_or_condition_is_told_at_its_line() {
    let wrong = |text: &[u8]| {
        let last = steps(text).pop().expect("something").expect_err("an error");
        last.to_string()
    };
    assert!(wrong(b"statement ok\nSELECT 1\n\nstatment ok\n").contains(":4: "));
    assert!(wrong(b"\n\nonlyif mysql>=x\nhalt\n").contains(":3: "));
    assert!(wrong(b"\n\nquery IT nosort,multiline\nSELECT 1\n").contains(":3: "));
    assert!(wrong(b"\n\ncontrol sortmode no\n").contains(":3: "));
    assert!(wrong(b"\nquery I colnames\nSELECT 1\n----\n\n").contains("names"));
    assert!(wrong(b"\nquery error no\nSELECT 1\n----\nno\n").contains(":4: "));
    assert!(wrong(b"\nstatement ok\n\nSELECT 1\n").contains(":2: "));
    assert!(wrong(b"statement ok\nSELECT 1\n----\n1\n").contains(":1: "));
    let runs_to_the_end = wrong(b"\nsystem ok\n----\na\n\nquery T");
    assert!(runs_to_the_end.contains(":6: "), "{runs_to_the_end}");
}

#[test]
fn a_large_file_is_read_in_chunks_with_right_lines() {
    let mut text = String::new();
    for number in 0..3_000 {
        text.push_str(&format!(
            "# {}\nskipif sqlite # no\nquery I nosort\nSELECT {number}\n----\n{number}\n\n",
            "long ".repeat(40)
        ));
    }
    let all: Vec<Step> = steps(text.as_bytes())
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("they parse");
    assert_eq!(all.len(), 3_000);
    assert!(
        all.iter()
            .enumerate()
            .all(|(at, step)| step.line == at * 7 + 3)
    );
}

#[test]
fn errors_are_read_in_all_their_forms() {
    let all = steps(
        b"statement error (42S02)\nSELECT 1\n\nquery error 1064\nSELECT\n\nstatement error\nX\n",
    );
    let kinds: Vec<ErrorPattern> = all
        .into_iter()
        .map(|step| match step.expect("it parses").action {
            Action::Fails { error, .. } => error,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(matches!(kinds[0], ErrorPattern::State(_)));
    assert!(matches!(kinds[1], ErrorPattern::Text(_)));
    assert!(matches!(kinds[2], ErrorPattern::Any));
}

/// A folder with files, and the steps of its `main.slt`.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<Result<Step, SuiteError>>) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        std::fs::write(path, text).expect("it is written");
    }
    let steps = SltSteps::open(&folder.path().join("main.slt"), SltOptions::default());
    let steps = steps.expect("it opens").collect();
    (folder, steps)
}

#[test]
fn included_files_stand_in_their_places() {
    let (_folder, all) = folder(&[
        (
            "main.slt",
            "statement ok\nA\n\nonlyif mysql\ninclude sub/*.slt\n\nstatement ok\nZ\n",
        ),
        (
            "sub/1.slt",
            "control sortmode rowsort\n\ninclude deep.part\n",
        ),
        ("sub/2.slt", "\n\nstatement ok\nC"),
        ("sub/deep.part", "skipif mariadb\nquery I\nB\n----\n1\n"),
    ]);
    let all: Vec<Step> = all
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("they parse");
    let sql: Vec<_> = all
        .iter()
        .map(|step| step.action.sql().expect("one").text().into_owned())
        .collect();
    assert_eq!(sql, ["A", "B", "C", "Z"]);
    assert_eq!(
        all.iter().map(|step| step.line).collect::<Vec<_>>(),
        [1, 5, 5, 7]
    );
    assert_eq!(all[1].within.as_deref(), Some("sub/deep.part:2"));
    assert_eq!(all[2].within.as_deref(), Some("sub/2.slt:3"));
    assert_eq!(all[3].within, None);
    assert!(
        matches!(&all[1].action, Action::Query { expected, .. } if expected.sort == SortMode::RowSort)
    );
    let facts = crate::suite::Facts {
        flavour: "mariadb-11".to_owned(),
        family: crate::version::Family::Mariadb,
        version: "11.8.9".parse().expect("a version"),
        labels: Vec::new(),
    };
    let hold: Vec<bool> = all
        .iter()
        .map(|step| step.conditions.hold(&facts))
        .collect();
    assert_eq!(hold, [true, false, false, true]);
}

#[test]
fn what_is_wrong_in_an_included_file_is_told_where_it_stands() {
    let told = |files: &[(&str, &str)]| {
        let (_folder, mut all) = folder(files);
        let last = all.pop().expect("something").expect_err("an error");
        last.to_string()
    };
    let wrong = told(&[
        ("main.slt", "\ninclude a.slt\n"),
        ("a.slt", "\n\nstatement maybe\n"),
    ]);
    assert!(
        wrong.contains("a.slt:3: ") && wrong.contains("main.slt:2)"),
        "{wrong}"
    );
    let missing = told(&[("main.slt", "\n\ninclude nowhere.slt\n")]);
    assert!(
        missing.contains("main.slt:3: ") && missing.contains("nowhere.slt"),
        "{missing}"
    );
    let cycle = told(&[
        ("main.slt", "\ninclude a.slt\n"),
        ("a.slt", "\n\ninclude b.slt\n"),
        ("b.slt", "include ./main.slt\n"),
    ]);
    assert!(cycle.contains("b.slt:1: "), "{cycle}");
    let chain: Vec<usize> = ["b.slt:1 from", "a.slt:3 from", "main.slt:2"]
        .iter()
        .map(|part| cycle.rfind(part).expect("in the chain"))
        .collect();
    assert!(chain.is_sorted(), "{cycle}");
}

#[test]
fn names_of_columns_are_the_first_expected_line() {
    let all = steps(b"query IT colnames,rowsort\nSELECT 1\n----\nid  name\n1 a\n");
    let Some(Ok(Step {
        action: Action::Query { expected, .. },
        ..
    })) = all.first()
    else {
        panic!("a query");
    };
    assert_eq!(expected.names.as_deref(), Some("id  name"));
    assert_eq!(expected.lines, ["1 a"]);
    assert_eq!(expected.sort, SortMode::RowSort);
}

#[test]
fn a_message_has_paragraphs_and_ends_at_two_empty_lines() {
    let all = steps(
        b"statement error retry 1 backoff 1s\nA\n----\nfirst\n\nthird\n\n\nstatement ok\nB\n",
    );
    assert_eq!(all.len(), 2);
    let Some(Ok(Step {
        action:
            Action::Fails {
                error: ErrorPattern::Exact(text),
                ..
            },
        ..
    })) = all.first()
    else {
        panic!("an error: {all:?}");
    };
    assert_eq!(text, "first\n\nthird");
    assert_eq!(all[1].as_ref().expect("a step").line, 9);
}

#[test]
fn bytes_that_are_not_utf_8_are_kept() {
    let all = steps(b"\xef\xbb\xbfquery T\r\nSELECT '\xe9', '\\xE9'\r\n----\r\n\xe9\r\n");
    let Some(Ok(Step {
        action: Action::Query { sql, expected, .. },
        ..
    })) = all.first()
    else {
        panic!("a query: {all:?}");
    };
    assert_eq!(sql.bytes(), b"SELECT '\xe9', '\\xE9'");
    assert_eq!(expected.lines, ["\\xE9"]);
}

#[test]
fn substitution_holds_from_its_line_on() {
    let all = steps(b"query T\n'$HOME'\n----\n1\n\ncontrol substitution on\n\nlet (a, b)\nB\n\ncontrol substitution off\n\nstatement ok\nC\n");
    let all: Vec<Step> = all
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("they parse");
    let substitutes: Vec<bool> = all.iter().map(|step| step.substitutes).collect();
    assert_eq!(substitutes, [false, true, false]);
    assert!(matches!(&all[1].action, Action::Let { variables, .. } if *variables == ["a", "b"]));
}

#[test]
fn a_command_is_run_only_where_the_suite_allows_it() {
    let told = steps(b"\nsystem ok\necho a\n").pop().expect("something");
    let told = told.expect_err("it is refused").to_string();
    assert!(
        told.contains(":2: `system`") && told.contains("allow-system = true"),
        "{told}"
    );
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"system error retry 2 backoff 1s\necho a\necho b\n----\na\n\nb\n\n\nhalt\n")
        .expect("its text");
    let allowed = SltOptions { allow_system: true };
    let steps = SltSteps::open(file.path(), allowed).expect("it opens");
    let all: Vec<Step> = steps.collect::<Result<_, _>>().expect("they parse");
    let Action::System(command) = &all[0].action else {
        panic!("a command: {all:?}");
    };
    assert!(command.must_fail);
    assert_eq!(command.output.as_deref(), Some("a\n\nb"));
    assert_eq!(command.text.bytes(), b"echo a\necho b");
    assert_eq!(Some(command.folder.as_path()), file.path().parent());
    assert_eq!(all[0].retry, Some((2, std::time::Duration::from_secs(1))));
    assert!(matches!(all[1].action, Action::Halt));
}

#[test]
fn comments_harm_replicas_before_the_next_step() {
    let text = b"# for people\n# dbmatrix: pause replica-1\nconnection replica-2\n\
                 # dbmatrix: stop replica-2\nstatement ok\nSELECT 1\n\nstatement ok\nSELECT 2\n";
    let all = steps(text).into_iter().collect::<Result<Vec<_>, _>>();
    let all = all.expect("they parse");
    let faults = |step: &Step| step.faults.iter().map(Fault::to_string).collect::<Vec<_>>();
    assert_eq!(faults(&all[0]), ["pause replica-1", "stop replica-2"]);
    assert_eq!(faults(&all[1]), [""; 0]);
    let last = steps(b"statement ok\nSELECT 1\n\n# dbmatrix: kill replica-1\nhalt\n").pop();
    let told = last.expect("something").expect_err("an error").to_string();
    assert!(told.contains(":4: expected `dbmatrix:` with"), "{told}");
}

#[test]
fn a_comment_behind_the_last_record_harms_a_replica_at_the_end() {
    let all = steps(b"statement ok\nSELECT 1\n\n# dbmatrix: stop replica-1\n\n# the end\n");
    let all: Vec<Step> = all
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("they parse");
    assert_eq!(all.len(), 2);
    assert!(matches!(all[1].action, Action::Halt));
    assert_eq!(all[1].faults[0].to_string(), "stop replica-1");
}

#[test]
fn a_comment_of_an_included_file_harms_a_replica_unless_a_condition_holds_for_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    write("part.slt", "# dbmatrix: pause replica-1\n");
    let read = |text: &str| {
        let path = write("whole.slt", text);
        let steps = SltSteps::open(&path, SltOptions::default()).expect("it opens");
        steps.collect::<Result<Vec<_>, _>>()
    };
    let all = read("include part.slt\n\nstatement ok\nSELECT 1\n").expect("they parse");
    assert_eq!((all.len(), all[0].faults.len()), (1, 1));
    let told = read("onlyif mysql\ninclude part.slt\n").expect_err("an error");
    let told = told.to_string();
    assert!(
        told.contains("part.slt:1: expected no `dbmatrix:`"),
        "{told}"
    );
}
