//! Entries of known divergences: which differences they explain, and which entries do not
//! hold.

use dbmatrix_report::event::{DifferenceStatus, Event, Stale};
use dbmatrix_sql::compare::{
    CompareOptions, Grouping, Kind, NormalizedResult, difference, significant,
};

use super::{State, StepFacts, StepOutcome};

impl State {
    fn applies_to(&self, entry: usize, member: usize) -> bool {
        let facts = self.flavours[member].facts.as_ref();
        facts.is_some_and(|facts| self.about.known.entries[entry].applies_to(facts))
    }

    /// Notes on which flavours the entries about a step hold: those that failed as the
    /// entry says, or that differ from a flavour which it does not name.
    pub(super) fn note_entries(
        &mut self,
        entries: &[usize],
        step: &StepFacts,
        here: &[usize],
        there: &[&StepOutcome],
        options: CompareOptions,
    ) {
        for &entry in entries {
            self.met[entry] = true;
            let kinds = self.about.known.entries[entry].kinds;
            let (covered, others): (Vec<usize>, Vec<usize>) =
                (0..here.len()).partition(|at| self.applies_to(entry, here[*at]));
            for at in covered {
                let differs = |other: &usize| {
                    let found = difference(&there[at].answer, &there[*other].answer, options);
                    !found.and(kinds).is_empty()
                };
                let holds = there[at].excused.contains(&entry) || others.iter().any(differs);
                // Times that are near the factor, or not measured, prove nothing.
                let is_alike = |other: &usize| {
                    let (here, there) = (&there[at].answer, &there[*other].answer);
                    here.takes_as_long(there, options.time_factor)
                };
                let is_measured = !kinds.contains(Kind::Time) || others.iter().all(is_alike);
                // Without another flavour, only an expectation can decide.
                let is_sure =
                    is_measured && (!others.is_empty() || kinds.without(step.settled).is_empty());
                if holds || is_sure {
                    *self.held.entry((entry, here[at])).or_insert(false) |= holds;
                }
            }
        }
    }

    /// A divergence is known if, for each pair of flavours that differ, an entry names
    /// exactly one of them.
    pub(super) fn difference_status(
        &self,
        here: &[usize],
        answers: &[&NormalizedResult],
        entries: &[usize],
        found: &Grouping,
        options: CompareOptions,
    ) -> DifferenceStatus {
        let mut used = Vec::new();
        let rank = |at: usize| {
            found
                .groups
                .iter()
                .position(|group| group.members.contains(&at))
        };
        let valid = |entry: &&usize| self.about.known.entries[**entry].expired.is_none();
        for a in 0..here.len() {
            for b in a + 1..here.len() {
                if options
                    .baseline
                    .is_some_and(|baseline| a != baseline && b != baseline)
                {
                    continue;
                }
                // Which of them is faster does not depend on the order of the flavours.
                let (first, second) = if rank(a) <= rank(b) { (a, b) } else { (b, a) };
                let mut open = significant(answers[first], answers[second], options);
                for &entry in entries.iter().filter(valid) {
                    let apart = self.applies_to(entry, here[a]) != self.applies_to(entry, here[b]);
                    let kinds = self.about.known.entries[entry].kinds;
                    if apart && !open.and(kinds).is_empty() {
                        open = open.without(kinds);
                        used.push(entry);
                    }
                }
                if !open.is_empty() {
                    return DifferenceStatus::New;
                }
            }
        }
        used.sort_unstable();
        used.dedup();
        let reason = |entry: usize| self.about.known.entries[entry].reason.clone();
        DifferenceStatus::Known(used.into_iter().map(reason).collect())
    }

    pub(super) fn report_stale(&self) {
        for (at, entry) in self.about.known.entries.iter().enumerate() {
            let on = |held: bool| {
                let all = self.flavours.iter().enumerate();
                let found = all.filter(|(member, _)| self.held.get(&(at, *member)) == Some(&held));
                found
                    .map(|(_, member)| member.name.clone())
                    .collect::<Vec<_>>()
            };
            let (fine, gone) = (on(true), on(false));
            let any_ran = self.flavours.iter().any(|member| member.steps > 0);
            let (flavours, why) = if let Some(day) = &entry.expired {
                if fine.is_empty() {
                    continue;
                }
                (fine, format!("it expired on {day}, and it still differs"))
            } else if !gone.is_empty() {
                (gone, "it differs no more".to_owned())
            } else if !self.met[at] && any_ran {
                (Vec::new(), "no step has this statement".to_owned())
            } else {
                continue;
            };
            self.events.send(Event::Stale(Stale {
                suite: self.about.suite.clone(),
                file: self.about.known.path.clone(),
                line: entry.line,
                statement: entry.statement.clone(),
                flavours,
                why,
            }));
        }
    }
}
