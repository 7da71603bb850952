//! A report with one path of each outcome.

use super::*;
use crate::text::Colour;

fn difference(kind: &str, subject: &str, text: &str, known: Option<&str>) -> UpgradeDifference {
    UpgradeDifference {
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        property: String::new(),
        before: "a".to_owned(),
        after: "b".to_owned(),
        text: format!("{subject}{text}"),
        known: known.map(str::to_owned),
    }
}

fn walk(to: &str, by: &str, outcome: UpgradeOutcome) -> UpgradeWalk {
    let server = |name: &str, version: &str| UpgradeServer {
        name: name.to_owned(),
        version: version.to_owned(),
    };
    UpgradeWalk {
        path: format!("mariadb-10.5-to-{to}"),
        from: server("mariadb-10.5", "10.5.1-MariaDB"),
        through: Vec::new(),
        to: server(to, "11.8.1-MariaDB"),
        by: by.to_owned(),
        outcome,
        failure: None,
        took: Duration::from_millis(3200),
        objects: 12,
        rows: 1234,
        differences: Vec::new(),
        insignificant: Vec::new(),
        notes: Vec::new(),
        suites: Vec::new(),
        kept: None,
    }
}

fn report() -> UpgradeReport {
    let known = difference("login", "account a@%", ", plugin", Some("planned"));
    let mut differs = walk("mariadb-11.8", "in-place", UpgradeOutcome::Differs);
    differs.differences = vec![
        difference("definition", "table d.t", ": `a` before, `b` after", None),
        known.clone(),
    ];
    differs.insignificant = vec![difference("notation", "table d.t", "", None)];
    differs.suites = vec![UpgradedFile {
        suite: "after".to_owned(),
        file: "after.slt".to_owned(),
        passed: 2,
        failed: 1,
        problem: Some("line 3: expected 1, found 2".to_owned()),
    }];
    let mut failed = walk("mysql-9.7", "dump", UpgradeOutcome::Failed);
    failed.to.version = String::new();
    failed.failure = Some(UpgradeFailure {
        step: "load the dump".to_owned(),
        error: "ERROR 1273 (HY000) at line 5: \u{1b}[1mUnknown collation".to_owned(),
    });
    failed.kept = Some("mariadb-10.5-to-mysql-9.7-dump".to_owned());
    let mut same = walk("mariadb-10.11", "dump", UpgradeOutcome::Same);
    same.differences = vec![known];
    let mut unavailable = walk("mariadb-9.9", "in-place", UpgradeOutcome::Unavailable);
    unavailable.through = vec!["mariadb-9.8".to_owned()];
    unavailable.from.version = String::new();
    unavailable.failure = Some(UpgradeFailure {
        step: "make mariadb-9.8".to_owned(),
        error: "no repository has it".to_owned(),
    });
    UpgradeReport {
        schema: UPGRADE_SCHEMA,
        walks: vec![differs, failed, same, unavailable],
        stale: vec!["known.toml:7: it explains no difference".to_owned()],
    }
}

#[test]
fn each_path_has_a_row_and_what_differs_is_below() {
    insta::assert_snapshot!(report().render(Colour::Never, false), @r"
    ┌──────────────┬───────────────┬──────────────────────────┬─────────────┬─────────┬───────┬───────┐
    │ from         ┆ to            ┆ by                       ┆ outcome     ┆ objects ┆  rows ┆  time │
    ╞══════════════╪═══════════════╪══════════════════════════╪═════════════╪═════════╪═══════╪═══════╡
    │ mariadb-10.5 ┆ mariadb-11.8  ┆ in-place                 ┆ DIFF 1      ┆      12 ┆ 1,234 ┆ 3.2 s │
    │ mariadb-10.5 ┆ mysql-9.7     ┆ dump                     ┆ FAIL        ┆      12 ┆ 1,234 ┆ 3.2 s │
    │ mariadb-10.5 ┆ mariadb-10.11 ┆ dump                     ┆ ok, 1 known ┆      12 ┆ 1,234 ┆ 3.2 s │
    │ mariadb-10.5 ┆ mariadb-9.9   ┆ in-place via mariadb-9.8 ┆ unavailable ┆      12 ┆ 1,234 ┆ 3.2 s │
    └──────────────┴───────────────┴──────────────────────────┴─────────────┴─────────┴───────┴───────┘

    DIFF mariadb-10.5-to-mariadb-11.8 by in-place (10.5.1-MariaDB to 11.8.1-MariaDB)
      definition: table d.t: `a` before, `b` after
      after, after.slt: line 3: expected 1, found 2
      1 insignificant difference: notation 1

    FAIL mariadb-10.5-to-mysql-9.7 by dump (10.5.1-MariaDB)
      could not load the dump:
        ERROR 1273 (HY000) at line 5: \u{1b}[1mUnknown collation
      kept as `mariadb-10.5-to-mysql-9.7-dump`: `dbmatrix shell mariadb-10.5-to-mysql-9.7-dump`, `dbmatrix logs mariadb-10.5-to-mysql-9.7-dump`; the next upgrade replaces it

    unavailable mariadb-10.5-to-mariadb-9.9 by in-place
      could not make mariadb-9.8:
        no repository has it

    STALE known.toml:7: it explains no difference
    ");
}

#[test]
fn all_differences_are_shown_where_they_are_asked_for() {
    let text = report().render(Colour::Never, true);
    assert!(
        text.contains("login: account a@%, plugin (known: planned)"),
        "{text}"
    );
    assert!(text.contains("  notation: table d.t\n"), "{text}");
    assert!(!text.contains("insignificant difference"), "{text}");
}

#[test]
fn json_has_all() {
    let value: serde_json::Value = serde_json::from_str(&report().json()).expect("JSON");
    assert_eq!(value["schema"], 1);
    assert_eq!(value["walks"][0]["outcome"], "differs");
    assert_eq!(value["walks"][0]["took"], 3.2);
    assert_eq!(value["walks"][0]["differences"][1]["known"], "planned");
    assert_eq!(value["walks"][1]["failure"]["step"], "load the dump");
    assert_eq!(value["stale"].as_array().map(Vec::len), Some(1));
}
