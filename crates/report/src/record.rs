//! The record of a run, built from its events for everything that is written after its
//! end.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::masked::Masks;
use super::omitted::{Compared, OmittedDifferences};
use super::reporter_set::FailedReporter;
use crate::event::{
    CaseResult, CellVerdict, DifferenceStatus, Divergence, Event, Machine, MeasuredTimes,
    SampledLogs, ServerFacts, Stale, Verdict,
};

/// The record of a run.
#[derive(Debug, Default)]
pub struct RunRecord {
    pub(super) program: String,
    pub(super) began: String,
    pub(super) matrix: PathBuf,
    pub(super) shard: Option<String>,
    strict: bool,
    /// The order in which flavours are shown.
    order: Vec<String>,
    pub(super) machine: Machine,
    pub(super) servers: BTreeMap<String, ServerFacts>,
    /// Server addresses by flavour.
    pub(super) addresses: BTreeMap<String, String>,
    /// Each server's own words in texts.
    pub(super) masks: Masks,
    pub(super) unavailable: BTreeMap<String, Unavailable>,
    pub(super) cases: Vec<CaseOn>,
    /// Cases that began and have not ended: flavour, suite and file.
    open_cases: BTreeSet<(String, String, PathBuf)>,
    /// Flavours that have finished.
    ended_flavours: BTreeSet<String>,
    /// What runs of logs, by suite.
    pub(super) sampled: BTreeMap<String, SampledLogs>,
    /// How times were measured, by file.
    pub(super) measured: Vec<MeasuredTimes>,
    pub(super) divergences: Vec<Divergence>,
    pub(super) omitted: OmittedDifferences,
    /// Totals of all comparisons.
    pub(super) compared: Option<Compared>,
    pub(super) stale: Vec<Stale>,
    warnings: Vec<String>,
    pub(super) aborted: Option<(Verdict, String)>,
    interrupted: bool,
    pub(super) took: Duration,
    /// Whether a requested report is missing.
    lacks_reports: bool,
}

/// A flavour that was not available.
#[derive(Debug, Clone)]
pub(super) struct Unavailable {
    pub(super) required: bool,
    pub(super) reason: String,
}

/// A file's result on one flavour.
#[derive(Debug, Clone)]
pub(super) struct CaseOn {
    pub(super) flavour: String,
    pub(super) suite: String,
    pub(super) file: PathBuf,
    pub(super) result: CaseResult,
}

/// A suite, or one of its files, on a flavour.
#[derive(Debug, Clone, Copy)]
pub(super) struct CellOn {
    /// `None` if it did not run.
    pub(super) verdict: Option<CellVerdict>,
    passed: usize,
    failed: usize,
    /// Steps with an answer other than that of the leading group of flavours.
    differing: usize,
}

impl CellOn {
    const NONE: CellOn = CellOn {
        verdict: None,
        passed: 0,
        failed: 0,
        differing: 0,
    };

    /// A short text for the user; no meaning depends on colour.
    pub(super) fn label(self) -> String {
        let all = self.passed + self.failed;
        match self.verdict {
            None => "-".to_owned(),
            Some(CellVerdict::Skipped) => "skip".to_owned(),
            Some(CellVerdict::Passed) => format!("ok {}", self.passed),
            Some(CellVerdict::Flaky) => format!("flaky {}", self.passed),
            Some(CellVerdict::Differs) => format!("DIFF {}/{all}", self.differing),
            Some(CellVerdict::Failed) => format!("FAIL {}/{all}", self.failed),
            Some(CellVerdict::Errored) => "ERROR".to_owned(),
            Some(CellVerdict::Unavailable) => "unavailable".to_owned(),
        }
    }
}

