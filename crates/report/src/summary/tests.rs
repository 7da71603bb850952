//! Summaries of fabricated events.

use std::path::PathBuf;
use std::time::Duration;

use dbmatrix_sql::compare::Kind;

use super::*;
use crate::event::{
    DifferenceStatus, Divergence, Event, Failure, Group, Reason, ServerFacts, Stale,
};

fn ready(record: &mut RunRecord, flavour: &str, version: &str) {
    record.on_event(Event::FlavourReady {
        flavour: flavour.to_owned(),
        server: ServerFacts {
            version: version.to_owned(),
            ..ServerFacts::default()
        },
        address: "10.66.7.11:3306".to_owned(),
        took: Duration::from_secs(2),
    });
}

fn missing(record: &mut RunRecord, flavour: &str) {
    record.on_event(Event::FlavourUnavailable {
        flavour: flavour.to_owned(),
        required: false,
        reason: "repository `https://repo.example/` is not reached from here:\nno route to host"
            .to_owned(),
    });
}

fn ended(record: &mut RunRecord, flavour: &str, suite: &str, file: &str, result: CaseResult) {
    record.on_event(Event::CaseFinished {
        flavour: flavour.to_owned(),
        suite: suite.to_owned(),
        file: PathBuf::from(file),
        result,
    });
}

fn passed(passed: usize) -> CaseResult {
    CaseResult {
        passed,
        ..CaseResult::default()
    }
}

fn failed(passed: usize, failures: Vec<Failure>) -> CaseResult {
    CaseResult {
        passed,
        failed: failures.len(),
        failures,
        ..CaseResult::default()
    }
}

fn rounding() -> Failure {
    Failure {
        line: 12,
        statement: "SELECT 1/3".to_owned(),
        expected: "0.3333".to_owned(),
        found: "0.333333".to_owned(),
        why: "other rows".to_owned(),
        kind: Some(Kind::Rows),
        known: None,
    }
}

fn other_order() -> Failure {
    Failure {
        line: 40,
        statement: "SELECT a, b\nFROM t\nORDER BY a".to_owned(),
        expected: "1\tx\n2\ty\n3\tz".to_owned(),
        found: "1\tx\n2\tY\n3\tz".to_owned(),
        why: "other rows".to_owned(),
        kind: Some(Kind::Rows),
        known: None,
    }
}

/// A suite in which one file fails in the same way on two flavours.
fn sample() -> RunRecord {
    let mut record = RunRecord::default();
    record.on_event(Event::RunStarted {
        schema: 1,
        program: "dbmatrix 0.1.0".to_owned(),
        began: "2026-11-23T17:45:39Z".to_owned(),
        matrix: PathBuf::from("matrices/mysql.toml"),
        flavours: ["mysql-9.7", "mariadb-10.5", "percona-8.4"]
            .map(str::to_owned)
            .to_vec(),
        shard: None,
        strict: false,
    });
    ready(&mut record, "mysql-9.7", "9.7.4-2");
    ready(&mut record, "mariadb-10.5", "10.5.29-MariaDB-0+deb11u1");
    missing(&mut record, "percona-8.4");
    for flavour in ["mysql-9.7", "mariadb-10.5"] {
        let skipped = CaseResult {
            skipped: 4,
            ..CaseResult::default()
        };
        ended(&mut record, flavour, "json", "sql/json.slt", skipped);
        ended(&mut record, flavour, "types", "sql/dates.slt", passed(20));
        let failures = match flavour {
            "mysql-9.7" => vec![rounding()],
            _ => vec![rounding(), other_order()],
        };
        let result = failed(10, failures);
        ended(&mut record, flavour, "types", "sql/numbers.slt", result);
    }
    record.on_event(Event::Warning {
        text: "the nest's memory limit is set and not enforced".to_owned(),
    });
    record
}

/// Names and versions as wide as real ones.
fn wide(flavours: usize, suites: usize) -> RunRecord {
    let mut record = RunRecord::default();
    for number in 0..flavours {
        let flavour = format!("mariadb-10.{number}");
        ready(&mut record, &flavour, &format!("10.{number}.18-MariaDB"));
        for suite in 0..suites {
            let suite = format!("suite-{suite}");
            let result = match number {
                3 => failed(131, vec![rounding()]),
                _ => passed(132),
            };
            ended(&mut record, &flavour, &suite, "sql/one.slt", result);
        }
    }
    record
}

