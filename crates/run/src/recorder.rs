//! Records the results of a case: judges and counts its steps, and passes them to the
//! comparison.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use dbmatrix_flavours::matrix::Expect;
use dbmatrix_report::event::{CaseResult, Failure, MissingObject};
use dbmatrix_sql::compare::{Kind, Plan, record_lines};
use dbmatrix_sql::effect::Effect;
use dbmatrix_sql::outcome::{SqlError, Warning};
use dbmatrix_sql::sql_text::Sql;
use dbmatrix_sql::suite::{Action, Recorded, Step, asks_for_order, one_line};

use super::case::{Case, CaseEnd, Content};
use super::comparison::{self, Sink, StepFacts};
use super::database;
use super::evaluate::{Evaluator, StepFailure, StepOutcome};
use super::sessions::Reply;

/// Failures that are kept in full; the others are counted.
const KEPT: usize = 50;
/// Longest text of one side of a failure.
const SHOWN: usize = 4000;

/// The results of a case so far.
pub(super) struct CaseRecorder<'a> {
    case: &'a Case,
    sink: Option<&'a mut Sink>,
    database: &'a str,
    /// How often each statement occurred.
    statements: HashMap<String, usize>,
    result: CaseResult,
    recorded: Recorded,
}

/// The verdict on a step, with what flavours compare.
pub(super) struct StepVerdict {
    ended: Ended,
    came: Option<(StepOutcome, Vec<Warning>)>,
    /// How the server reads the tables, where that was asked for.
    plan: Option<Plan>,
    /// The database that a log names.
    database: Option<String>,
}

enum Ended {
    Passed,
    Skipped,
    Failed(StepFailure),
}

impl StepVerdict {
    /// A step whose conditions do not hold.
    pub(super) const SKIPPED: StepVerdict = StepVerdict {
        ended: Ended::Skipped,
        came: None,
        plan: None,
        database: None,
    };
    /// A finished pause, or a step that has no say.
    pub(super) const SLEPT: StepVerdict = StepVerdict {
        ended: Ended::Passed,
        came: None,
        plan: None,
        database: None,
    };

    /// A step that sends nothing to a server.
    pub(super) fn without_answer(ended: Result<(), StepFailure>) -> Self {
        StepVerdict {
            ended: match ended {
                Ok(()) => Ended::Passed,
                Err(wrong) => Ended::Failed(wrong),
            },
            came: None,
            plan: None,
            database: None,
        }
    }

    /// Adds the database in which a log's statement ran.
    pub(super) fn in_database(self, database: Option<String>) -> Self {
        StepVerdict { database, ..self }
    }

    /// Adds how the server reads the statement's tables.
    pub(super) fn with_plan(self, plan: Option<Plan>) -> Self {
        StepVerdict { plan, ..self }
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.ended, Ended::Failed(_))
    }
}

