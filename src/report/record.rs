//! A run as its events tell it, for all that is written after its end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::compare::Kind;
use crate::event::{
    CaseResult, CellVerdict, Divergence, Event, Machine, ServerFacts, Stale, Standing, Verdict,
};

/// All that a run said.
#[derive(Debug, Default)]
pub struct RunRecord {
    pub(super) program: String,
    pub(super) began: String,
    pub(super) matrix: PathBuf,
    pub(super) shard: Option<String>,
    strict: bool,
    /// In the order in which flavours are shown.
    order: Vec<String>,
    pub(super) machine: Machine,
    pub(super) servers: BTreeMap<String, ServerFacts>,
    pub(super) unavailable: BTreeMap<String, Unavailable>,
    pub(super) cases: Vec<CaseOn>,
    pub(super) divergences: Vec<Divergence>,
    pub(super) untold: Untold,
    pub(super) stale: Vec<Stale>,
    pub(super) warnings: Vec<String>,
    pub(super) aborted: Option<(Verdict, String)>,
    interrupted: bool,
    pub(super) took: Duration,
}

/// A flavour that could not be had.
#[derive(Debug, Clone)]
pub(super) struct Unavailable {
    pub(super) required: bool,
    pub(super) reason: String,
}

/// A file's end on one flavour.
#[derive(Debug, Clone)]
pub(super) struct CaseOn {
    pub(super) flavour: String,
    pub(super) suite: String,
    pub(super) file: PathBuf,
    pub(super) result: CaseResult,
}

/// Steps that differ in what does not count and that are not told one by one.
#[derive(Debug, Clone, Default)]
pub(super) struct Untold {
    pub(super) steps: usize,
    pub(super) kinds: BTreeMap<Kind, usize>,
}

/// Sums over cases on a flavour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    pub(super) verdict: CellVerdict,
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// Steps that are answered as the leading group of flavours does not.
    pub(super) differing: usize,
}

impl RunRecord {
    pub(super) fn hear(&mut self, event: Event) {
        match event {
            Event::RunStarted {
                schema: _,
                program,
                began,
                matrix,
                flavours,
                shard,
                strict,
            } => {
                self.program = program;
                self.began = began;
                self.matrix = matrix;
                self.shard = shard;
                self.strict = strict;
                self.order = flavours;
            }
            Event::SetupFinished { machine, .. } => self.machine = machine,
            Event::FlavourReady {
                flavour, server, ..
            } => {
                self.servers.insert(flavour, server);
            }
            Event::FlavourUnavailable {
                flavour,
                required,
                reason,
            } => {
                let required = required || self.strict;
                self.unavailable
                    .insert(flavour, Unavailable { required, reason });
            }
            Event::CaseFinished {
                flavour,
                suite,
                file,
                result,
            } => self.cases.push(CaseOn {
                flavour,
                suite,
                file,
                result,
            }),
            Event::Diverged(found) => self.divergences.push(found),
            Event::MoreShown { steps, kinds, .. } => {
                self.untold.steps += steps;
                for (kind, steps) in kinds {
                    *self.untold.kinds.entry(kind).or_default() += steps;
                }
            }
            Event::Stale(entry) => self.stale.push(entry),
            Event::Warning { text } if !self.warnings.contains(&text) => self.warnings.push(text),
            Event::Aborted { verdict, reason } => self.aborted = Some((verdict, reason)),
            Event::Interrupted => self.interrupted = true,
            Event::RunFinished { took, .. } => {
                self.took = took;
                self.sort();
            }
            _ => {}
        }
    }

    /// Cases in the order of their flavours, divergences in that of their files.
    fn sort(&mut self) {
        let order = self.flavours();
        let place = |case: &CaseOn| order.iter().position(|name| *name == case.flavour);
        self.cases.sort_by_key(place);
        self.divergences
            .sort_by(|a, b| (&a.suite, &a.file, a.line).cmp(&(&b.suite, &b.file, b.line)));
    }

