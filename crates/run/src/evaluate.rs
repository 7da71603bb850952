//! Decides whether an outcome matches the file's expectation. Pure.

use std::collections::HashMap;

use dbmatrix_sql::compare::{
    ErrorPattern, FormattedRows, Kind, Mismatch, NormalizedResult, Rules, check_error, check_rows,
    record_kind, record_lines, same_record,
};
use dbmatrix_sql::outcome::{Outcome, Rows, Warning};
use dbmatrix_sql::suite::{Action, Expectation, Facts};

use super::variables::only_row;

/// A step that did not match its expectation.
#[derive(Debug)]
pub(super) struct StepFailure {
    pub(super) expected: String,
    pub(super) found: String,
    /// A human-readable reason.
    pub(super) why: &'static str,
    /// `None` if it is not a difference between outcomes.
    pub(super) kind: Option<Kind>,
}

impl StepFailure {
    fn new(mismatch: Mismatch, why: &'static str) -> Self {
        StepFailure {
            kind: Some(mismatch.kind),
            expected: mismatch.expected,
            found: mismatch.found,
            why,
        }
    }
}

/// Judges the steps of one case.
pub(super) struct Evaluator<'a> {
    pub(super) facts: &'a Facts,
    pub(super) rules: &'a Rules,
    /// Outcomes stored beside a `.sql` file; `None` if none are required.
    pub(super) stored: Option<Expectation>,
    /// Hash of the rows of the first query with a label.
    labels: HashMap<String, String>,
}

/// The result of a statement.
pub(super) struct StepOutcome {
    /// The outcome, without rows if they are `written`.
    pub(super) outcome: Outcome,
    /// Rows as a `query` record writes and sorts them.
    written: Option<FormattedRows>,
}

impl StepOutcome {
    pub(super) fn new(action: &Action, mut outcome: Outcome) -> Self {
        let written = match (action, outcome.rows_mut()) {
            (Action::Query { expected, .. }, Some(set)) => {
                let written = FormattedRows::of(set, &expected.letters, expected.sort);
                // Keeping one form of them is enough.
                set.rows = Rows::default();
                Some(written)
            }
            _ => None,
        };
        StepOutcome { outcome, written }
    }

    /// Returns the form in which it is compared with other flavours.
    pub(super) fn answer(&self, notices: &[Warning]) -> NormalizedResult {
        match &self.written {
            Some(written) => NormalizedResult::of_written(&self.outcome, written, notices),
            None => NormalizedResult::of(&self.outcome, notices),
        }
    }
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(facts: &'a Facts, rules: &'a Rules, stored: Option<Expectation>) -> Self {
        Evaluator {
            facts,
            rules,
            stored,
            labels: HashMap::new(),
        }
    }

    pub(super) fn judge(
        &mut self,
        ordinal: usize,
        action: &Action,
        came: &StepOutcome,
    ) -> Result<(), StepFailure> {
        let outcome = &came.outcome;
        match action {
            Action::Succeeds { affected, .. } => succeeded(outcome, *affected),
            Action::Fails { error, .. } => refused(error, outcome),
            Action::Query {
                expected, label, ..
            } => {
                let (Some(rows), Some(written), None) =
                    (outcome.rows(), &came.written, outcome.refusal())
                else {
                    return Err(accepted("rows", outcome));
                };
                check_rows(expected, rows, written, self.rules.tolerance).map_err(|mismatch| {
                    let why = match mismatch.kind {
                        Kind::ColumnName => "other names of columns",
                        _ => "other rows",
                    };
                    StepFailure::new(mismatch, why)
                })?;
                label
                    .iter()
                    .try_for_each(|label| self.check_label(label, hashed(written)))
            }
            Action::Record { sql } => self.check_record(ordinal, &sql.text(), outcome),
            Action::Let { variables, .. } => bound(variables, outcome),
            // Only flavours compare it.
            Action::RollBack { .. }
            | Action::System(_)
            | Action::Sleep(_)
            | Action::Halt
            | Action::Use { .. }
            | Action::ResetConnection
            | Action::Connect { .. } => Ok(()),
        }
    }

    fn check_label(&mut self, label: &str, hashed: String) -> Result<(), StepFailure> {
        let first = self.labels.entry(label.to_owned());
        let first = first.or_insert_with(|| hashed.clone());
        if *first == hashed {
            return Ok(());
        }
        Err(StepFailure {
            expected: first.clone(),
            found: hashed,
            why: "other rows than an earlier query with the same label",
            kind: Some(Kind::Rows),
        })
    }

    fn check_record(
        &self,
        ordinal: usize,
        sql: &str,
        outcome: &Outcome,
    ) -> Result<(), StepFailure> {
        let Some(stored) = &self.stored else {
            return Ok(());
        };
        let found = record_lines(outcome);
        match stored.lines(ordinal, sql, self.facts) {
            Ok(lines) if same_record(lines, &found, self.rules.tolerance) => Ok(()),
            Ok(lines) => Err(StepFailure {
                kind: Some(record_kind(lines, &found)),
                expected: lines.join("\n"),
                found: found.join("\n"),
                why: "another outcome than the stored one",
            }),
            Err(reason) => Err(StepFailure {
                expected: reason,
                found: found.join("\n"),
                why: "nothing to compare with",
                kind: None,
            }),
        }
    }
}

fn hashed(written: &FormattedRows) -> String {
    written.with_text().unwrap_or(written).hashed()
}

fn succeeded(outcome: &Outcome, affected: Option<u64>) -> Result<(), StepFailure> {
    if outcome.refusal().is_some() {
        return Err(accepted("success", outcome));
    }
    match affected {
        Some(count) if count != outcome.affected() => Err(StepFailure {
            expected: format!("{count} affected rows"),
            found: format!("{} affected rows", outcome.affected()),
            why: "another number of affected rows",
            kind: Some(Kind::Affected),
        }),
        _ => Ok(()),
    }
}

fn bound(variables: &[String], outcome: &Outcome) -> Result<(), StepFailure> {
    if outcome.refusal().is_some() {
        return Err(accepted("rows", outcome));
    }
    only_row(variables, outcome)
        .map(drop)
        .map_err(|found| StepFailure {
            expected: format!("one row of {} columns", variables.len()),
            found,
            why: "no row to bind variables to",
            kind: Some(Kind::Rows),
        })
}

fn refused(pattern: &ErrorPattern, outcome: &Outcome) -> Result<(), StepFailure> {
    check_error(pattern, outcome).map_err(|mismatch| {
        let why = match mismatch.kind {
            Kind::Success => "accepted",
            _ => "another error",
        };
        StepFailure::new(mismatch, why)
    })
}

/// Describes the result that came instead of the expected one.
fn accepted(expected: &str, outcome: &Outcome) -> StepFailure {
    let (found, why, kind) = match outcome.refusal() {
        Some(refusal) => (refusal.to_string(), "refused", Kind::Success),
        None => (record_lines(outcome).join("\n"), "no rows", Kind::Rows),
    };
    StepFailure {
        expected: expected.to_owned(),
        found,
        why,
        kind: Some(kind),
    }
}
