use super::*;

fn steps(text: &[u8]) -> Vec<Result<Step, SuiteError>> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("its text");
    SqlSteps::open(file.path()).expect("it opens").collect()
}

fn text_of(step: &Step) -> String {
    let sql = step.action.sql();
    sql.map(|sql| sql.text().into_owned()).unwrap_or_default()
}

fn write(folder: &Path, files: &[(&str, &str)]) -> PathBuf {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder.join(files[0].0)
}

#[test]
fn a_wrong_condition_is_told_at_its_line_and_ends_the_file() {
    let mut all = steps(b"SELECT 1;\n-- onlyif mysql>=x\nSELECT 2;\nSELECT 3;");
    let told = all.pop().expect("something").expect_err("an error");
    assert_eq!(all.len(), 1);
    assert!(told.to_string().contains(":2: "), "{told}");
}

#[test]
fn a_comment_harms_a_replica_before_its_statement() {
    let mut all =
        steps(b"SELECT 1;\n-- dbmatrix: pause replica-1\nSELECT 2;\n-- dbmatrix: x\nSELECT 3;");
    let told = all.pop().expect("something").expect_err("an error");
    assert!(told.to_string().contains(":4: "), "{told}");
    let second = all.pop().expect("two").expect("it is read");
    assert_eq!(second.faults.len(), 1);
    assert_eq!(second.faults[0].to_string(), "pause replica-1");
}

#[test]
fn no_comment_that_harms_a_replica_is_lost() {
    let text = b"-- dbmatrix: stop replica-1\nresetconnection\n\
                 -- dbmatrix: start replica-1\nquit\nSELECT 1;\n";
    let all: Vec<Step> = steps(text)
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("they are read");
    let faults = |step: &Step| step.faults.iter().map(Fault::to_string).collect::<Vec<_>>();
    assert_eq!(faults(&all[0]), ["stop replica-1"]);
    assert!(matches!(all[0].action, Action::ResetConnection));
    assert_eq!(faults(&all[1]), ["start replica-1"]);
    assert!(matches!(all[1].action, Action::Halt));
    let last = steps(b"SELECT 1;\n-- dbmatrix: pause replica-2");
    let last = last.last().expect("two").as_ref().expect("it is read");
    assert_eq!(
        (last.line, faults(last)),
        (2, vec!["pause replica-2".to_owned()])
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(
        folder.path(),
        &[
            (
                "a.sql",
                "-- dbmatrix: pause replica-1\nsource b.sql\nSELECT 2;\n",
            ),
            ("b.sql", "-- dbmatrix: stop replica-2\n"),
        ],
    );
    let all: Result<Vec<Step>, _> = SqlSteps::open(&path).expect("it opens").collect();
    let all = all.expect("they are read");
    assert_eq!(all.len(), 1);
    assert_eq!(faults(&all[0]), ["pause replica-1", "stop replica-2"]);
}

#[test]
fn a_file_is_bytes_and_holds_no_zero() {
    let all = steps(b"SET NAMES latin1;\nSELECT 'caf\xe9';\nSELECT '\0';\nSELECT 3;\n");
    assert_eq!(all.len(), 3);
    let second = all[1].as_ref().expect("it is read");
    let sql = second.action.sql().expect("a statement");
    assert_eq!(sql.bytes(), b"SELECT 'caf\xe9'");
    assert_eq!(sql.text(), "SELECT 'caf\\xE9'");
    let told = all[2].as_ref().expect_err("a byte 0").to_string();
    assert!(told.contains(":3: "), "{told}");
}

#[test]
fn commands_are_steps_where_a_server_is_asked() {
    let all =
        steps(b"use w\n\\C gbk\nstatus\nresetconnection\nconnect w\nSELECT 1;\nquit\nSELECT 2;\n");
    let all: Vec<Step> = all
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("they are read");
    let sent = |at: usize| all[at].action.sql().expect("a statement").bytes();
    assert_eq!((sent(0), &*text_of(&all[0])), (&b"USE `w`"[..], "use w"));
    assert_eq!(
        (sent(1), &*text_of(&all[1])),
        (&b"SET NAMES gbk"[..], "\\C gbk")
    );
    assert!(matches!(all[2].action, Action::ResetConnection));
    assert!(matches!(
        &all[3].action,
        Action::Connect { database: Some(_) }
    ));
    assert_eq!((all.len(), all[4].line), (5, 6));
}

#[test]
fn commands_that_are_refused_are_named_at_their_line() {
    for command in [
        "system ls",
        "\\! ls",
        "pager less",
        "edit",
        "tee x",
        "query_attributes a b",
    ] {
        let all = steps(format!("SELECT 1;\n{command}\nSELECT 2;\n").as_bytes());
        let told = all[1].as_ref().expect_err("refused").to_string();
        assert!(
            told.contains(":2: ") && told.contains("client's command"),
            "{told}"
        );
        assert_eq!(all.len(), 2);
    }
    let all = steps(b"-- onlyif mysql\nconnect\n");
    let told = all[0].as_ref().expect_err("a condition").to_string();
    assert!(told.contains(":1: "), "{told}");
}

#[test]
fn a_file_that_another_names_is_read_in_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let main = write(
        folder.path(),
        &[
            (
                "main.sql",
                "SELECT 1;\nsource sub/a.sql\n-- onlyif mysql\nSELECT 4;\n",
            ),
            ("sub/a.sql", "-- a\n\nSELECT 2;\n\\. b.sql\nDELIMITER //\n"),
            ("sub/b.sql", "SELECT 3"),
        ],
    );
    let text = std::fs::read_to_string(&main).expect("it is there");
    std::fs::write(&main, text + "//\nSELECT 5//\n").expect("it is written");
    let all: Vec<Step> = SqlSteps::open(&main)
        .expect("it opens")
        .collect::<Result<_, _>>()
        .expect("they are read");
    let places: Vec<_> = all
        .iter()
        .map(|step| (text_of(step), step.line, step.within.as_deref()))
        .collect();
    let expected = [
        ("SELECT 1".to_owned(), 1, None),
        ("SELECT 2".to_owned(), 2, Some("sub/a.sql:3")),
        ("SELECT 3".to_owned(), 2, Some("sub/b.sql:1")),
        ("SELECT 4;".to_owned(), 4, None),
        ("SELECT 5".to_owned(), 6, None),
    ];
    assert_eq!(places, expected);
}

