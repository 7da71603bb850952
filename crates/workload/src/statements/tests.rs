use std::path::Path;

use crate::{Format, Log, Place};

#[test]
fn each_line_is_a_statement() {
    let text = "-- a comment\n\nSELECT 1;\n# another\nuse shop;\r\nselect 2 ; \r\n  (select 3)\n/* x */ select 4";
    let mut log = Log::from_reader(text.as_bytes(), Path::new("x")).expect("a log");
    assert_eq!(log.format(), Format::Statements);
    let mut found = Vec::new();
    while let Some(entry) = log.next_entry().expect("an entry") {
        let Place::Line(line) = entry.place else {
            panic!("a line");
        };
        let statement = String::from_utf8_lossy(&entry.statement).into_owned();
        found.push((
            line,
            entry.database.unwrap_or_default().into_owned(),
            statement,
        ));
    }
    let seen = |line, database: &str, text: &str| (line, database.to_owned(), text.to_owned());
    assert_eq!(
        found,
        [
            seen(3, "", "SELECT 1"),
            seen(6, "shop", "select 2"),
            seen(7, "shop", "(select 3)"),
            seen(8, "shop", "/* x */ select 4"),
        ]
    );
}
