//! Differences that are counted and not reported one by one.

use std::collections::BTreeMap;

use dbmatrix_sql::compare::{Kind, Kinds};

use crate::event::FormSteps;

/// Expected and insignificant differences that are not reported one by one.
#[derive(Debug, Clone, Default)]
pub(super) struct OmittedDifferences {
    pub(super) steps: usize,
    /// A step counts once for each of its kinds.
    kinds: BTreeMap<Kind, usize>,
    /// By kinds and form; the form is empty for those beyond the limit.
    pub(super) forms: BTreeMap<(Kinds, String), usize>,
}

impl OmittedDifferences {
    pub(super) fn add(
        &mut self,
        steps: usize,
        kinds: BTreeMap<Kind, usize>,
        forms: Vec<FormSteps>,
    ) {
        self.steps += steps;
        for (kind, steps) in kinds {
            *self.kinds.entry(kind).or_default() += steps;
        }
        for of_form in forms {
            let kinds = of_form.kinds.into_iter().collect();
            *self.forms.entry((kinds, of_form.form)).or_default() += of_form.steps;
        }
    }

    /// Steps by kind for which reports of earlier versions contain no form.
    pub(super) fn without_forms(&self) -> BTreeMap<Kind, usize> {
        let mut left = self.kinds.clone();
        for ((kinds, _), steps) in &self.forms {
            for kind in kinds.iter() {
                if let Some(left) = left.get_mut(&kind) {
                    *left = left.saturating_sub(*steps);
                }
            }
        }
        left.retain(|_, steps| *steps > 0);
        left
    }
}

/// The results of a run's comparisons.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Compared {
    /// Steps with the same result on all flavours.
    pub(super) same: usize,
    /// Steps that fewer than two flavours answered.
    pub(super) not_compared: usize,
}
