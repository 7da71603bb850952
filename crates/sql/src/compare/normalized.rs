//! One flavour's outcome of a step, in a form for comparison.

mod time;

use serde::{Deserialize, Serialize};

use super::formatted::FormattedRows;
use super::kind::{Kind, Kinds};
use super::plan::Plan;
use super::record::{each_row_line, escape_controls, same_line};
use super::rules::Tolerance;
use super::times::Times;
use crate::outcome::{Column, Outcome, RowSet, SqlError, Warning};
use crate::sql_text::fingerprint;

/// Bytes of rows or warnings that are kept; longer texts are compared by hash, and only
/// their start is shown.
const KEPT: usize = 4000;

/// One flavour's outcome of a step. Reference files hold it as it is: what would be read
/// differently needs another number of their format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NormalizedResult {
    /// Columns of each result set; empty if there was none.
    names: Box<str>,
    types: Box<str>,
    rows: Option<Lines>,
    affected: u64,
    warnings: Lines,
    refusal: Option<SqlError>,
    /// How the server reads the tables, where that was asked for.
    plan: Option<Plan>,
    /// How long the statement takes, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<Times>,
}

/// Lines of text, complete or reduced to what comparison needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Lines {
    /// All lines, or the first ones.
    text: Box<str>,
    count: usize,
    /// Hashes of all lines, in order and in any order, if `text` is cut.
    cut: Option<(u64, u64)>,
}

/// Reads lines one by one, and holds no more than is kept of them.
#[derive(Debug, Default)]
struct LineReader {
    text: String,
    count: usize,
    cut: Option<Hashes>,
}

/// Hashes of lines, in order and in any order.
#[derive(Debug, Clone, Copy, Default)]
struct Hashes {
    in_order: u64,
    in_any: u64,
}

impl LineReader {
    fn read(&mut self, line: &str) {
        self.count += 1;
        let text = &mut self.text;
        if self.cut.is_none() && text.len() + line.len() <= KEPT {
            text.push_str(line);
            text.push('\n');
            return;
        }
        let hashes = self.cut.get_or_insert_with(|| {
            // Lines that are kept in full need no hash.
            let mut before = Hashes::default();
            text.lines().for_each(|line| before.add(line));
            let room = KEPT.saturating_sub(text.len());
            let fits = |(at, letter): &(usize, char)| at + letter.len_utf8() <= room;
            let head = line.char_indices().take_while(fits);
            text.extend(head.map(|(_, letter)| letter));
            text.push('\n');
            before
        });
        hashes.add(line);
    }

    fn finish(self) -> Lines {
        Lines {
            text: self.text.into_boxed_str(),
            count: self.count,
            cut: self.cut.map(|hashes| (hashes.in_order, hashes.in_any)),
        }
    }
}

impl Hashes {
    fn add(&mut self, line: &str) {
        let hash = fingerprint(line.as_bytes());
        self.in_order = self
            .in_order
            .rotate_left(5)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ hash;
        self.in_any = self.in_any.wrapping_add(hash);
    }
}

impl NormalizedResult {
    /// Normalizes an outcome.
    pub fn of(outcome: &Outcome, notices: &[Warning]) -> Self {
        let mut sets = Vec::new();
        result_sets(outcome, &mut sets);
        let mut lines = LineReader::default();
        for set in &sets {
            each_row_line(set, |line| lines.read(line));
        }
        NormalizedResult::new(outcome, &sets, lines.finish(), notices)
    }

    /// The same with rows as a `query` record writes and sorts them.
    pub fn of_written(outcome: &Outcome, written: &FormattedRows, notices: &[Warning]) -> Self {
        let mut sets = Vec::new();
        result_sets(outcome, &mut sets);
        let mut lines = LineReader::default();
        let written = written.with_text().unwrap_or(written);
        written.each_row('\t', |line| lines.read(line));
        NormalizedResult::new(outcome, &sets, lines.finish(), notices)
    }

