//! Compares the answers of all flavours to one file, step by step as they arrive. A step
//! that all flavours have answered is reported and dropped.

mod about;
mod counts;
mod cuts;
mod recorded;
mod sink;

pub(super) use about::{About, StepFacts, StepOutcome};
pub(super) use counts::Listed;
use cuts::{cuts_differ, cuts_divergence};
pub(super) use sink::Sink;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use dbmatrix_report::event::{
    CaseResult, DifferenceStatus, Divergence, Event, Group, Sender, Stale, Verdict,
};
use dbmatrix_sql::compare::{CompareOptions, Grouping, Kinds, NormalizedResult, difference, split};
use dbmatrix_sql::suite::{Facts, FileKind, KnownDivergences, one_line};

use super::proposal::Proposals;
use super::spill::SpillBuffer;
use about::{Delivered, Member};
use counts::{Counts, brief};
use recorded::RecordedMembers;

/// The comparison of one file. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Comparison(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    about: About,
    events: Sender,
    spill: SpillBuffer,
    /// Whether answers were lost or belong to different statements; nothing more is
    /// compared then.
    failed: bool,
    /// Whether a server's modes decide where the file's statements end.
    is_cut: bool,
    /// Recorded ones first.
    flavours: Vec<Member>,
    /// The answers of the recorded ones.
    recorded: Option<RecordedMembers>,
    counts: Counts,
    proposals: Proposals,
    /// Whether an entry held on a flavour, by the indexes of both.
    held: HashMap<(usize, usize), bool>,
    /// Whether any step has an entry's statement, by entry.
    met: Vec<bool>,
}

impl Comparison {
    /// `spill` buffers the waiting steps of all comparisons of a run.
    pub(super) fn new(
        about: About,
        flavours: &[String],
        spill: &SpillBuffer,
        events: &Sender,
    ) -> Self {
        let (mut members, recorded) = match &about.reference {
            Some(reference) => recorded::members_of(reference, spill),
            None => (Vec::new(), None),
        };
        members.extend(flavours.iter().map(|name| Member::new(name, spill)));
        Comparison(Arc::new(Mutex::new(State {
            flavours: members,
            recorded,
            events: events.clone(),
            spill: spill.clone(),
            failed: false,
            is_cut: FileKind::of(&about.file) == Some(FileKind::Sql),
            counts: Counts::new(about.listed),
            proposals: Proposals::default(),
            held: HashMap::new(),
            met: vec![false; about.known.entries.len()],
            about,
        })))
    }

    pub(super) fn known(&self) -> Arc<KnownDivergences> {
        Arc::clone(&self.lock().about.known)
    }

    /// Opens the sink for a flavour; `None` if the flavour does not run this file, or if
    /// there is nothing to compare its answers with.
    pub(super) fn sink(&self, facts: &Facts) -> Option<Sink> {
        let mut state = self.lock();
        let at = state.place(&facts.flavour)?;
        let about = &state.about;
        let is_alone = state.flavours.len() == 1 && about.recording.is_none();
        if is_alone && about.known.entries.is_empty() && !about.propose {
            return None;
        }
        if let Some(recording) = &about.recording {
            recording.note_flavour(facts);
        }
        state.flavours[at].facts = Some(facts.clone());
        Some(Sink::new(self.clone(), at))
    }

    /// Notes how a flavour's case ended.
    pub(super) fn note_result(&self, flavour: &str, result: &CaseResult) {
        if let Some(recording) = &self.lock().about.recording {
            recording.note_result(flavour, result);
        }
    }

    /// Removes a flavour that is not available.
    pub(super) fn without(&self, flavour: &str) {
        let mut state = self.lock();
        if let Some(at) = state.place(flavour) {
            state.end_member(at);
        }
    }

    /// After a panic, answers of some flavours may be missing, so this file is not
    /// compared any more.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| {
            let mut state = poisoned.into_inner();
            state.abort("the comparison panicked, which is a bug of dbmatrix; please report it");
            state
        })
    }
}

impl State {
    fn place(&self, flavour: &str) -> Option<usize> {
        self.flavours
            .iter()
            .position(|member| member.name == flavour)
    }

