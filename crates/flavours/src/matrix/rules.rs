//! What a suite compares, and how exactly.

use dbmatrix_config::TableReader;
use dbmatrix_sql::compare::{Replacement, Rules, Tolerance};
use dbmatrix_sql::suite::read_kinds;
use regex::Regex;

/// Reads the keys of a suite about what is compared, and how exactly.
pub(super) fn read_rules(table: &TableReader<'_>) -> Rules {
    let usual = Rules::default();
    let counted = match table.has("kinds") {
        true => read_kinds(table).unwrap_or(usual.counted),
        false => {
            table.know("kinds");
            usual.counted
        }
    };
    let tolerance = table.number("tolerance").and_then(|number| {
        let tolerance = Tolerance::new(number.value);
        if tolerance.is_none() {
            let expected = "expected a tolerance from 0 to below 1, such as 1e-9";
            table.problem(number.span, expected);
        }
        tolerance
    });
    Rules {
        counted,
        tolerance: tolerance.unwrap_or(usual.tolerance),
        replacements: read_replacements(table),
        ..usual
    }
}

fn read_replacements(table: &TableReader<'_>) -> Vec<Replacement> {
    let read = |table: TableReader<'_>| {
        let pattern = table.text("pattern");
        let with = table.text("with");
        table.finish();
        let Some(pattern) = pattern else {
            table.problem(table.span(), "expected a `pattern` and `with`");
            return None;
        };
        match Regex::new(&pattern.value) {
            Ok(regex) => Some(Replacement {
                pattern: regex,
                with: with.map_or_else(|| "<…>".to_owned(), |with| with.value),
            }),
            Err(error) => {
                table.problem(pattern.span, format!("expected a pattern: {error}"));
                None
            }
        }
    };
    table
        .tables("replace")
        .into_iter()
        .filter_map(read)
        .collect()
}
