//! Compares the answers of all flavours to one file, step by step as they arrive. A step
//! that all flavours have answered is reported and dropped.

mod about;
mod counts;
mod cuts;
mod delayed;
mod known;
mod recorded;
mod sink;

pub(super) use about::{About, StepFacts, StepOutcome};
pub(super) use counts::Listed;
use cuts::{cuts_differ, cuts_divergence};
pub(super) use delayed::Candidate;
use delayed::{Delayed, group_times};
pub(super) use sink::Sink;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use dbmatrix_report::event::{
    CaseResult, DifferenceStatus, Divergence, Event, Group, Sender, Verdict,
};
use dbmatrix_sql::compare::{
    CompareOptions, Grouping, Kind, Kinds, NormalizedResult, Times, difference, split,
};
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
    /// Steps whose times are to be measured first.
    delayed: Option<Delayed>,
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
            Some(reference) => recorded::members_of(reference, about.place, spill),
            None => (Vec::new(), None),
        };
        let recorded_members = members.len();
        members.extend(flavours.iter().map(|name| Member::new(name, spill)));
        Comparison(Arc::new(Mutex::new(State {
            flavours: members,
            recorded,
            events: events.clone(),
            spill: spill.clone(),
            failed: false,
            is_cut: FileKind::of(&about.file) == Some(FileKind::Sql),
            counts: Counts::new(about.listed),
            delayed: about
                .measures
                .then(|| Delayed::new(spill, recorded_members)),
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
        let about = &self.lock().about;
        if let Some(recording) = &about.recording {
            recording.note_result(flavour, about.place, result);
        }
    }

    /// Removes a flavour that is not available.
    pub(super) fn without(&self, flavour: &str) {
        let mut state = self.lock();
        if let Some(at) = state.place(flavour) {
            state.end_member(at);
        }
    }

    /// The steps to measure, with the flavours that take part, once all flavours have ended.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let mut state = self.lock();
        let state = &mut *state;
        match &mut state.delayed {
            Some(delayed) if !state.failed => delayed.take_candidates(),
            _ => Vec::new(),
        }
    }

    /// Adds the times of a step on a flavour, both by their indexes.
    pub(super) fn add_times(&self, ordinal: usize, flavour: usize, times: Times) {
        if let Some(delayed) = &mut self.lock().delayed {
            delayed.add_times(ordinal, flavour, times);
        }
    }

    /// The names of the flavours, by their indexes.
    pub(super) fn flavours(&self) -> Vec<String> {
        let state = self.lock();
        let names = state.flavours.iter().map(|member| member.name.clone());
        names.collect()
    }

    /// Compares the steps that waited for their times. Without this it happens when the
    /// comparison is dropped.
    pub(super) fn conclude(&self) {
        self.lock().conclude();
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
        if self.delayed.is_none() {
            self.finish();
        }
    }

    /// Compares the steps that waited for their times.
    fn conclude(&mut self) {
        let Some(mut delayed) = self.delayed.take() else {
            return;
        };
        loop {
            match delayed.next() {
                Ok(Some((step, came))) => self.compare(&step, &came),
                Ok(None) => break,
                Err(error) => {
                    self.fail(&error);
                    break;
                }
            }
        }
        self.finish();
    }

    /// Reports what is known only after the last step, if all flavours have ended.
    fn finish(&mut self) {
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
            match (self.about.recording.clone(), &mut self.delayed) {
                (None, None) => self.compare(&step, &came),
                (Some(recording), _) => {
                    if let Err(error) = recording.write(self.about.place, step, came) {
                        return self.abort(&error.to_string());
                    }
                }
                (None, Some(delayed)) => {
                    if let Err(error) = delayed.push(step, came) {
                        return self.fail(&error);
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
            time_factor: self.about.rules.time_factor,
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
            true => self.difference_status(here, answers, entries, found, options),
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
        let reference = answers[found.groups[0].members[0]];
        let groups = found.groups.iter().enumerate().map(|(at, group)| {
            let answer = answers[group.members[0]];
            let outcome = match at {
                0 => answer.shown(kinds),
                _ => answer.shown_beside(reference, kinds),
            };
            Group {
                flavours: group.members.iter().map(name).collect(),
                outcome: brief(outcome, told),
                kinds: group.kinds.iter().collect(),
                times: group_times(answer, reference).filter(|_| kinds.contains(Kind::Time)),
            }
        });
        let divergence = Divergence {
            suite: self.about.suite.clone(),
            file: self.about.file.clone(),
            line: step.line,
            statement: step.statement.clone(),
            database: step.database.clone(),
            kinds: counted
                .iter()
                .chain(kinds.without(counted).iter())
                .collect(),
            groups: groups.collect(),
            standing,
        };
        self.events.send(Event::Diverged(divergence));
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
}

impl Drop for State {
    /// A run that ends while times are measured reports what it has.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.conclude();
        }
    }
}

#[cfg(test)]
#[path = "comparison/tests.rs"]
mod tests;