impl RunRecord {
    pub(super) fn on_event(&mut self, event: Event) {
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
                flavour,
                server,
                address,
                ..
            } => {
                self.masks.add(&flavour, &server);
                self.addresses.insert(flavour.clone(), address);
                self.servers.insert(flavour, server);
            }
            Event::FlavourFinished { flavour } => {
                self.ended_flavours.insert(flavour);
            }
            Event::CaseStarted {
                flavour,
                suite,
                file,
            } => {
                self.open_cases.insert((flavour, suite, file));
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
            } => {
                let key = (flavour, suite, file);
                self.open_cases.remove(&key);
                let (flavour, suite, file) = key;
                self.cases.push(CaseOn {
                    flavour,
                    suite,
                    file,
                    result,
                });
            }
            Event::Sampled(logs) => match self.sampled.entry(logs.suite.clone()) {
                Entry::Vacant(place) => {
                    place.insert(logs);
                }
                Entry::Occupied(mut before) => before.get_mut().add(logs),
            },
            Event::Measured(times) => self.measured.push(times),
            Event::Diverged(found) => self.divergences.push(found),
            Event::MoreShown {
                steps,
                kinds,
                forms,
                ..
            } => self.omitted.add(steps, kinds, forms),
            Event::Compared {
                same, not_compared, ..
            } => {
                let all = self.compared.get_or_insert_default();
                all.same += same;
                all.not_compared += not_compared;
            }
            Event::Stale(entry) => self.stale.push(entry),
            Event::Warning { text } if !self.warnings.contains(&text) => self.warnings.push(text),
            Event::Aborted { verdict, reason } => {
                self.aborted = Some(match self.aborted.take() {
                    None => (verdict, reason),
                    Some((before, reasons)) => {
                        (before.max(verdict), format!("{reasons}\n{reason}"))
                    }
                });
            }
            Event::Interrupted => self.interrupted = true,
            Event::RunFinished { took, .. } => {
                self.took = took;
                self.sort();
            }
            _ => {}
        }
    }

    pub(super) fn note_failed(&mut self, failed: FailedReporter) {
        self.lacks_reports |= failed.was_wanted;
        self.on_event(failed.warning);
    }

    pub(super) fn lacks_reports(&self) -> bool {
        self.lacks_reports
    }

    /// Reports cases and flavours that never ended as an event: a run that lost track of
    /// them proves nothing. `None` if it is known why the run ended.
    pub(super) fn lost_track(&self) -> Option<Event> {
        if self.interrupted || self.aborted.is_some() {
            return None;
        }
        let cases = self.open_cases.iter().map(|(flavour, _, file)| {
            format!("`{}` on `{flavour}` began and did not end", file.display())
        });
        let ends = |name: &&String| {
            self.ended_flavours.contains(*name) || self.unavailable.contains_key(*name)
        };
        let flavours = self.order.iter().filter(|name| !ends(name));
        let flavours = flavours.map(|name| format!("`{name}` did not come to its end"));
        let lost: Vec<String> = cases.chain(flavours).collect();
        (!lost.is_empty()).then(|| Event::Aborted {
            verdict: Verdict::NotProvided,
            reason: format!(
                "the run lost track of what it began, which is a bug of dbmatrix; please report it:\n{}",
                lost.join("\n")
            ),
        })
    }

    /// Sorts cases by flavour and plan, and divergences by file: their original order
    /// depends on timing.
    fn sort(&mut self) {
        let order = self.flavours();
        let flavour = |case: &CaseOn| order.iter().position(|name| *name == case.flavour);
        self.cases.sort_by_cached_key(|case| {
            let file = (case.result.place, case.suite.clone(), case.file.clone());
            (flavour(case), file)
        });
        self.divergences
            .sort_by(|a, b| (&a.suite, &a.file, a.line).cmp(&(&b.suite, &b.file, b.line)));
    }

    /// The verdict of the run.
    ///
    /// A missing flavour outweighs failures: without it, the run is no statement about
    /// the whole matrix. The same holds for a missing report.
    pub fn verdict(&self) -> Verdict {
        let missing = self.lacks_reports || self.unavailable.values().any(|found| found.required);
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

    /// The verdict as text.
    pub(super) fn verdict_label(&self) -> &'static str {
        match self.verdict() {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Misused => "wrong usage",
            Verdict::NotProvided => "incomplete",
            Verdict::Interrupted => "interrupted",
        }
    }

    /// The servers' facts, by flavour.
    pub fn servers(&self) -> &BTreeMap<String, ServerFacts> {
        &self.servers
    }

    /// The run's warnings, and what its cases left on the servers; identical ones of
    /// several flavours once.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut left: Vec<(&Path, &str, Vec<&str>)> = Vec::new();
        let mut places: HashMap<(&str, &Path, &str), usize> = HashMap::new();
        for case in &self.cases {
            for text in &case.result.left {
                let key = (case.suite.as_str(), case.file.as_path(), text.as_str());
                let at = *places.entry(key).or_insert(left.len());
                if at == left.len() {
                    left.push((key.1, key.2, Vec::new()));
                }
                let flavours = &mut left[at].2;
                if flavours.last() != Some(&case.flavour.as_str()) {
                    flavours.push(&case.flavour);
                }
            }
        }
        let left = left.into_iter().map(|(file, text, flavours)| {
            format!("{} left on {}: {text}", file.display(), flavours.join(", "))
        });
        self.warnings.iter().cloned().chain(left).collect()
    }

    pub(super) fn new_divergences(&self) -> impl Iterator<Item = &Divergence> {
        let all = self.divergences.iter();
        all.filter(|found| found.standing == DifferenceStatus::New)
    }

    /// All flavours; those that the run did not name at its start are last.
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

    /// Suites in the order of their first event.
    pub(super) fn suites(&self) -> Vec<&str> {
        let mut suites: Vec<&str> = Vec::new();
        for case in &self.cases {
            if !suites.contains(&case.suite.as_str()) {
                suites.push(&case.suite);
            }
        }
        suites
    }

    /// Whether each file of a suite succeeded, by name.
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

    /// The result of a suite, or of one of its files, on a flavour.
    pub(super) fn cell(&self, suite: &str, file: Option<&Path>, flavour: &str) -> CellOn {
        if self.unavailable.contains_key(flavour) {
            return CellOn {
                verdict: Some(CellVerdict::Unavailable),
                ..CellOn::NONE
            };
        }
        let cases = self.cases.iter().filter(|case| {
            case.flavour == flavour
                && case.suite == suite
                && file.is_none_or(|file| file == case.file)
        });
        let mut cell = cases.fold(CellOn::NONE, |sums, case| CellOn {
            verdict: sums.verdict.max(Some(case.result.verdict())),
            passed: sums.passed + case.result.passed,
            failed: sums.failed + case.result.failed,
            differing: 0,
        });
        if let Some(verdict) = cell.verdict {
            cell.differing = self.new_on(suite, file, flavour).count();
            if cell.differing > 0 {
                cell.verdict = Some(verdict.max(CellVerdict::Differs));
            }
        }
        cell
    }

    /// New divergences in which a flavour is outside the leading group.
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