    fn new(outcome: &Outcome, sets: &[&RowSet], rows: Lines, notices: &[Warning]) -> Self {
        let columns = |text: fn(&Column) -> &str| {
            let mut all = String::new();
            for (at, set) in sets.iter().enumerate() {
                if at > 0 {
                    all.push('\n');
                }
                for (at, column) in set.columns.iter().enumerate() {
                    if at > 0 {
                        all.push('\t');
                    }
                    all.push_str(&escape_controls(text(column)));
                }
            }
            all.into_boxed_str()
        };
        let mut warnings: Vec<String> = notices.iter().map(Warning::to_string).collect();
        if warnings.is_empty() && outcome.warnings() > 0 {
            warnings.push(format!("{} warning(s)", outcome.warnings()));
        }
        NormalizedResult {
            names: columns(|column| &column.name),
            types: columns(|column| &column.kind),
            rows: (!sets.is_empty()).then_some(rows),
            affected: outcome.affected(),
            warnings: Lines::of(warnings.iter().map(|text| escape_controls(text))),
            refusal: outcome.refusal().cloned(),
            plan: None,
            times: None,
        }
    }

    /// Adds how the server reads the statement's tables.
    pub fn with_plan(self, plan: Option<Plan>) -> Self {
        NormalizedResult { plan, ..self }
    }

    /// Whether the server rejected the statement.
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// Whether there are rows, or could be.
    pub fn has_rows(&self) -> bool {
        self.rows.is_some()
    }

    /// The kinds of difference between two answers, whatever their times. `ordered` means that the statement
    /// asks for an order, so that another order is a difference of rows.
    pub fn kinds(&self, other: &NormalizedResult, tolerance: Tolerance, ordered: bool) -> Kinds {
        if self == other {
            return Kinds::NONE;
        }
        let mut kinds = match (&self.refusal, &other.refusal) {
            (None, None) => Kinds::NONE,
            (Some(a), Some(b)) if (a.code, &a.state) != (b.code, &b.state) => {
                Kind::ErrorCode.into()
            }
            (Some(a), Some(b)) if a.message != b.message => Kind::ErrorText.into(),
            (Some(_), Some(_)) => Kinds::NONE,
            (None, Some(_)) | (Some(_), None) => return Kind::Success.into(),
        };
        match (&self.rows, &other.rows) {
            (None, None) => {}
            (Some(a), Some(b)) => {
                kinds = kinds.or(self.column_kinds(other));
                if !kinds.contains(Kind::Rows) {
                    kinds = kinds.or(a.kinds(b, tolerance, ordered));
                }
            }
            _ => kinds = kinds.or(Kind::Rows.into()),
        }
        if self.affected != other.affected {
            kinds = kinds.or(Kind::Affected.into());
        }
        if self.warnings != other.warnings {
            kinds = kinds.or(Kind::Warning.into());
        }
        if let (Some(a), Some(b)) = (&self.plan, &other.plan)
            && !a.is_like(b)
        {
            kinds = kinds.or(Kind::Plan.into());
        }
        kinds
    }

    /// Another number of columns is a difference of rows.
    fn column_kinds(&self, other: &NormalizedResult) -> Kinds {
        let shape = |text: &str| {
            text.lines()
                .map(|line| line.matches('\t').count())
                .collect::<Vec<_>>()
        };
        if self.names != other.names && shape(&self.names) != shape(&other.names) {
            return Kind::Rows.into();
        }
        let differs = [
            (Kind::ColumnName, self.names != other.names),
            (Kind::ColumnType, self.types != other.types),
        ];
        differs
            .into_iter()
            .filter_map(|(kind, differs)| differs.then_some(kind))
            .collect()
    }