fn shown(record: &mut RunRecord, width: u16, took: Duration) -> String {
    record.took = took;
    Summary::of(record).render(width)
}

fn table_of(text: &str) -> String {
    let is_frame = |line: &&str| line.starts_with(['┌', '│', '╞', '└', '├']);
    text.lines().filter(is_frame).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_failure_is_told_once_with_its_flavours() {
    let text = shown(&mut sample(), 100, Duration::from_millis(1250));
    insta::assert_snapshot!(text, @r"
    ┌───────────────┬───────────┬──────────────┬─────────────┐
    │ suite         ┆ mysql-9.7 ┆ mariadb-10.5 ┆ percona-8.4 │
    │               ┆     9.7.4 ┆      10.5.29 ┆           - │
    ╞═══════════════╪═══════════╪══════════════╪═════════════╡
    │ json          ┆      skip ┆         skip ┆ unavailable │
    │ types         ┆ FAIL 1/31 ┆    FAIL 2/32 ┆ unavailable │
    │   numbers.slt ┆ FAIL 1/11 ┆    FAIL 2/12 ┆ unavailable │
    └───────────────┴───────────┴──────────────┴─────────────┘

    FAIL sql/numbers.slt:12: other rows on mysql-9.7, mariadb-10.5
        | SELECT 1/3
        expected: 0.3333
        found: 0.333333

    FAIL sql/numbers.slt:40: other rows on mariadb-10.5
        | SELECT a, b
        | FROM t
        | ORDER BY a
        - expected, + found
        @@ -1,3 +1,3 @@
         1	x
        -2	y
        +2	Y
         3	z

    percona-8.4: unavailable (not required)
      repository `https://repo.example/` is not reached from here:
      no route to host

    warnings:
      the nest's memory limit is set and not enforced

    failed: 60 passed, 3 failed, 8 skipped steps on 2 flavours (1 unavailable) in 1.2 s
    ");
}

#[test]
fn all_files_have_rows_where_wanted() {
    let record = sample();
    let mut summary = Summary::of(&record);
    summary.set_detail(Detail::Files);
    let text = summary.render(100);
    insta::assert_snapshot!(table_of(&text), @r"
    ┌───────────────┬───────────┬──────────────┬─────────────┐
    │ suite         ┆ mysql-9.7 ┆ mariadb-10.5 ┆ percona-8.4 │
    │               ┆     9.7.4 ┆      10.5.29 ┆           - │
    ╞═══════════════╪═══════════╪══════════════╪═════════════╡
    │ json          ┆      skip ┆         skip ┆ unavailable │
    │   json.slt    ┆      skip ┆         skip ┆ unavailable │
    │ types         ┆ FAIL 1/31 ┆    FAIL 2/32 ┆ unavailable │
    │   dates.slt   ┆     ok 20 ┆        ok 20 ┆ unavailable │
    │   numbers.slt ┆ FAIL 1/11 ┆    FAIL 2/12 ┆ unavailable │
    └───────────────┴───────────┴──────────────┴─────────────┘
    ");
}

#[test]
fn a_file_that_ended_early_is_an_error_with_its_reason() {
    let mut record = RunRecord::default();
    ready(&mut record, "mysql-9.7", "9.7.4");
    let result = CaseResult {
        aborted: Some("connection lost: server has gone away".to_owned()),
        failed: 60,
        failures: vec![rounding()],
        ..passed(3)
    };
    ended(&mut record, "mysql-9.7", "types", "sql/types.slt", result);
    let text = shown(&mut record, 80, Duration::from_secs(200));
    insta::assert_snapshot!(text, @r"
    ┌───────┬───────────┐
    │ suite ┆ mysql-9.7 │
    │       ┆     9.7.4 │
    ╞═══════╪═══════════╡
    │ types ┆     ERROR │
    └───────┴───────────┘

    FAIL sql/types.slt:12: other rows on mysql-9.7
        | SELECT 1/3
        expected: 0.3333
        found: 0.333333

    59 more failures in sql/types.slt on mysql-9.7

    ERROR sql/types.slt aborted on mysql-9.7
        connection lost: server has gone away

    failed: 3 passed, 60 failed, 0 skipped steps, 1 file aborted on 1 flavour in 3 min 20 s
    ");
}

#[test]
fn flavours_that_are_only_brought_up_are_listed() {
    let mut record = RunRecord::default();
    ready(&mut record, "mysql-9.7", "9.7.4-2");
    missing(&mut record, "percona-8.4");
    insta::assert_snapshot!(shown(&mut record, 80, Duration::from_secs(3)), @r"
    ┌─────────────┬─────────────┐
    │ flavour     ┆      server │
    ╞═════════════╪═════════════╡
    │ mysql-9.7   ┆       9.7.4 │
    │ percona-8.4 ┆ unavailable │
    └─────────────┴─────────────┘

    percona-8.4: unavailable (not required)
      repository `https://repo.example/` is not reached from here:
      no route to host

    ready: 1 flavour (1 unavailable) in 3.0 s
    ");
}

#[test]
fn a_table_that_is_too_wide_is_turned() {
    let text = shown(&mut wide(10, 3), 80, Duration::ZERO);
    insta::assert_snapshot!(table_of(&text), @r"
    ┌──────────────┬─────────┬────────────┬────────────┬────────────┐
    │ flavour      ┆  server ┆    suite-0 ┆    suite-1 ┆    suite-2 │
    ╞══════════════╪═════════╪════════════╪════════════╪════════════╡
    │ mariadb-10.0 ┆ 10.0.18 ┆     ok 132 ┆     ok 132 ┆     ok 132 │
    │ mariadb-10.1 ┆ 10.1.18 ┆     ok 132 ┆     ok 132 ┆     ok 132 │
    │ mariadb-10.2 ┆ 10.2.18 ┆     ok 132 ┆     ok 132 ┆     ok 132 │
    │ mariadb-10.3 ┆ 10.3.18 ┆ FAIL 1/132 ┆ FAIL 1/132 ┆ FAIL 1/132 │
    │ mariadb-10.4 ┆ 10.4.18 ┆     ok 132 ┆     ok 132 ┆     ok 132 │
    │ mariadb-10.5 ┆ 10.5.18 ┆     ok 132 ┆     ok 132 ┆     ok 132 │
    │ mariadb-10.6 ┆ 10.6.18 ┆     ok 132 ┆     ok 132 ┆     ok 132 │
    │ mariadb-10.7 ┆ 10.7.18 ┆     ok 132 ┆     ok 132 ┆     ok 132 │
    │ mariadb-10.8 ┆ 10.8.18 ┆     ok 132 ┆     ok 132 ┆     ok 132 │
    │ mariadb-10.9 ┆ 10.9.18 ┆     ok 132 ┆     ok 132 ┆     ok 132 │
    └──────────────┴─────────┴────────────┴────────────┴────────────┘
    ");
}

#[test]
fn a_table_that_is_too_wide_both_ways_comes_in_parts() {
    let text = shown(&mut wide(8, 9), 80, Duration::ZERO);
    let table = table_of(&text);
    assert_eq!(table.matches("│ suite ").count(), 2, "{table}");
    assert!(
        (0..8).all(|n| table.contains(&format!("mariadb-10.{n} "))),
        "{table}"
    );
}

#[test]
fn no_line_of_a_table_is_wider_than_the_terminal() {
    use unicode_width::UnicodeWidthStr;
    for width in [20, 34, 60, 80, 200] {
        let text = shown(&mut wide(12, 12), width, Duration::ZERO);
        let widest = table_of(&text).lines().map(UnicodeWidthStr::width).max();
        assert!(widest <= Some(usize::from(width)), "{width}: {text}");
    }
}

#[test]
fn what_a_server_sends_cannot_move_the_cursor() {
    let mut record = RunRecord::default();
    ready(&mut record, "mysql-9.7", "9.7.4");
    let evil = Failure {
        found: "\u{1b}[2J\u{1b}]0;title\u{7}".to_owned(),
        ..rounding()
    };
    ended(
        &mut record,
        "mysql-9.7",
        "s",
        "s.slt",
        failed(0, vec![evil]),
    );
    let text = shown(&mut record, 80, Duration::ZERO);
    assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
}

#[test]
fn colours_change_nothing_but_colours() {
    let mut record = sample();
    let plain = shown(&mut record, 100, Duration::ZERO);
    let mut summary = Summary::of(&record);
    summary.set_colour(Colour::Always);
    let coloured = summary.render(100);
    assert_ne!(coloured, plain);
    let escapes = regex::Regex::new("\u{1b}\\[[0-9;]*m").expect("a pattern");
    assert_eq!(escapes.replace_all(&coloured, ""), plain);
}

#[test]
fn what_is_missing_outweighs_what_failed() {
    let mut record = sample();
    assert_eq!(record.verdict(), Verdict::Failed);
    record.cases.clear();
    assert_eq!(record.verdict(), Verdict::Passed);
    record.on_event(Event::Interrupted);
    assert_eq!(record.verdict(), Verdict::Interrupted);
}

fn returning(standing: DifferenceStatus) -> Divergence {
    let group = |flavours: &[&str], outcome: &str, kinds: &[Kind]| Group {
        flavours: flavours.iter().map(|&name| name.to_owned()).collect(),
        outcome: outcome.to_owned(),
        kinds: kinds.to_vec(),
        times: None,
    };
    Divergence {
        suite: "types".to_owned(),
        file: PathBuf::from("sql/dates.slt"),
        line: 7,
        statement: "INSERT INTO t\nVALUES (1) RETURNING a".to_owned(),
        database: None,
        kinds: vec![Kind::Success],
        standing,
        groups: vec![
            group(&["mariadb-10.5", "mariadb-11.8"], "a\n1", &[]),
            group(
                &["mysql-9.7"],
                "ERROR 1064 (42000): near 'RETURNING'",
                &[Kind::Success],
            ),
        ],
    }
}

#[test]
fn a_new_difference_fails_and_tells_who_agrees() {
    let mut record = RunRecord::default();
    ready(&mut record, "mysql-9.7", "9.7.4");
    ready(&mut record, "mariadb-10.5", "10.5.29");
    for flavour in ["mysql-9.7", "mariadb-10.5"] {
        ended(&mut record, flavour, "types", "sql/dates.slt", passed(20));
    }
    record.on_event(Event::Diverged(returning(DifferenceStatus::New)));
    record.on_event(Event::Diverged(returning(DifferenceStatus::Shown)));
    record.on_event(Event::Stale(Stale {
        suite: "types".to_owned(),
        file: PathBuf::from("sql/dates.slt.divergences.toml"),
        line: 3,
        statement: "SELECT 1".to_owned(),
        flavours: vec!["mysql-9.7".to_owned()],
        why: "it differs no more".to_owned(),
    }));
    assert_eq!(record.verdict(), Verdict::Failed);
    insta::assert_snapshot!(shown(&mut record, 80, Duration::from_secs(1)), @r"
    ┌───────┬──────────────┬───────────┐
    │ suite ┆ mariadb-10.5 ┆ mysql-9.7 │
    │       ┆      10.5.29 ┆     9.7.4 │
    ╞═══════╪══════════════╪═══════════╡
    │ types ┆        ok 20 ┆ DIFF 1/20 │
    └───────┴──────────────┴───────────┘

    DIFF sql/dates.slt:7: succeeds here, fails there
        | INSERT INTO t
        | VALUES (1) RETURNING a
        mariadb-10.5, mariadb-11.8 agree:
          a
          1
        mysql-9.7 differs (succeeds here, fails there):
          ERROR 1064 (42000): near 'RETURNING'

    expected and insignificant differences; `--all-differences` shows each:

      succeeds here, fails there: 1 step in 1 form
        1 × INSERT INTO t VALUES (?) RETURNING a
          sql/dates.slt:7:
            | INSERT INTO t
            | VALUES (1) RETURNING a
            mariadb-10.5, mariadb-11.8 agree:
              a
              1
            mysql-9.7 differs (succeeds here, fails there):
              ERROR 1064 (42000): near 'RETURNING'

    STALE sql/dates.slt.divergences.toml:3: it differs no more on mysql-9.7
        | SELECT 1

    failed: 40 passed, 0 failed, 0 skipped steps, 1 new difference, 1 stale entry on 2 flavours in 1.0 s
    ");
}

#[test]
fn known_differences_are_counted_or_told_with_their_reasons() {
    let mut record = RunRecord::default();
    ready(&mut record, "mysql-9.7", "9.7.4");
    ended(
        &mut record,
        "mysql-9.7",
        "types",
        "sql/dates.slt",
        passed(20),
    );
    let reason = Reason {
        text: "MySQL has no RETURNING".to_owned(),
        link: Some("https://bugs.example/1".to_owned()),
    };
    record.on_event(Event::Diverged(returning(DifferenceStatus::Known(vec![
        reason,
    ]))));
    assert_eq!(record.verdict(), Verdict::Passed);
    let short = shown(&mut record, 80, Duration::ZERO);
    assert!(
        short.contains("1 step differs as is known, in 1 file"),
        "{short}"
    );
    let mut summary = Summary::of(&record);
    summary.set_differences(Differences {
        listed: Listed::All,
        only: Vec::new(),
    });
    let whole = summary.render(80);
    assert!(
        whole.contains("known: MySQL has no RETURNING (https://bugs.example/1)"),
        "{whole}"
    );
}

#[test]
fn thousands_of_failures_are_counted() {
    let mut record = RunRecord::default();
    ready(&mut record, "mysql-9.7", "9.7.4");
    for number in 0..1000 {
        let failure = Failure {
            line: number,
            ..rounding()
        };
        let file = format!("sql/{number:04}.slt");
        ended(
            &mut record,
            "mysql-9.7",
            "s",
            &file,
            failed(0, vec![failure]),
        );
    }
    let text = shown(&mut record, 80, Duration::ZERO);
    assert_eq!(text.matches("FAIL sql/").count(), 200);
    assert!(text.contains("… 800 more failures"), "{text}");
}

fn column_type(line: usize, statement: &str) -> Event {
    let group = |flavour: &str, outcome: &str, kinds: &[Kind]| Group {
        flavours: vec![flavour.to_owned()],
        outcome: outcome.to_owned(),
        kinds: kinds.to_vec(),
        times: None,
    };
    Event::Diverged(Divergence {
        suite: "diff".to_owned(),
        file: PathBuf::from("f.sql"),
        line,
        statement: statement.to_owned(),
        database: None,
        kinds: vec![Kind::ColumnType],
        standing: DifferenceStatus::Shown,
        groups: vec![
            group("mysql-9.7", "BIGINT", &[]),
            group("mariadb-10.5", "INT", &[Kind::ColumnType]),
        ],
    })
}

/// A file that is compared on two flavours: two of 3,000 statements differ significantly,
/// long after those that differ insignificantly.
fn compared() -> RunRecord {
    let mut record = RunRecord::default();
    for (flavour, version) in [("mysql-9.7", "9.7.4"), ("mariadb-10.5", "10.5.29-MariaDB")] {
        ready(&mut record, flavour, version);
        ended(&mut record, flavour, "diff", "f.sql", passed(3000));
    }
    for line in 0..200 {
        record.on_event(column_type(line, &format!("SELECT {line}")));
    }
    for line in [2900, 2950] {
        record.on_event(Event::Diverged(Divergence {
            line,
            file: PathBuf::from("f.sql"),
            ..returning(DifferenceStatus::New)
        }));
    }
    record.on_event(Event::MoreShown {
        suite: "diff".to_owned(),
        file: PathBuf::from("f.sql"),
        steps: 2060,
        kinds: [(Kind::ColumnType, 2060)].into(),
        forms: vec![crate::event::FormSteps {
            kinds: vec![Kind::ColumnType],
            form: "SELECT ?".to_owned(),
            steps: 2060,
        }],
    });
    record.on_event(Event::Compared {
        suite: "diff".to_owned(),
        file: PathBuf::from("f.sql"),
        steps: 3000,
        same: 738,
        not_compared: 0,
    });
    record
}

fn of_file(record: &RunRecord, listed: Listed) -> String {
    let mut summary = Summary::of(record);
    summary.set_differences(Differences {
        listed,
        only: vec![divergence::OnlyFile {
            file: PathBuf::from("f.sql"),
            title: "f.sql".to_owned(),
        }],
    });
    summary.render(80)
}

#[test]
fn recorded_answers_are_counted_and_not_compared() {
    let mut record = RunRecord::default();
    ready(&mut record, "mysql-9.7", "9.7.4");
    ended(&mut record, "mysql-9.7", "diff", "f.sql", passed(3));
    ended(&mut record, "mysql-9.7", "diff", "g.sql", passed(4));
    let mut summary = Summary::of(&record);
    summary.set_records(true);
    summary.set_differences(Differences {
        only: vec![divergence::OnlyFile {
            file: PathBuf::from("f.sql"),
            title: "f.sql".to_owned(),
        }],
        ..Differences::default()
    });
    insta::assert_snapshot!(summary.render(80).trim(), @"answered: 7 statements on 1 flavour in 0.0 s");
}

#[test]
fn a_setup_that_several_flavours_share_fails_once() {
    let mut record = RunRecord::default();
    for flavour in ["mariadb-10.11", "mariadb-11.8"] {
        record.on_event(Event::FlavourUnavailable {
            flavour: flavour.to_owned(),
            required: true,
            reason: "setup `schema.sql`, line 2: ERROR 1062 (23000): Duplicate entry '1', \
                     of: INSERT INTO t VALUES (1)"
                .to_owned(),
        });
    }
    let text = shown(&mut record, 80, Duration::ZERO);
    let (_, findings) = text.split_once("\n\n").expect("a table");
    insta::assert_snapshot!(findings, @r"
    mariadb-10.11, mariadb-11.8: unavailable (required)
      setup `schema.sql`, line 2: ERROR 1062 (23000): Duplicate entry '1', of: INSERT INTO t VALUES (1)

    a required flavour could not be provided: 0 flavours (2 unavailable) in 0.0 s
    ");
}

#[test]
fn significant_differences_come_first_and_the_others_are_summed_up() {
    insta::assert_snapshot!(of_file(&compared(), Listed::Significant), @r"

    DIFF f.sql:2900: succeeds here, fails there
        | INSERT INTO t
        | VALUES (1) RETURNING a
        mariadb-10.5, mariadb-11.8 agree:
          a
          1
        mysql-9.7 differs (succeeds here, fails there):
          ERROR 1064 (42000): near 'RETURNING'

    DIFF f.sql:2950: succeeds here, fails there
        | INSERT INTO t
        | VALUES (1) RETURNING a
        mariadb-10.5, mariadb-11.8 agree:
          a
          1
        mysql-9.7 differs (succeeds here, fails there):
          ERROR 1064 (42000): near 'RETURNING'

    expected and insignificant differences; `--all-differences` shows each:

      column type: 2,260 steps in 1 form
        2,260 × SELECT ?
          f.sql:0:
            | SELECT 0
            mysql-9.7 answers:
              BIGINT
            mariadb-10.5 differs (column type):
              INT

    different: 2 of 3000 statements differ, 2260 more as expected or insignificantly, 738 the same, on 2 flavours in 0.0 s
    ");
}

#[test]
fn all_differences_are_listed_where_that_is_asked_for() {
    let text = of_file(&compared(), Listed::All);
    assert_eq!(text.matches("\ndiffers f.sql:").count(), 200);
    let first = text.find("DIFF").expect("a significant one");
    assert!(text.find("\ndiffers").is_some_and(|other| first < other));
    assert!(
        text.contains("… 2060 more expected or insignificant differences\n"),
        "{text}"
    );
}

#[test]
fn a_cause_that_several_flavours_share_is_one_entry() {
    let mut record = RunRecord::default();
    for (flavour, name, version) in [
        ("mysql-9.7", "MySQL", "9.7.4-2"),
        ("mariadb-10.5", "MariaDB", "10.5.29-MariaDB-0+deb11u1"),
    ] {
        ready(&mut record, flavour, version);
        let syntax = Failure {
            expected: "1".to_owned(),
            found: format!("ERROR 1064 (42000): see the manual of your {name} server version"),
            ..rounding()
        };
        let result = CaseResult {
            aborted: Some(format!("connection to {flavour} lost")),
            ..failed(0, vec![syntax])
        };
        ended(&mut record, flavour, "s", "a.sql", result);
    }
    let text = shown(&mut record, 80, Duration::ZERO);
    let findings: Vec<&str> = text.split("\n\n").skip(1).collect();
    insta::assert_snapshot!(findings.join("\n\n"), @r"
    FAIL a.sql:12: other rows on mysql-9.7, mariadb-10.5, each with its own name and version
        | SELECT 1/3
        expected: 1
        found: ERROR 1064 (42000): see the manual of your MySQL server version

    ERROR a.sql aborted on mysql-9.7, mariadb-10.5
        connection to mysql-9.7 lost

    failed: 0 passed, 2 failed, 0 skipped steps, 2 files aborted on 2 flavours in 0.0 s
    ");
}