    fn add_step(&mut self, member: usize, item: Delivered) {
        if self.failed {
            return;
        }
        let member = &mut self.flavours[member];
        member.steps += 1;
        if let Err(error) = member.waiting.push(item) {
            self.fail(&error);
        }
        self.compare_complete_steps();
    }

    fn end_member(&mut self, member: usize) {
        if std::mem::replace(&mut self.flavours[member].ended, true) {
            return;
        }
        if !self.failed {
            self.compare_complete_steps();
        }
        if let Err(error) = self.flavours[member].waiting.flush() {
            self.fail(&error);
        }
        if !self.flavours.iter().all(|member| member.ended) {
            return;
        }
        if self.about.recording.is_some() {
            return;
        }
        self.report_counts();
        if self.failed {
            return;
        }
        self.report_stale();
        if self.about.propose {
            self.proposals.write(&self.about.known.path, &self.events);
        }
    }

    /// Compares the steps that every flavour has reached.
    fn compare_complete_steps(&mut self) {
        let waits_for = |member: &Member| !member.ended && member.waiting.is_empty();
        while !self.flavours.iter().any(waits_for) {
            let mut steps = Vec::with_capacity(self.flavours.len());
            let mut came = Vec::with_capacity(self.flavours.len());
            for at in 0..self.flavours.len() {
                match self.flavours[at].waiting.pop() {
                    Ok(Some(item)) => {
                        steps.push((at, item.step));
                        came.push(item.came);
                    }
                    Ok(None) => came.push(None),
                    Err(error) => return self.fail(&error),
                }
            }
            if let Err(reason) = self.add_recorded(&mut steps, &mut came) {
                return self.abort(&reason);
            }
            if self.is_cut && cuts_differ(&steps) {
                if self.about.recording.is_some() {
                    return self.abort(recorded::OTHER_STATEMENTS);
                }
                self.failed = true;
                self.counts.note_significant();
                let name = |at: usize| self.flavours[at].name.clone();
                let steps = steps.into_iter().map(|(at, step)| (name(at), step));
                let divergence = cuts_divergence(&self.about, steps.collect());
                return self.events.send(Event::Diverged(divergence));
            }
            let Some((_, step)) = steps.into_iter().next() else {
                return;
            };
            match self.about.recording.clone() {
                None => self.compare(&step, &came),
                Some(recording) => {
                    if let Err(error) = recording.write(step, came) {
                        return self.abort(&error.to_string());
                    }
                }
            }
        }
    }

    /// Reports that waiting answers could not be buffered.
    fn fail(&mut self, error: &io::Error) {
        self.abort(&format!(
            "answers that wait for other flavours could not be kept in a file: {error}; make room in /var/tmp"
        ));
    }

    /// Stops the comparison of this file.
    fn abort(&mut self, reason: &str) {
        if std::mem::replace(&mut self.failed, true) {
            return;
        }
        self.events.send(Event::Aborted {
            verdict: Verdict::NotProvided,
            reason: format!("{}: {reason}", self.about.file.display()),
        });
    }

    fn compare(&mut self, step: &StepFacts, came: &[Option<StepOutcome>]) {
        let here: Vec<usize> = (0..came.len()).filter(|at| came[*at].is_some()).collect();
        let there: Vec<&StepOutcome> = came.iter().flatten().collect();
        let answers: Vec<&NormalizedResult> = there.iter().map(|came| &came.answer).collect();
        let options = CompareOptions {
            counted: self.about.rules.counted.without(step.settled),
            tolerance: self.about.rules.tolerance,
            ordered: step.ordered,
            baseline: here
                .iter()
                .position(|at| Some(&self.flavours[*at].name) == self.about.baseline.as_ref()),
        };
        let entries = match self.about.known.entries.is_empty() {
            true => Vec::new(),
            false => (self.about.known).matching(&one_line(&step.statement), step.nth),
        };
        self.note_entries(&entries, step, &here, &there, options);
        let found = split(&answers, options);
        if self.about.propose {
            self.proposals.count(step);
        }
        match found {
            Some(found) => self.report_difference(step, &here, &answers, &entries, &found, options),
            None if answers.len() > 1 => self.counts.same += 1,
            None if self.flavours.len() > 1 => self.counts.not_compared += 1,
            None => {}
        }
        if self.about.propose {
            let failed = here.iter().zip(&there).filter_map(|(at, came)| {
                let is_new = came.excused.is_empty();
                came.failed
                    .filter(|_| is_new)
                    .map(|kind| (self.flavours[*at].name.as_str(), kind))
            });
            self.proposals.failed(step, failed.collect(), here.len());
        }
    }