/// The environment of a run, by name, human-readable.
pub(super) fn facts_of_run(record: &RunRecord) -> Vec<(&'static str, String)> {
    let machine = &record.machine;
    named([
        ("program", &record.program),
        ("began", &record.began),
        ("kernel", &machine.kernel),
        ("engine", &machine.engine),
        ("nest engine", &machine.nest_engine),
        ("nest image", &machine.nest_image),
    ])
}

/// What is needed to make a server again, by name, human-readable.
pub(super) fn facts_of_server(server: &ServerFacts) -> Vec<(&'static str, String)> {
    let packages: Vec<String> = server
        .packages
        .iter()
        .map(|package| format!("{} {}", package.name, package.version))
        .collect();
    let replicas = server.replicas.iter();
    let replicas: Vec<&str> = replicas.map(|replica| replica.version.as_str()).collect();
    named([
        ("version", &server.version),
        ("replicas", &replicas.join(", ")),
        ("comment", &server.comment),
        ("sql_mode", &server.sql_mode),
        ("collation", &server.collation),
        ("auth plugin", &server.auth_plugin),
        ("image", &server.image),
        ("origin", server.origin.as_ref().unwrap_or(&String::new())),
        ("packages", &packages.join(", ")),
    ])
}

fn named<const N: usize>(facts: [(&'static str, &String); N]) -> Vec<(&'static str, String)> {
    let facts = facts.into_iter().filter(|(_, text)| !text.is_empty());
    facts.map(|(name, text)| (name, text.clone())).collect()
}

/// A server's version, up to the distribution's own suffix.
pub(super) fn release(server: &ServerFacts) -> &str {
    let full = server.version.as_str();
    // TiDB puts the MySQL version that it follows before its own.
    let full = full.split_once("-TiDB-v").map_or(full, |(_, own)| own);
    let end = full
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(full.len());
    match full[..end].trim_end_matches('.') {
        "" => full,
        number => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(strict: bool, required: bool) -> RunRecord {
        let mut record = RunRecord::default();
        record.on_event(Event::RunStarted {
            schema: 1,
            program: String::new(),
            began: String::new(),
            matrix: PathBuf::new(),
            flavours: vec!["b".to_owned(), "a".to_owned()],
            shard: None,
            strict,
        });
        record.on_event(Event::FlavourUnavailable {
            flavour: "a".to_owned(),
            required,
            reason: String::new(),
        });
        record
    }

    #[test]
    fn a_strict_run_requires_every_flavour() {
        assert_eq!(run(false, false).verdict(), Verdict::Passed);
        assert_eq!(run(false, true).verdict(), Verdict::NotProvided);
        assert_eq!(run(true, false).verdict(), Verdict::NotProvided);
    }

    #[test]
    fn a_report_that_is_not_there_outweighs_failures() {
        let mut record = run(false, false);
        let lost = |was_wanted| FailedReporter {
            warning: Event::Warning {
                text: "full".to_owned(),
            },
            was_wanted,
        };
        record.note_failed(lost(false));
        assert_eq!(record.verdict(), Verdict::Passed);
        record.note_failed(lost(true));
        assert_eq!(record.verdict(), Verdict::NotProvided);
        assert_eq!(record.warnings, ["full"]);
    }

    #[test]
    fn flavours_keep_the_order_of_the_run() {
        let mut record = run(false, false);
        record.on_event(Event::FlavourFinished {
            flavour: "c".to_owned(),
        });
        assert_eq!(record.flavours(), ["b", "a"]);
    }
}
