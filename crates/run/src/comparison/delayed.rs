//! Steps that all flavours have answered and that wait until their times are measured.

use std::collections::HashMap;
use std::io;

use dbmatrix_report::event::{GroupTimes, TimeRatio};
use dbmatrix_sql::compare::{NormalizedResult, Times};
use serde::{Deserialize, Serialize};

use super::{StepFacts, StepOutcome};
use crate::spill::{MemorySize, SpillBuffer, SpillQueue};

/// A step whose time can be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Its position among the statements of its file.
    pub(crate) ordinal: usize,
    /// Indexes of the flavours on which it succeeded in the same way; at least two.
    pub(crate) flavours: Vec<usize>,
}

/// The steps of a file that wait for their times.
#[derive(Debug)]
pub(super) struct Delayed {
    steps: SpillQueue<Complete>,
    candidates: Vec<Candidate>,
    /// How many flavours are recorded. They come first, and cannot be measured.
    recorded: usize,
    /// How many steps were added.
    added: usize,
    /// How many steps were taken.
    taken: usize,
    /// By the indexes of step and flavour.
    times: HashMap<(usize, usize), Times>,
}

/// A step that all flavours have reached, with their outcomes.
#[derive(Debug, Serialize, Deserialize)]
struct Complete {
    step: StepFacts,
    came: Vec<Option<StepOutcome>>,
}

impl MemorySize for Complete {
    fn size(&self) -> usize {
        let answers = self.came.iter().flatten().map(|came| came.answer.size());
        size_of::<Complete>() + self.step.statement.len() + answers.sum::<usize>()
    }
}

impl Delayed {
    pub(super) fn new(spill: &SpillBuffer, recorded: usize) -> Self {
        Delayed {
            steps: SpillQueue::new(spill),
            candidates: Vec::new(),
            recorded,
            added: 0,
            taken: 0,
            times: HashMap::new(),
        }
    }

    /// Adds a step with the outcomes by flavour.
    pub(super) fn push(
        &mut self,
        step: StepFacts,
        came: Vec<Option<StepOutcome>>,
    ) -> io::Result<()> {
        let flavours = match step.is_repeatable {
            true => comparable(&came, self.recorded),
            false => Vec::new(),
        };
        if flavours.len() > 1 {
            let ordinal = self.added;
            self.candidates.push(Candidate { ordinal, flavours });
        }
        self.added += 1;
        self.steps.push(Complete { step, came })
    }

    pub(super) fn take_candidates(&mut self) -> Vec<Candidate> {
        std::mem::take(&mut self.candidates)
    }

    pub(super) fn add_times(&mut self, ordinal: usize, flavour: usize, times: Times) {
        self.times.insert((ordinal, flavour), times);
    }

    /// Takes the first step, with the times that were measured.
    pub(super) fn next(&mut self) -> io::Result<Option<(StepFacts, Vec<Option<StepOutcome>>)>> {
        let Some(Complete { step, came }) = self.steps.pop()? else {
            return Ok(None);
        };
        let ordinal = self.taken;
        self.taken += 1;
        let came = came.into_iter().enumerate().map(|(flavour, came)| {
            let times = self.times.remove(&(ordinal, flavour));
            came.map(|came| StepOutcome {
                answer: came.answer.with_times(times),
                ..came
            })
        });
        Ok(Some((step, came.collect())))
    }
}

/// The flavours that executed a statement with the same kind of result as the first of
/// them: rows, or none.
fn comparable(came: &[Option<StepOutcome>], recorded: usize) -> Vec<usize> {
    let live = came.iter().enumerate().skip(recorded);
    let answered = live.filter_map(|(flavour, came)| {
        let answer = &came.as_ref()?.answer;
        (!answer.is_refused()).then(|| (flavour, answer.has_rows()))
    });
    let answered: Vec<(usize, bool)> = answered.collect();
    let first = answered.first().map(|(_, has_rows)| *has_rows);
    let alike = answered.into_iter();
    let alike = alike.filter(|(_, has_rows)| Some(*has_rows) == first);
    alike.map(|(flavour, _)| flavour).collect()
}

/// The times of an answer, for reports.
pub(super) fn group_times(
    answer: &NormalizedResult,
    reference: &NormalizedResult,
) -> Option<GroupTimes> {
    let times = answer.times()?;
    let is_reference = std::ptr::eq(answer, reference);
    let ratio = answer.time_ratio(reference).filter(|_| !is_reference);
    Some(GroupTimes {
        runs: times.rounds(),
        median: times.median(),
        ratio: ratio.map(|ratio| TimeRatio {
            median: ratio.median,
            low: ratio.low,
            high: ratio.high,
        }),
    })
}
