//! Counts the steps of a file that differ, and selects those that are reported one by
//! one.
//!
//! Insignificant differences are counted by their kinds and the form of their statements,
//! so that memory stays small however many there are.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use dbmatrix_report::event::{Event, FormSteps};
use dbmatrix_sql::compare::{Kind, Kinds};
use dbmatrix_sql::suite::statement_form;

/// Distinct forms that are counted per file, for each set of kinds.
const FORMS: usize = 1000;

/// Divergences per file and status that are reported with complete outcomes.
const WHOLE: usize = 1000;
/// Letters shown of an outcome of the later ones.
const BRIEF: usize = 200;

/// Shortens an outcome of a divergence that follows many others.
pub(super) fn brief(outcome: String, told: usize) -> String {
    match outcome.char_indices().nth(BRIEF) {
        Some((end, _)) if told > WHOLE => format!("{}…", &outcome[..end]),
        _ => outcome,
    }
}

/// Which insignificant differences of a file are reported one by one; the others
/// are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Listed {
    /// The first of each form, and a few more.
    #[default]
    Some,
    /// All, up to a limit that bounds memory.
    All,
}

impl Listed {
    fn most(self) -> usize {
        match self {
            Listed::Some => 200,
            Listed::All => 20_000,
        }
    }
}

/// The counts of a file's comparison.
#[derive(Debug)]
pub(super) struct Counts {
    most: usize,
    /// Steps with the same result on all flavours.
    pub(super) same: usize,
    /// Steps that fewer than two flavours answered.
    pub(super) not_compared: usize,
    significant: usize,
    /// Insignificant differences that are reported one by one.
    told: usize,
    /// Insignificant differences that are not.
    untold: usize,
    untold_kinds: BTreeMap<Kind, usize>,
    /// Unreported steps by kinds and form. Contains every form seen, even if all its
    /// steps are reported.
    forms: HashMap<(Kinds, String), usize>,
    /// Unreported steps of forms beyond the limit.
    other_forms: BTreeMap<Kinds, usize>,
}

impl Counts {
    pub(super) fn new(listed: Listed) -> Self {
        Counts {
            most: listed.most(),
            same: 0,
            not_compared: 0,
            significant: 0,
            told: 0,
            untold: 0,
            untold_kinds: BTreeMap::new(),
            forms: HashMap::new(),
            other_forms: BTreeMap::new(),
        }
    }

    /// Steps that at least two flavours answered.
    pub(super) fn compared(&self) -> usize {
        self.same + self.significant + self.told + self.untold
    }

    /// Counts a significant or known difference, which is always reported; returns the
    /// count so far.
    pub(super) fn note_significant(&mut self) -> usize {
        self.significant += 1;
        self.significant
    }

    /// Counts an insignificant difference. If it is to be reported, returns how many were
    /// reported before.
    pub(super) fn note_insignificant(&mut self, kinds: Kinds, statement: &str) -> Option<usize> {
        let key = (kinds, statement_form(statement));
        let is_known = self.forms.contains_key(&key);
        let has_room = self.forms.len() < FORMS;
        let is_told = match is_known {
            true => self.told < self.most,
            false => has_room || self.told < self.most,
        };
        if is_told {
            self.told += 1;
            if has_room {
                self.forms.entry(key).or_default();
            }
            return Some(self.told);
        }
        self.untold += 1;
        for kind in kinds.iter() {
            *self.untold_kinds.entry(kind).or_default() += 1;
        }
        match self.forms.get_mut(&key) {
            Some(steps) => *steps += 1,
            None => *self.other_forms.entry(kinds).or_default() += 1,
        }
        None
    }

    /// The steps that were counted and not reported, if any.
    pub(super) fn more_shown(&self, suite: &str, file: &Path) -> Option<Event> {
        if self.untold == 0 {
            return None;
        }
        let form_steps = |kinds: Kinds, form: &str, steps: usize| FormSteps {
            kinds: kinds.iter().collect(),
            form: form.to_owned(),
            steps,
        };
        let mut forms: Vec<FormSteps> = (self.forms.iter())
            .filter(|(_, steps)| **steps > 0)
            .map(|((kinds, form), steps)| form_steps(*kinds, form, *steps))
            .collect();
        forms.sort_by(|a, b| (b.steps, &a.form, &a.kinds).cmp(&(a.steps, &b.form, &b.kinds)));
        let others = self.other_forms.iter();
        forms.extend(others.map(|(kinds, steps)| form_steps(*kinds, "", *steps)));
        Some(Event::MoreShown {
            suite: suite.to_owned(),
            file: file.to_owned(),
            steps: self.untold,
            kinds: self.untold_kinds.clone(),
            forms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn more_shown(counts: &Counts) -> (usize, Vec<FormSteps>) {
        match counts.more_shown("s", Path::new("f.sql")) {
            Some(Event::MoreShown { steps, forms, .. }) => (steps, forms),
            None => (0, Vec::new()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_million_steps_of_few_forms_are_all_counted_and_few_are_told() {
        let mut counts = Counts::new(Listed::Some);
        let kinds = Kinds::from(Kind::ColumnType);
        let mut told = 0;
        for at in 0..100_000 {
            let statement = match at % 2 {
                0 => format!("SELECT {at}"),
                _ => format!("SELECT a FROM t WHERE b = {at}"),
            };
            told += usize::from(counts.note_insignificant(kinds, &statement).is_some());
        }
        let (untold, forms) = more_shown(&counts);
        assert_eq!((told, untold), (200, 99_800));
        assert_eq!(forms.iter().map(|form| form.steps).sum::<usize>(), untold);
        assert_eq!((forms.len(), counts.compared()), (2, 100_000));
    }

    #[test]
    fn the_first_step_of_a_late_form_is_told() {
        let mut counts = Counts::new(Listed::Some);
        let kinds = Kinds::from(Kind::Warning);
        for at in 0..300 {
            counts.note_insignificant(kinds, &format!("SELECT {at}"));
        }
        assert_eq!(counts.note_insignificant(kinds, "SELECT a"), Some(201));
        assert_eq!(counts.note_insignificant(kinds, "SELECT a"), None);
    }

    #[test]
    fn forms_beyond_a_number_are_counted_together() {
        let mut counts = Counts::new(Listed::Some);
        let kinds = Kinds::from(Kind::Warning);
        for at in 0..5_000 {
            counts.note_insignificant(kinds, &format!("SELECT c{at}"));
        }
        let (untold, forms) = more_shown(&counts);
        assert_eq!((counts.told, untold), (FORMS, 4_000));
        assert_eq!(
            (forms.len(), forms[0].form.as_str(), forms[0].steps),
            (1, "", 4_000)
        );
    }

    #[test]
    fn all_are_told_where_that_is_asked_for() {
        let mut counts = Counts::new(Listed::All);
        for at in 0..5_000 {
            let told = counts.note_insignificant(Kind::Warning.into(), &format!("SELECT {at}"));
            assert_eq!(told, Some(at + 1));
        }
        assert_eq!(more_shown(&counts).0, 0);
    }
}