#[test]
fn a_cycle_of_files_is_told_with_its_chain() {
    let folder = tempfile::tempdir().expect("a folder");
    let main = write(
        folder.path(),
        &[
            ("a.sql", "source b.sql\n"),
            ("b.sql", "\n\nsource ./a.sql\n"),
        ],
    );
    let all: Vec<_> = SqlSteps::open(&main).expect("it opens").collect();
    let told = all[0].as_ref().expect_err("a cycle").to_string();
    assert!(
        told.contains("b.sql:3: ") && told.contains("found a cycle"),
        "{told}"
    );
    let none: Vec<_> = steps(b"\nsource no-such-file.sql\n");
    let told = none[0].as_ref().expect_err("no file").to_string();
    assert!(
        told.contains(":2: ") && told.contains("no-such-file.sql"),
        "{told}"
    );
}

#[test]
fn reading_goes_back_to_the_end_of_a_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let main = write(
        folder.path(),
        &[
            (
                "a.sql",
                "SELECT 0;\nsource b.sql\nSELECT 'a\\'; SELECT 2; -- '\n",
            ),
            ("b.sql", "SELECT 1; SELECT 'x\\';\nSELECT 'y';\n"),
        ],
    );
    let plain = Modes {
        no_backslash_escapes: true,
        ..Modes::default()
    };
    let mut steps = SqlSteps::open(&main).expect("it opens");
    let mut texts = Vec::new();
    while let Some(step) = steps.next() {
        texts.push(text_of(&step.expect("it is read")));
        if texts.len() == 2 {
            let mark = steps.mark();
            // The steps that were read ahead are read again.
            let _ = (steps.next(), steps.next());
            steps.resume(mark, plain).expect("it can");
        }
    }
    let expected = [
        "SELECT 0",
        "SELECT 1",
        "SELECT 'x\\'",
        "SELECT 'y'",
        "SELECT 'a\\'",
        "SELECT 2",
    ];
    assert_eq!(texts, expected);
}

/// Files written by an earlier reader must match this one.
#[test]
fn statements_are_those_of_the_stored_expectations() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sql");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let Ok(stored) = std::fs::read_to_string(crate::suite::expectation_path(&path)) else {
            continue;
        };
        let stored: Vec<&str> = stored
            .lines()
            .filter_map(|line| line.strip_prefix("== "))
            .collect();
        let steps = SqlSteps::open(&path).expect("it opens");
        let texts = steps.map(|step| text_of(&step.expect("it is read")));
        let found: Vec<String> = texts.map(|text| crate::suite::one_line(&text)).collect();
        assert_eq!(found, stored, "{}", path.display());
        checked += stored.len();
    }
    assert!(checked > 0, "no expectation was found");
}