impl<'a> CaseRecorder<'a> {
    pub(super) fn new(case: &'a Case, sink: Option<&'a mut Sink>, database: &'a str) -> Self {
        CaseRecorder {
            case,
            sink,
            database,
            statements: HashMap::new(),
            result: CaseResult::default(),
            recorded: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> CaseEnd {
        CaseEnd {
            result: self.result,
            recorded: self.recorded,
            dirty: false,
        }
    }

    /// Whether answers are compared with those of other flavours.
    pub(super) fn is_compared(&self) -> bool {
        self.sink.is_some()
    }

    /// Notes that the case ends before its last step because the run ends.
    pub(super) fn mark_cut(&mut self) {
        self.result.cut = true;
    }

    /// Judges the result of a step; counts nothing, since it may be repeated.
    pub(super) fn judge(
        &self,
        judge: &mut Evaluator<'_>,
        ordinal: usize,
        step: &Step,
        reply: Reply,
    ) -> StepVerdict {
        let (mut outcome, notices) = match reply {
            Reply::Outcome(outcome, notices) => (outcome, notices),
            Reply::Failed(wrong) => {
                return StepVerdict {
                    ended: Ended::Failed(wrong),
                    came: None,
                    plan: None,
                    database: None,
                };
            }
        };
        database::anonymous(&mut outcome, self.database);
        self.case.suite.rules.mask_volatile(&mut outcome);
        let came = StepOutcome::new(&step.action, outcome);
        let ended = match self.case.update {
            true => Ok(()),
            false => judge.judge(ordinal, &step.action, &came),
        };
        let ended = match ended {
            Ok(()) => Ended::Passed,
            Err(wrong) => Ended::Failed(wrong),
        };
        StepVerdict {
            ended,
            came: Some((came, notices)),
            plan: None,
            database: None,
        }
    }

    /// Counts a statement of a log that the server cannot run, since it lacks a table or
    /// database.
    pub(super) fn note_missing(&mut self, name: &str) {
        let name = name.replace(self.database, database::PLACEHOLDER);
        let all = &mut self.result.missing;
        match all.iter_mut().find(|missing| missing.name == name) {
            Some(missing) => missing.statements += 1,
            None => all.push(MissingObject {
                name,
                statements: 1,
            }),
        }
    }

    /// Counts a step and passes it to the comparison.
    pub(super) fn record_step(&mut self, step: &Step, judged: StepVerdict) {
        let only_line = self.case.suite.only_line;
        let StepVerdict {
            ended,
            came,
            plan,
            database,
        } = match only_line.is_some_and(|line| line != step.line) {
            true => StepVerdict::SLEPT,
            false => judged,
        };
        self.case.steps_done.fetch_add(1, Ordering::Relaxed);
        if self.case.update
            && let Some(sql) = step.action.sql()
        {
            let lines = came.as_ref().map(|(came, _)| record_lines(&came.outcome));
            self.recorded.push((sql.text().into_owned(), lines));
        }
        if let (Content::Log(_), Some((came, _))) = (&self.case.content, &came)
            && let Some(name) = came.outcome.refusal().and_then(missing_object)
        {
            self.note_missing(name);
        }
        let nth = self.nth(step);
        let mut failed = None;
        let mut excused = Vec::new();
        match ended {
            Ended::Passed => self.result.passed += 1,
            Ended::Skipped => self.result.skipped += 1,
            Ended::Failed(wrong) => {
                failed = wrong.kind;
                excused = self.excuses(step, nth, wrong.kind);
                self.note_failure(step, wrong, excused.first().copied());
            }
        }
        let (Some(sql), true) = (step.action.sql(), self.sink.is_some()) else {
            return;
        };
        // The next run expects what is recorded now.
        let stored = self.case.suite.expect == Expect::Stored;
        let facts = StepFacts {
            line: step.line,
            statement: shortened(&sql.text()),
            nth,
            ordered: asks_for_order(sql),
            settled: step.action.settles(stored),
            database,
            is_repeatable: self.case.suite.measure.is_some() && is_repeatable(step, sql),
        };
        let came = came.map(|(came, notices)| comparison::StepOutcome {
            answer: came.answer(&self.mask_notices(notices)).with_plan(plan),
            failed,
            excused,
        });
        if let Some(sink) = &mut self.sink {
            sink.deliver_step(facts, came);
        }
    }

    fn mask_notices(&self, mut notices: Vec<Warning>) -> Vec<Warning> {
        for notice in &mut notices {
            notice.message = notice.message.replace(self.database, database::PLACEHOLDER);
            if let Some(settled) = self.case.suite.rules.settled(&notice.message) {
                notice.message = settled;
            }
        }
        notices
    }

    /// Position of a step among those with the same statement, from 1; 0 if it is not
    /// needed.
    fn nth(&mut self, step: &Step) -> usize {
        let Some(sql) = step.action.sql() else {
            return 0;
        };
        if self.case.known.entries.is_empty() && !self.case.fail_fast.update {
            return 0;
        }
        let count = self.statements.entry(one_line(&sql.text())).or_default();
        *count += 1;
        *count
    }

    /// Indexes of the known entries that cover this failure.
    fn excuses(&self, step: &Step, nth: usize, kind: Option<Kind>) -> Vec<usize> {
        let (Some(kind), Some(sql)) = (kind, step.action.sql()) else {
            return Vec::new();
        };
        if self.case.known.entries.is_empty() {
            return Vec::new();
        }
        let mut about = self.case.known.matching(&one_line(&sql.text()), nth);
        about.retain(|entry| {
            let entry = &self.case.known.entries[*entry];
            let is_valid = entry.expired.is_none() && entry.kinds.contains(kind);
            is_valid && entry.applies_to(&self.case.facts)
        });
        about
    }

    fn note_failure(&mut self, step: &Step, wrong: StepFailure, excuse: Option<usize>) {
        let known = excuse.map(|entry| self.case.known.entries[entry].reason.clone());
        match known {
            Some(_) => self.result.known += 1,
            None => {
                self.result.failed += 1;
                self.case.fail_fast.note_failure();
            }
        }
        if self.result.failures.len() < KEPT {
            self.result.failures.push(Failure {
                line: step.line,
                statement: shortened(&step.action.shown()),
                expected: shortened(&wrong.expected),
                found: shortened(&wrong.found),
                why: match &step.within {
                    Some(place) => format!("{} (at {place})", wrong.why),
                    None => wrong.why.to_owned(),
                },
                kind: wrong.kind,
                known,
            });
        }
    }
}

/// Whether a step can be run again and again, only for its time.
fn is_repeatable(step: &Step, sql: &Sql) -> bool {
    let is_alone = step.retry.is_none() && !step.substitutes;
    is_alone
        && !matches!(step.action, Action::RollBack { .. })
        && Effect::of(sql.bytes()) == Effect::Reads
}

/// The table or database that a server says it does not have: errors 1049 and 1146, whose
/// messages name it in quotes.
pub(super) fn missing_object(error: &SqlError) -> Option<&str> {
    if !matches!(error.code, 1049 | 1146) {
        return None;
    }
    error.message.split('\'').nth(1)
}

/// Shortens a text for a report.
pub(super) fn shortened(text: &str) -> String {
    // There are at most as many letters as bytes.
    let end = match text.len() {
        0..=SHOWN => None,
        _ => text.char_indices().nth(SHOWN),
    };
    match end {
        Some((end, _)) => format!("{}… ({} bytes in all)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use dbmatrix_flavours::matrix::FilesSpec;
    use dbmatrix_report::event::Sender;
    use dbmatrix_sql::suite::{Action, Facts, KnownDivergences};
    use dbmatrix_sql::version::{Family, Version};

    use super::*;
    use crate::fail_fast::FailFast;

    fn case(only_line: Option<usize>) -> Case {
        Case {
            path: PathBuf::from("a.sql"),
            content: Content::Sql,
            facts: Facts {
                flavour: "mariadb-11.8".to_owned(),
                family: Family::Mariadb,
                version: Version::release(11, 8),
                labels: Vec::new(),
            },
            suite: Arc::new(FilesSpec {
                only_line,
                ..FilesSpec::default()
            }),
            known: Arc::new(KnownDivergences::default()),
            update: false,
            deadline: None,
            fail_fast: FailFast::default(),
            events: Sender::channel().0,
            steps_done: Arc::default(),
            replicas: None,
        }
    }

    /// The lines that fail where each of three steps does, and how many there are.
    fn failed(only_line: Option<usize>) -> (Vec<usize>, usize) {
        let case = case(only_line);
        let mut recorder = CaseRecorder::new(&case, None, "d");
        for line in 1..=3 {
            let step = Step::new(
                line,
                Action::Record {
                    sql: "SELECT 1".into(),
                },
            );
            let wrong = StepFailure {
                expected: String::new(),
                found: String::new(),
                why: "it differs",
                kind: None,
            };
            recorder.record_step(&step, StepVerdict::without_answer(Err(wrong)));
        }
        let result = recorder.finish().result;
        let lines = result.failures.iter().map(|failure| failure.line);
        (lines.collect(), result.failed)
    }

    #[test]
    fn only_the_line_that_is_asked_for_has_a_say() {
        assert_eq!(failed(None), (vec![1, 2, 3], 3));
        assert_eq!(failed(Some(2)), (vec![2], 1));
        assert_eq!(failed(Some(9)), (vec![], 0));
    }
}