    fn applies_to(&self, entry: usize, member: usize) -> bool {
        let facts = self.flavours[member].facts.as_ref();
        facts.is_some_and(|facts| self.about.known.entries[entry].applies_to(facts))
    }

    /// Notes on which flavours the entries about a step hold: those that failed as the
    /// entry says, or that differ from a flavour which it does not name.
    fn note_entries(
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
                // Without another flavour, only an expectation can decide.
                let is_sure = !others.is_empty() || kinds.without(step.settled).is_empty();
                if holds || is_sure {
                    *self.held.entry((entry, here[at])).or_insert(false) |= holds;
                }
            }
        }
    }

    fn report_difference(
        &mut self,
        step: &StepFacts,
        here: &[usize],
        answers: &[&NormalizedResult],
        entries: &[usize],
        found: &Grouping,
        options: CompareOptions,
    ) {
        let standing = match found.counted {
            false => DifferenceStatus::Shown,
            true => self.difference_status(here, answers, entries, options),
        };
        let name = |at: &usize| self.flavours[here[*at]].name.clone();
        let mut kinds = Kinds::NONE;
        for group in &found.groups {
            kinds = kinds.or(group.kinds);
        }
        let counted = kinds.and(options.counted);
        if standing == DifferenceStatus::New && self.about.propose {
            for group in &found.groups[1..] {
                let names = group.members.iter().map(name).collect();
                let mut from_any = Kinds::NONE;
                for other in &found.groups {
                    let (a, b) = (answers[group.members[0]], answers[other.members[0]]);
                    from_any = from_any.or(difference(a, b, options));
                }
                self.proposals
                    .differs(step, names, from_any.and(options.counted));
            }
        }
        let told = match standing {
            DifferenceStatus::Shown => match self.counts.note_insignificant(kinds, &step.statement)
            {
                Some(told) => told,
                None => return,
            },
            DifferenceStatus::New | DifferenceStatus::Known(_) => self.counts.note_significant(),
        };
        let groups = found.groups.iter().map(|group| Group {
            flavours: group.members.iter().map(name).collect(),
            outcome: brief(answers[group.members[0]].shown(kinds), told),
            kinds: group.kinds.iter().collect(),
        });
        let divergence = Divergence {
            suite: self.about.suite.clone(),
            file: self.about.file.clone(),
            line: step.line,
            statement: step.statement.clone(),
            kinds: counted
                .iter()
                .chain(kinds.without(counted).iter())
                .collect(),
            groups: groups.collect(),
            standing,
        };
        self.events.send(Event::Diverged(divergence));
    }

    /// A divergence is known if, for each pair of flavours that differ, an entry names
    /// exactly one of them.
    fn difference_status(
        &self,
        here: &[usize],
        answers: &[&NormalizedResult],
        entries: &[usize],
        options: CompareOptions,
    ) -> DifferenceStatus {
        let mut used = Vec::new();
        let valid = |entry: &&usize| self.about.known.entries[**entry].expired.is_none();
        for a in 0..here.len() {
            for b in a + 1..here.len() {
                if options
                    .baseline
                    .is_some_and(|baseline| a != baseline && b != baseline)
                {
                    continue;
                }
                let mut open = difference(answers[a], answers[b], options).and(options.counted);
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

    fn report_counts(&mut self) {
        let (suite, file) = (&self.about.suite, &self.about.file);
        if let Some(more) = self.counts.more_shown(suite, file) {
            self.events.send(more);
        }
        if self.flavours.len() > 1 {
            self.events.send(Event::Compared {
                suite: suite.clone(),
                file: file.clone(),
                steps: self.counts.compared(),
                same: self.counts.same,
                not_compared: self.counts.not_compared,
            });
        }
    }

    fn report_stale(&self) {
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

#[cfg(test)]
#[path = "comparison/tests.rs"]
mod tests;