    /// The outcome as text, with the details that `kinds` concern. Where only the server's
    /// work differs, rows are only counted.
    pub fn shown(&self, kinds: Kinds) -> String {
        let mut lines: Vec<String> = Vec::new();
        if let (true, Some(times)) = (kinds.contains(Kind::Time), &self.times) {
            lines.push(format!("-> {}", times.shown()));
        }
        if let (Some(rows), true) = (&self.rows, kinds.are_of_work()) {
            lines.push(rows.shown_count());
        } else if let Some(rows) = &self.rows {
            lines.extend(self.names.lines().map(str::to_owned));
            if kinds.contains(Kind::ColumnType) {
                lines.extend(self.types.lines().map(|line| format!("({line})")));
            }
            lines.push(rows.shown());
        }
        if let Some(refusal) = &self.refusal {
            lines.push(escape_controls(&refusal.to_string()));
        } else if self.rows.is_none() {
            lines.push(match self.affected {
                0 => "ok".to_owned(),
                affected => format!("ok, affected {affected}"),
            });
        }
        if kinds.contains(Kind::Warning) {
            lines.push(match self.warnings.count {
                0 => "(no warning)".to_owned(),
                _ => self.warnings.shown(),
            });
        }
        if let (true, Some(plan)) = (kinds.contains(Kind::Plan), &self.plan) {
            lines.push(plan.shown());
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }

    /// Its approximate size in bytes.
    pub fn size(&self) -> usize {
        let rows = self.rows.as_ref().map_or(0, |rows| rows.text.len());
        size_of::<NormalizedResult>()
            + self.names.len()
            + self.types.len()
            + rows
            + self.warnings.text.len()
            + self.plan.as_ref().map_or(0, Plan::size)
            + self.times.as_ref().map_or(0, Times::size)
    }
}

impl Lines {
    fn of(lines: impl Iterator<Item = String>) -> Self {
        let mut reader = LineReader::default();
        lines.for_each(|line| reader.read(&line));
        reader.finish()
    }

    fn kinds(&self, other: &Lines, tolerance: Tolerance, ordered: bool) -> Kinds {
        if self == other {
            return Kinds::NONE;
        }
        let same_in_any_order = self.count == other.count
            && match (self.cut, other.cut) {
                (Some(a), Some(b)) => a.1 == b.1,
                (None, None) => self.same_lines(other, tolerance, true),
                _ => false,
            };
        if !self.is_cut_with(other) && self.same_lines(other, tolerance, false) {
            return Kinds::NONE;
        }
        match (same_in_any_order, ordered) {
            (true, false) => Kind::Order.into(),
            _ => Kind::Rows.into(),
        }
    }

    fn is_cut_with(&self, other: &Lines) -> bool {
        self.cut.is_some() || other.cut.is_some()
    }

    fn same_lines(&self, other: &Lines, tolerance: Tolerance, sorted: bool) -> bool {
        let lines = |text: &Lines| {
            let mut lines: Vec<String> = text.text.lines().map(str::to_owned).collect();
            if sorted {
                lines.sort_unstable();
            }
            lines
        };
        let (a, b) = (lines(self), lines(other));
        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same_line(a, b, tolerance))
    }

    fn shown_count(&self) -> String {
        match self.count {
            1 => "1 row".to_owned(),
            count => format!("{count} rows"),
        }
    }

    fn shown(&self) -> String {
        let text = self.text.trim_end_matches('\n');
        match self.count {
            0 => "(no rows)".to_owned(),
            count if self.cut.is_some() => format!("{text}…\n({count} lines in all)"),
            _ => text.to_owned(),
        }
    }
}