    /// How the run ended.
    ///
    /// A flavour that is missing outweighs failures: without it, the run says
    /// nothing of the whole.
    pub fn verdict(&self) -> Verdict {
        let missing = self.unavailable.values().any(|found| found.required);
        let bad = self.cases.iter().any(|case| !case.result.is_good())
            || self.new_divergences().next().is_some()
            || !self.stale.is_empty();
        let found = match (missing, bad) {
            (true, _) => Verdict::NotProvided,
            (_, true) => Verdict::Failed,
            (_, false) => Verdict::Passed,
        };
        match (self.interrupted, &self.aborted) {
            (true, _) => Verdict::Interrupted,
            (_, Some((verdict, _))) => (*verdict).max(found),
            (_, None) => found,
        }
    }

    pub(super) fn new_divergences(&self) -> impl Iterator<Item = &Divergence> {
        let all = self.divergences.iter();
        all.filter(|found| found.standing == Standing::New)
    }

    /// All flavours, those that the run did not name at its start last.
    pub(super) fn flavours(&self) -> Vec<String> {
        let mut flavours = self.order.clone();
        let cases = self.cases.iter().map(|case| &case.flavour);
        let all = self.servers.keys().chain(self.unavailable.keys());
        for flavour in all.chain(cases) {
            if !flavours.contains(flavour) {
                flavours.push(flavour.clone());
            }
        }
        flavours
    }

    /// Suites in the order in which they were first heard of.
    pub(super) fn suites(&self) -> Vec<&str> {
        let mut suites: Vec<&str> = Vec::new();
        for case in &self.cases {
            if !suites.contains(&case.suite.as_str()) {
                suites.push(&case.suite);
            }
        }
        suites
    }

    /// Whether each file of a suite is fine, in the order of their names.
    pub(super) fn files_of(&self, suite: &str) -> BTreeMap<&Path, bool> {
        let mut files: BTreeMap<&Path, bool> = BTreeMap::new();
        for case in self.cases.iter().filter(|case| case.suite == suite) {
            *files.entry(&case.file).or_insert(true) &= case.result.is_good();
        }
        for found in self.new_divergences().filter(|found| found.suite == suite) {
            if let Some(good) = files.get_mut(found.file.as_path()) {
                *good = false;
            }
        }
        files
    }

    /// A suite, or one of its files, on a flavour; `None` where it was not run
    /// there.
    pub(super) fn sums(&self, suite: &str, file: Option<&Path>, flavour: &str) -> Option<Sums> {
        let cases = self.cases.iter().filter(|case| {
            case.flavour == flavour
                && case.suite == suite
                && file.is_none_or(|file| file == case.file)
        });
        let sums = cases
            .map(|case| Sums {
                verdict: case.result.verdict(),
                passed: case.result.passed,
                failed: case.result.failed,
                differing: 0,
            })
            .reduce(|a, b| Sums {
                verdict: a.verdict.max(b.verdict),
                passed: a.passed + b.passed,
                failed: a.failed + b.failed,
                differing: 0,
            })?;
        let differing = self.new_on(suite, file, flavour).count();
        Some(match differing {
            0 => sums,
            _ => Sums {
                verdict: sums.verdict.max(CellVerdict::Differs),
                differing,
                ..sums
            },
        })
    }

    /// New divergences in which a flavour is not of the leading group.
    pub(super) fn new_on(
        &self,
        suite: &str,
        file: Option<&Path>,
        flavour: &str,
    ) -> impl Iterator<Item = &Divergence> {
        self.new_divergences().filter(move |found| {
            let others = found.groups.get(1..).unwrap_or_default();
            found.suite == suite
                && file.is_none_or(|file| file == found.file)
                && others
                    .iter()
                    .any(|group| group.flavours.iter().any(|name| name == flavour))
        })
    }
}

/// What a server says of its version, up to the distribution's own suffix.
pub(super) fn release(server: &ServerFacts) -> &str {
    let full = server.version.as_str();
    let end = full
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(full.len());
    match full[..end].trim_end_matches('.') {
        "" => full,
        number => number,
    }
}
