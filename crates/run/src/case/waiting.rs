//! Steps that are judged while the server works on the next one.

use dbmatrix_sql::compare::Plan;
use dbmatrix_sql::suite::Step;

use crate::evaluate::Evaluator;
use crate::recorder::{CaseRecorder, StepVerdict};
use crate::sessions::Reply;

/// A finished step that is not judged yet.
pub(super) struct Waiting {
    pub(super) ordinal: usize,
    pub(super) step: Step,
    /// None where the step was skipped.
    pub(super) reply: Option<Reply>,
    /// How the server reads the tables, in a log.
    pub(super) plan: Option<Plan>,
    /// The database, in a log.
    pub(super) database: Option<String>,
}

pub(super) fn judge_all(
    waiting: &mut Vec<Waiting>,
    judge: &mut Evaluator<'_>,
    recorder: &mut CaseRecorder<'_>,
) {
    for Waiting {
        ordinal,
        step,
        reply,
        plan,
        database,
    } in waiting.drain(..)
    {
        let Some(reply) = reply else {
            recorder.record_step(&step, StepVerdict::SKIPPED);
            continue;
        };
        let judged = recorder.judge(judge, ordinal, &step, reply);
        recorder.record_step(&step, judged.with_plan(plan).in_database(database));
    }
}
