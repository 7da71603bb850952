//! The page of a run with all kinds of results.

use super::*;
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
