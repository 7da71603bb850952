//! How long a statement takes, as a part of its answer.

use super::NormalizedResult;
use crate::compare::kind::{Kind, Kinds};
use crate::compare::times::{TimeFactor, TimeRatio, Times};

impl NormalizedResult {
    /// Adds how long the statement takes.
    pub fn with_times(self, times: Option<Times>) -> Self {
        NormalizedResult { times, ..self }
    }

    /// How long the statement takes, where that was measured.
    pub fn times(&self) -> Option<&Times> {
        self.times.as_ref()
    }

    /// How many times as long the statement takes as in another answer, if both were
    /// measured.
    pub fn time_ratio(&self, other: &NormalizedResult) -> Option<TimeRatio> {
        self.times.as_ref()?.ratio_to(other.times.as_ref()?)
    }

    /// The kind of difference between the times of two answers, if they differ.
    pub fn time_kinds(&self, other: &NormalizedResult, factor: TimeFactor) -> Kinds {
        match (&self.times, &other.times) {
            (Some(a), Some(b)) if a.differ(b, factor) => Kind::Time.into(),
            _ => Kinds::NONE,
        }
    }

    /// Whether measuring proved that two answers take the same time, within a factor.
    pub fn takes_as_long(&self, other: &NormalizedResult, factor: TimeFactor) -> bool {
        match (&self.times, &other.times) {
            (Some(a), Some(b)) => a.are_alike(b, factor),
            _ => false,
        }
    }

    /// The same beside the answer that it is compared with: times say how many times as
    /// slow they are.
    pub fn shown_beside(&self, reference: &NormalizedResult, kinds: Kinds) -> String {
        let shown = self.shown(kinds);
        match self.time_ratio(reference) {
            Some(ratio) if kinds.contains(Kind::Time) => {
                let (times, rest) = shown.split_once('\n').unwrap_or((&shown, ""));
                format!("{times}: {}\n{rest}", ratio.shown())
            }
            _ => shown,
        }
    }
}
