//! `repeat` of a suite: whether its statements' times are measured, and how long that may
//! take.

use std::time::Duration;

use dbmatrix_config::TableReader;
use dbmatrix_sql::compare::{Kind, Rules, TimeFactor, Times};

/// How times are measured after the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeasureSpec {
    /// How often each statement is repeated.
    pub repeat: usize,
    /// How long all of it may take.
    pub limit: Duration,
}

impl MeasureSpec {
    /// How long measuring may take unless somebody says otherwise.
    pub const LIMIT: Duration = Duration::from_secs(600);

    /// Repeats each statement so often; an error says what is expected.
    pub fn new(repeat: u32, limit: Option<Duration>) -> Result<Self, String> {
        let repeat = repeat as usize;
        if !(Times::FEWEST..=Times::MOST).contains(&repeat) {
            return Err(format!(
                "expected {} to {} repetitions: fewer support no confidence of 95 %; found {repeat}",
                Times::FEWEST,
                Times::MOST
            ));
        }
        Ok(MeasureSpec {
            repeat,
            limit: limit.unwrap_or(MeasureSpec::LIMIT),
        })
    }
}

/// What is said of a factor that is none.
pub const EXPECTED_FACTOR: &str = "expected a factor above 1 and up to 1000, such as 2";

/// Reads the keys of a suite about times.
pub(super) fn read(table: &TableReader<'_>, rules: &mut Rules) -> Option<MeasureSpec> {
    let repeat = table.count("repeat");
    let limit = table.duration("time-limit");
    if let Some(number) = table.number("time-factor") {
        match TimeFactor::new(number.value) {
            Some(factor) => rules.time_factor = factor,
            None => table.problem(number.span, EXPECTED_FACTOR),
        }
    }
    let Some(repeat) = repeat else {
        let is_needed_by = ["time-limit", "time-factor"].into_iter();
        let mut is_needed_by = is_needed_by.filter(|key| table.has(key));
        let key = match rules.counted.contains(Kind::Time) {
            true => Some("kinds"),
            false => is_needed_by.next(),
        };
        if let Some(key) = key {
            let span = table.span_of(key).unwrap_or_else(|| table.span());
            table.problem(
                span,
                "times are measured only with `repeat`, such as `repeat = 7`",
            );
        }
        return None;
    };
    match MeasureSpec::new(repeat.value, limit.map(|limit| limit.value)) {
        Ok(spec) => Some(spec),
        Err(expected) => {
            table.problem(repeat.span, expected);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::matrix::{Matrix, SuiteKind};

    const MATRIX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../m.toml");

    /// The problems of a suite of a log with these keys.
    fn told(keys: &str) -> String {
        let text = format!(
            "flavours = ['mysql:9.7']\n[[suite]]\nname = 's'\nlog = 'examples/logs/bookshop-slow.log'\n{keys}\n"
        );
        match Matrix::parse(Path::new(MATRIX), &text) {
            Err(error) => error.lines().join("\n"),
            Ok(matrix) => match &matrix.suites[0].kind {
                SuiteKind::Files(files) => format!("{:?}", files.measure),
                other => panic!("{other:?}"),
            },
        }
    }

    #[test]
    fn times_are_measured_only_where_that_is_asked_for() {
        assert_eq!(told(""), "None");
        assert_eq!(
            told("repeat = 7"),
            "Some(MeasureSpec { repeat: 7, limit: 600s })"
        );
        assert_eq!(
            told("repeat = 20\ntime-factor = 1.5\ntime-limit = '1h'\nkinds = ['rows', 'time']"),
            "Some(MeasureSpec { repeat: 20, limit: 3600s })"
        );
    }

    #[test]
    fn too_few_repetitions_and_keys_without_them_are_refused() {
        for (keys, expected) in [
            (
                "repeat = 5",
                ":5: expected 6 to 500 repetitions: fewer support no confidence of 95 %; found 5",
            ),
            (
                "repeat = 7\ntime-factor = 1",
                ":6: expected a factor above 1",
            ),
            (
                "kinds = ['time']",
                ":5: times are measured only with `repeat`",
            ),
            (
                "time-limit = '1m'",
                ":5: times are measured only with `repeat`",
            ),
        ] {
            let told = told(keys);
            assert!(told.contains(expected), "{keys}: {told}");
        }
    }
}
