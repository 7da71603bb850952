//! The page of a run with all kinds of results.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::event::{DifferenceStatus, Divergence, Event, Group, SampledDigest, SampledLogs};
use crate::test_fixtures;

#[test]
fn a_page_needs_nothing_else_and_holds_no_markup_of_a_server() {
    let page = render(&test_fixtures::record());
    for outside in ["src=", "@import", "url(", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("SELECT '&lt;b&gt;' | 1"), "{page}");
    assert!(!page.contains("<b>'") && !page.contains('\u{1b}'));
}

#[test]
fn each_finding_has_its_state_kinds_and_flavours() {
    let page = render(&test_fixtures::record());
    for state in State::ALL {
        let findings = format!("data-state=\"{}\"", state.name());
        assert!(page.contains(&findings), "{findings}");
    }
    assert!(page.contains("Expected and insignificant differences"));
    assert!(page.contains("data-kinds=\"success\" data-flavours=\"mariadb-10.5 mysql-9.7\""));
    assert!(page.contains("href=\"https://bugs.example/1\""));
}

#[test]
fn a_link_that_is_none_of_the_web_is_only_text() {
    let reason = Reason {
        text: "why".to_owned(),
        link: Some("javascript:alert(1)".to_owned()),
    };
    assert!(!because(&reason).into_string().contains("href"));
}

/// A run of a log in which statements of these kinds differ, each in its database.
fn record_of_log(differences: &[(&str, Kind, DifferenceStatus, Option<&str>)]) -> RunRecord {
    let mut record = test_fixtures::record();
    let digest = |(at, (statement, ..)): (usize, &(&str, Kind, DifferenceStatus, Option<&str>))| {
        SampledDigest {
            form: (*statement).to_owned(),
            statements: 1500 * (at as u64 + 1),
            time: Duration::from_secs(10),
            examples: 1,
        }
    };
    record.on_event(Event::Sampled(SampledLogs {
        suite: "production".to_owned(),
        files: vec!["slow.log".to_owned()],
        statements: 10_000,
        time: Duration::from_secs(40),
        digests: differences.iter().enumerate().map(digest).collect(),
        ..SampledLogs::default()
    }));
    for (line, (statement, kind, standing, database)) in differences.iter().enumerate() {
        let group = |flavour: &str| Group {
            flavours: vec![flavour.to_owned()],
            outcome: flavour.to_owned(),
            kinds: Vec::new(),
            times: None,
        };
        record.on_event(Event::Diverged(Divergence {
            suite: "production".to_owned(),
            file: PathBuf::from("slow.log"),
            line: line + 1,
            statement: (*statement).to_owned(),
            database: database.map(str::to_owned),
            kinds: vec![*kind],
            standing: standing.clone(),
            groups: vec![group("mariadb-10.5"), group("mysql-9.7")],
        }));
    }
    record
}

#[test]
fn classes_of_a_log_are_rows_that_lead_to_their_findings() {
    let record = record_of_log(&[
        ("SELECT a", Kind::Rows, DifferenceStatus::New, Some("shop")),
        ("SELECT b", Kind::Plan, DifferenceStatus::Shown, None),
        (
            "SELECT c",
            Kind::Success,
            DifferenceStatus::New,
            Some("my <crm>"),
        ),
    ]);
    let page = render(&record);
    let table = page.split_once("<table id=\"classes\">").expect("a table");
    let table = table.1.split_once("</table>").expect("its end").0;
    let rows: Vec<&str> = table.split("<tr data-finding=").skip(1).collect();
    let order = ["SELECT c", "SELECT a", "SELECT b"];
    assert_eq!(rows.len(), order.len());
    for (row, form) in rows.iter().zip(order) {
        assert!(row.contains(form), "{row}");
        let id = row.split('"').nth(1).expect("an id");
        let finding = page
            .split_once(&format!("<details id=\"{id}\""))
            .expect("it");
        let finding = finding.1.split_once("</details>").expect("its end").0;
        assert!(finding.contains(form), "{finding}");
    }
    assert!(
        rows[0].contains("<td>mysql-9.7</td><td>my &lt;crm&gt;</td>"),
        "{}",
        rows[0]
    );
    assert!(
        rows[1].contains("data-value=\"1500\">1,500</td>"),
        "{}",
        rows[1]
    );
    assert!(rows[2].contains("<td>-</td>"), "{}", rows[2]);
    for database in ["<option>shop</option>", "<option>my &lt;crm&gt;</option>"] {
        assert!(page.contains(database), "{database}");
    }
}

#[test]
fn a_run_without_logs_has_no_table_of_classes() {
    let page = render(&test_fixtures::record());
    assert!(!page.contains("<table id=\"classes\">"));
    assert!(!page.contains("name=\"database\""));
}