fn result_sets<'a>(outcome: &'a Outcome, sets: &mut Vec<&'a RowSet>) {
    match outcome {
        Outcome::Rows(rows) => sets.push(rows),
        Outcome::MultiResult(parts) => parts.iter().for_each(|part| result_sets(part, sets)),
        Outcome::Completed { .. } | Outcome::Refused(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Rows;

    fn rows(names: &[(&str, &str)], values: &[&str]) -> NormalizedResult {
        let columns: Vec<Column> = names
            .iter()
            .map(|(name, kind)| Column {
                name: (*name).to_owned(),
                kind: (*kind).to_owned(),
            })
            .collect();
        let mut rows = Rows::new(columns.len());
        for value in values {
            rows.push(Some(value.as_bytes()));
        }
        let set = RowSet {
            rows,
            columns,
            warnings: 0,
        };
        NormalizedResult::of(&Outcome::Rows(set), &[])
    }

    fn one(values: &[&str]) -> NormalizedResult {
        rows(&[("a", "LONG")], values)
    }

    fn refused(code: u16, message: &str) -> NormalizedResult {
        let refusal = SqlError {
            code,
            state: "42000".to_owned(),
            message: message.to_owned(),
        };
        NormalizedResult::of(&Outcome::Refused(refusal), &[])
    }

    fn done(affected: u64, notices: &[Warning]) -> NormalizedResult {
        let outcome = Outcome::Completed {
            affected,
            warnings: notices.len() as u16,
        };
        NormalizedResult::of(&outcome, notices)
    }

    fn kinds(a: &NormalizedResult, b: &NormalizedResult) -> Vec<Kind> {
        let found = a.kinds(b, Tolerance::EXACT, false);
        let back = b.kinds(a, Tolerance::EXACT, false);
        assert_eq!(found, back, "a difference has no direction");
        found.iter().collect()
    }

    #[test]
    fn each_kind_is_told_apart() {
        let notice = Warning {
            level: "Warning".to_owned(),
            code: 1265,
            message: "Data truncated".to_owned(),
        };
        for (a, b, expected) in [
            (one(&["1"]), one(&["1"]), vec![]),
            (one(&["1"]), one(&["2"]), vec![Kind::Rows]),
            (one(&["1", "2"]), one(&["2", "1"]), vec![Kind::Order]),
            (one(&["1"]), refused(1064, "x"), vec![Kind::Success]),
            (
                refused(1064, "x"),
                refused(1046, "x"),
                vec![Kind::ErrorCode],
            ),
            (
                refused(1064, "x"),
                refused(1064, "y"),
                vec![Kind::ErrorText],
            ),
            (done(1, &[]), done(2, &[]), vec![Kind::Affected]),
            (done(1, &[]), done(1, &[notice]), vec![Kind::Warning]),
            (one(&["1"]), done(0, &[]), vec![Kind::Rows]),
            (
                one(&["1"]),
                rows(&[("b", "LONGLONG")], &["1"]),
                vec![Kind::ColumnName, Kind::ColumnType],
            ),
            (
                one(&["1"]),
                rows(&[("a", "LONG"), ("b", "LONG")], &["1", "2"]),
                vec![Kind::Rows],
            ),
        ] {
            assert_eq!(kinds(&a, &b), expected, "{a:?} {b:?}");
        }
    }

    #[test]
    fn where_an_order_is_asked_for_another_one_is_other_rows() {
        let found = one(&["1", "2"]).kinds(&one(&["2", "1"]), Tolerance::EXACT, true);
        assert_eq!(found, Kinds::from(Kind::Rows));
    }

    #[test]
    fn a_tolerance_holds_for_each_value() {
        let near = Tolerance::new(1e-3).expect("a tolerance");
        let (a, b) = (one(&["0.5", "1"]), one(&["0.5001", "1"]));
        assert!(a.kinds(&b, near, false).is_empty());
        assert!(!a.kinds(&one(&["0.5", "2"]), near, false).is_empty());
    }

    #[test]
    fn a_long_result_is_compared_whole_and_shown_in_part() {
        let many = |last: &str| {
            let mut values: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
            values.push(last.to_owned());
            values
        };
        let answer = |values: &[String]| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            one(&values)
        };
        let a = answer(&many("x"));
        assert_eq!(kinds(&a, &answer(&many("x"))), []);
        assert_eq!(kinds(&a, &answer(&many("y"))), [Kind::Rows]);
        let mut turned = many("x");
        turned.reverse();
        assert_eq!(kinds(&a, &answer(&turned)), [Kind::Order]);
        assert!(a.size() < 8_000);
        assert!(
            a.shown(Kinds::ALL)
                .ends_with("(5001 lines in all)\n(no warning)")
        );
    }

    #[test]
    fn what_is_shown_is_what_differs() {
        let answer = rows(&[("a", "LONG")], &["1"]);
        assert_eq!(answer.shown(Kind::Rows.into()), "a\n1");
        assert_eq!(answer.shown(Kind::ColumnType.into()), "a\n(LONG)\n1");
        assert_eq!(answer.shown(Kind::Plan.into()), "1 row");
        assert_eq!(done(3, &[]).shown(Kinds::NONE), "ok, affected 3");
        assert_eq!(
            refused(1064, "no").shown(Kinds::NONE),
            "ERROR 1064 (42000): no"
        );
    }
}
