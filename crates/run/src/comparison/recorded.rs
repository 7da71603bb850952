//! Recorded flavours of a comparison: their answers come from a reference, step by step as
//! the others reach them.

use std::sync::Arc;

use super::State;
use super::about::{Member, StepFacts, StepOutcome};
use crate::reference::{AnswerReader, Reference};
use crate::spill::SpillBuffer;

/// Why answers of several flavours cannot be recorded together.
pub(super) const OTHER_STATEMENTS: &str = "flavours cut the file into other statements, as by NO_BACKSLASH_ESCAPES; record one flavour at a time";

/// The recorded flavours of a comparison.
#[derive(Debug)]
pub(super) struct RecordedMembers {
    answers: AnswerReader,
    /// For each member, the place of its answers.
    places: Vec<usize>,
}

/// The recorded flavours as members, which come first, and their answers to the file at a
/// place of its suite.
pub(super) fn members_of(
    reference: &Arc<Reference>,
    place: usize,
    spill: &SpillBuffer,
) -> (Vec<Member>, Option<RecordedMembers>) {
    let flavours = reference.flavours();
    let member = |flavour: &crate::reference::RecordedFlavour| Member {
        facts: Some(flavour.facts.clone()),
        // Nobody waits for it.
        ended: true,
        ..Member::new(&flavour.title, spill)
    };
    let recorded = RecordedMembers {
        answers: reference.answers(place),
        places: flavours.iter().map(|flavour| flavour.at).collect(),
    };
    (flavours.iter().map(member).collect(), Some(recorded))
}

impl State {
    /// Adds the recorded answers to a step that the other flavours have reached. An error
    /// says why that is not possible.
    pub(super) fn add_recorded(
        &mut self,
        steps: &mut Vec<(usize, StepFacts)>,
        came: &mut [Option<StepOutcome>],
    ) -> Result<(), String> {
        let (Some(recorded), Some((_, step))) = (&mut self.recorded, steps.first()) else {
            return Ok(());
        };
        let next = recorded.answers.next();
        let Some((line, statement, mut answers)) = next.map_err(|error| error.to_string())? else {
            return Ok(());
        };
        if !self.is_cut && line != step.line {
            return Err(format!(
                "the reference has an answer to line {line} where one to line {} should be; record it again",
                step.line
            ));
        }
        let step = StepFacts {
            line,
            statement,
            ..step.clone()
        };
        for (member, place) in recorded.places.iter().enumerate() {
            let outcome = answers.get_mut(*place).and_then(Option::take);
            if outcome.is_some() {
                self.flavours[member].steps += 1;
                steps.push((member, step.clone()));
            }
            came[member] = outcome.map(|outcome| StepOutcome {
                // Known divergences are those of today.
                excused: Vec::new(),
                ..outcome
            });
        }
        Ok(())
    }
}
