//! Finds the first release whose outcome differs: brings a few releases up, one after
//! another, and compares each with the first.
//!
//! Each step is a run, whose flavours are deleted after it; golden children stay. `search`
//! chooses the releases, `candidate` knows which are reached, `finding` what a run says.

mod bisection;
mod candidate;
mod finding;
mod question;
mod search;

pub(crate) use bisection::{Bisection, ReleaseFound};
pub(crate) use finding::Finding;
pub(crate) use question::Question;
pub(crate) use search::{Answer, Outcome};

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dbmatrix_containers::host::detect_engine;
use dbmatrix_flavours::catalogue::line_between;
use dbmatrix_flavours::matrix::{Flavour, Matrix};
use dbmatrix_flavours::plan::{Plan, Selection};
use dbmatrix_report::event::{Divergence, Verdict};
use dbmatrix_report::{RunRecord, one_line};
use dbmatrix_run::{After, NoTests, RunOptions};

use crate::app::ad_hoc;
use crate::app::matrix_file::read_matrix_text;
use crate::app::prepare::prepare;
use crate::app::signal::asked_to_end;
use crate::app::sources::Sources;
use crate::app::task::{Task, plan, provide_for};
use crate::app::told::ToldWarnings;
use crate::app::{Failure, Globals};

use candidate::Candidate;
use finding::significant;
use search::{Next, Search};

/// Columns of a reason.
const WIDEST: usize = 300;

/// What the user wants to know.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) question: Question,
    /// The older end.
    pub(crate) from: String,
    /// The newer end.
    pub(crate) to: String,
    /// The matrix whose tables apply, its flavours and suites excepted.
    pub(crate) matrix: Option<PathBuf>,
    /// Insignificant and known differences count too.
    pub(crate) all_differences: bool,
    /// Install missing packages without asking.
    pub(crate) yes: bool,
}

/// Finds the first release whose outcome differs.
///
/// # Errors
/// Names or a matrix that are not as they should be, an engine that is not available, an
/// interruption.
pub(crate) async fn bisect(global: &Globals, wanted: Wanted) -> Result<Bisection, Failure> {
    let line = line_between(&wanted.from, &wanted.to).map_err(Failure::misused)?;
    wanted.question.check()?;
    let interrupted = watch_for_interruption();
    let (path, text) = match &wanted.matrix {
        Some(path) => (path.clone(), read_matrix_text(path)?),
        None => (PathBuf::from(ad_hoc::NEST), ad_hoc::HEAD.to_owned()),
    };
    // An engine that does not answer is reported before vendors are asked.
    let access = match &wanted.matrix {
        Some(_) => None,
        None => {
            let found = detect_engine(&global.engine).await;
            ad_hoc::noted_access(global, &found).await?
        }
    };
    let ends = [wanted.from.as_str(), wanted.to.as_str()];
    let read = candidate::read(global, &path, &text, &line, ends);
    let (mut matrix, candidates, sources) = tokio::select! {
        read = read => read?,
        () = asked_to_end() => return Err(was_interrupted()),
    };
    if access.is_some() {
        matrix.nest.access = access;
    }
    let mut bisector = Bisector {
        global,
        wanted: &wanted,
        matrix,
        search: Search::new(candidates.iter().map(|one| one.flavour.is_ok())),
        findings: vec![Finding::default(); candidates.len()],
        candidates,
        sources,
        reference: None,
        interrupted,
        told: ToldWarnings::default(),
    };
    bisector.note_unreached();
    let answer = bisector.search().await?;
    let divergences = match answer {
        Answer::Change { before, after } => bisector.compare_neighbours(before, after).await?,
        _ => Vec::new(),
    };
    Ok(bisector.into_bisection(answer, divergences))
}

/// A bisect at work.
struct Bisector<'a> {
    global: &'a Globals,
    wanted: &'a Wanted,
    /// The matrix, without flavours and suites.
    matrix: Matrix,
    candidates: Vec<Candidate>,
    sources: Sources,
    search: Search,
    findings: Vec<Finding>,
    /// The release that all are compared with.
    reference: Option<usize>,
    interrupted: Arc<AtomicBool>,
    /// Each step would show the same warnings.
    told: ToldWarnings,
}

impl Bisector<'_> {
    /// Says what can be asked, and what cannot.
    fn note_unreached(&mut self) {
        for (finding, candidate) in self.findings.iter_mut().zip(&self.candidates) {
            if let Err(why) = &candidate.flavour {
                *finding = Finding::unavailable(why);
            }
        }
        let ends = format!("{} to {}", self.wanted.from, self.wanted.to);
        let open = self
            .candidates
            .iter()
            .filter(|one| one.flavour.is_ok())
            .count();
        let all = self.candidates.len();
        eprintln!("{ends}: {open} of {all} releases can be asked");
        for (names, why) in unavailable_groups(&self.candidates) {
            eprintln!("not available: {names}: {}", one_line(why, WIDEST));
        }
    }

    /// Asks one release after another until there is an answer.
    async fn search(&mut self) -> Result<Answer, Failure> {
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(was_interrupted());
            }
            match self.search.next() {
                Next::Done(answer) => return Ok(answer),
                Next::Reference(at) | Next::Ask(at) if self.is_missing(at).await => {}
                Next::Reference(at) => self.find_reference(at).await?,
                Next::Ask(at) => self.ask(at).await?,
            }
        }
    }

    /// Whether the vendor of a release does not have it, which is noted. That is found out
    /// sooner than by an installation.
    async fn is_missing(&mut self, at: usize) -> bool {
        let Ok(flavour) = &self.candidates[at].flavour else {
            return false;
        };
        let Some(why) = self.sources.why_missing(flavour).await else {
            return false;
        };
        self.findings[at] = Finding::unavailable(&why);
        self.note_unavailable(at);
        true
    }

    /// Finds out whether a release can be the reference; statements are run on the other
    /// end side by side with the first one.
    async fn find_reference(&mut self, at: usize) -> Result<(), Failure> {
        let other = self.search.other_end();
        let other = other.filter(|_| self.wanted.question.compares_answers());
        let asked: Vec<usize> = [Some(at), other].into_iter().flatten().collect();
        let record = self.run(&asked).await?;
        self.findings[at] = Finding::of_run(&record, &self.name(at))?;
        if self.findings[at].reason.is_some() {
            self.note_unavailable(at);
        } else {
            self.reference = Some(at);
            self.search.note(at, Outcome::Same);
            self.say(at, "is what the others are compared with");
        }
        let Some(other) = other else { return Ok(()) };
        let is_there = record.why_unavailable(&self.name(other)).is_none();
        match is_there && self.reference.is_none() {
            // There is nothing to compare it with yet.
            true => Ok(()),
            false => self.judge(other, &record),
        }
    }

    /// Compares a release with the reference.
    async fn ask(&mut self, at: usize) -> Result<(), Failure> {
        let reference = self
            .reference
            .filter(|_| self.wanted.question.compares_answers());
        let asked: Vec<usize> = reference.into_iter().chain([at]).collect();
        let record = self.run(&asked).await?;
        if let Some(reference) = reference
            && let Some(reason) = record.why_unavailable(&self.name(reference))
        {
            let name = &self.candidates[reference].name;
            return Err(Failure::not_provided(format!(
                "{name} was available and no longer is: {reason}"
            )));
        }
        self.judge(at, &record)
    }

    /// Notes what a run found about a release.
    fn judge(&mut self, at: usize, record: &RunRecord) -> Result<(), Failure> {
        let mut finding = Finding::of_run(record, &self.name(at))?;
        if self.wanted.question.compares_answers() {
            finding.divergences = significant(record, self.wanted.all_differences);
        }
        let reference = self.reference.map(|at| &self.findings[at]);
        let ends_otherwise = reference.is_some_and(|one| finding.ends_otherwise(one));
        let differs = ends_otherwise || !finding.divergences.is_empty();
        let is_unavailable = finding.reason.is_some();
        self.findings[at] = finding;
        if is_unavailable {
            self.note_unavailable(at);
            return Ok(());
        }
        let (outcome, word) = match differs {
            true => (Outcome::Differs, "differs from"),
            false => (Outcome::Same, "like"),
        };
        self.search.note(at, outcome);
        let reference = self.reference.map(|at| self.candidates[at].name.as_str());
        let reference = reference.unwrap_or_default().to_owned();
        self.say(at, &format!("{word} {reference}"));
        Ok(())
    }

    fn note_unavailable(&mut self, at: usize) {
        self.search.note(at, Outcome::Unavailable);
        let reason = self.findings[at].reason.clone().unwrap_or_default();
        self.say(at, &format!("not available: {}", one_line(&reason, WIDEST)));
    }

    /// The line of progress of a release.
    fn say(&self, at: usize, what: &str) {
        let open = self.candidates.iter().filter(|one| one.flavour.is_ok());
        let widest = open.map(|one| one.name.len()).max().unwrap_or_default();
        let name = &self.candidates[at].name;
        let status = match self.findings[at].exit_status() {
            Some(status) => format!("  (exit status {status})"),
            None => String::new(),
        };
        eprintln!("{name:widest$}  {what}{status}");
    }

    /// How the two releases around a change differ. If the first of them is the reference,
    /// two servers of it are compared: where these differ, releases are not the cause.
    async fn compare_neighbours(
        &mut self,
        before: usize,
        after: usize,
    ) -> Result<Vec<Divergence>, Failure> {
        if !self.wanted.question.compares_answers() {
            return Ok(Vec::new());
        }
        let reference = self.flavour(before)?;
        if self.reference == Some(before) {
            let twin = Flavour {
                name: format!("{}-again", reference.name),
                ..reference.clone()
            };
            let record = self.run_flavours(vec![reference, twin]).await?;
            let differing = significant(&record, self.wanted.all_differences);
            if let Some(first) = differing.first() {
                return Err(Failure::impossible(format!(
                    "two servers of {} differ in line {} themselves (`{}`), so that releases cannot be told apart by it; leave out what differs each time",
                    self.candidates[before].name,
                    first.line,
                    one_line(&first.statement, WIDEST)
                )));
            }
            return Ok(self.findings[after].divergences.clone());
        }
        let record = self.run(&[before, after]).await?;
        let between = significant(&record, self.wanted.all_differences);
        Ok(match between.is_empty() {
            true => self.findings[after].divergences.clone(),
            false => between,
        })
    }

    /// Runs the question on these releases, and compares their answers with the first.
    async fn run(&self, asked: &[usize]) -> Result<RunRecord, Failure> {
        let flavours: Result<Vec<Flavour>, Failure> =
            asked.iter().map(|at| self.flavour(*at)).collect();
        self.run_flavours(flavours?).await
    }

    async fn run_flavours(&self, flavours: Vec<Flavour>) -> Result<RunRecord, Failure> {
        let baseline = flavours.first().map(|flavour| flavour.name.clone());
        let (matrix, plan) = self.plan(flavours)?;
        let options = RunOptions {
            baseline,
            all_differences: self.wanted.all_differences,
            no_tests: NoTests::Pass,
            ..RunOptions::default()
        };
        let prepared = prepare(&plan, options)?;
        let task = Task {
            yes: self.wanted.yes,
            step: Some(self.told.clone()),
            after: After::Delete,
            wait: true,
            ..Task::new(matrix, plan, prepared)
        };
        let record = provide_for(self.global, &task).await?;
        match (record.verdict(), record.why_aborted()) {
            (Verdict::Interrupted, _) => Err(was_interrupted()),
            (_, Some((verdict, reason))) => Err(Failure {
                verdict,
                message: reason.to_owned(),
            }),
            _ if self.interrupted.load(Ordering::Relaxed) => Err(was_interrupted()),
            _ => Ok(record),
        }
    }

    /// A matrix of these flavours with the question as its only suite.
    fn plan(&self, flavours: Vec<Flavour>) -> Result<(Matrix, Plan), Failure> {
        let mut matrix = self.matrix.clone();
        matrix.suites = vec![self.wanted.question.suite(&flavours)];
        matrix.flavours = flavours;
        let plan = plan(&matrix, &Selection::default())?;
        Ok((matrix, plan))
    }

    /// The flavour of a release that may be available. None is required: what is not
    /// available is stepped over.
    fn flavour(&self, at: usize) -> Result<Flavour, Failure> {
        let flavour = self.candidates[at].flavour.clone();
        let flavour = flavour.map_err(Failure::not_provided)?;
        Ok(Flavour {
            required: false,
            ..flavour
        })
    }

    /// The name of a release's flavour.
    fn name(&self, at: usize) -> String {
        let flavour = self.candidates[at].flavour.as_ref();
        flavour
            .map(|flavour| flavour.name.clone())
            .unwrap_or_default()
    }

    fn into_bisection(self, answer: Answer, mut divergences: Vec<Divergence>) -> Bisection {
        let names: Vec<String> = (0..self.candidates.len()).map(|at| self.name(at)).collect();
        let search = self.search;
        let found = self.candidates.into_iter().zip(self.findings).enumerate();
        let releases: Vec<ReleaseFound> = found
            .map(|(at, (one, finding))| ReleaseFound::new(one, finding, search.outcome(at)))
            .collect();
        let title = |flavour: &mut String| {
            if let Some(at) = names.iter().position(|name| name == flavour) {
                flavour.clone_from(&releases[at].title);
            }
        };
        let groups = divergences.iter_mut().flat_map(|found| &mut found.groups);
        groups.flat_map(|group| &mut group.flavours).for_each(title);
        let newest = releases.len().saturating_sub(1);
        let is_available =
            |at: &usize| !matches!(search.outcome(*at), None | Some(Outcome::Unavailable));
        let last = (0..releases.len()).rfind(is_available);
        let ends = [
            (&self.wanted.from, 0, self.reference),
            (&self.wanted.to, newest, last),
        ];
        let replaced = ends.into_iter().filter_map(|(wanted, end, found)| {
            let found = found.filter(|at| *at != end && releases[*at].name != *wanted)?;
            Some((wanted.clone(), found))
        });
        Bisection {
            replaced: replaced.collect(),
            releases,
            answer,
            divergences,
        }
    }
}

/// The releases that are not available, as ranges with the same reason.
fn unavailable_groups(candidates: &[Candidate]) -> Vec<(String, &str)> {
    let why = |one: &Candidate| one.flavour.as_ref().err().cloned();
    let groups = candidates.chunk_by(|one, next| why(one) == why(next));
    let mut all: Vec<(String, &str)> = Vec::new();
    for group in groups {
        let [first, ..] = group else { continue };
        let Err(why) = &first.flavour else { continue };
        let names = match group {
            [only] => only.name.clone(),
            [first, .., last] => format!("{} to {} ({})", first.name, last.name, group.len()),
            [] => continue,
        };
        match all.iter_mut().find(|(_, other)| other == why) {
            Some((same, _)) => *same = format!("{same}, {names}"),
            None => all.push((names, why)),
        }
    }
    all
}

/// Notes a request to end: one that comes when a run is over would be lost otherwise.
fn watch_for_interruption() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&interrupted);
    tokio::spawn(async move {
        asked_to_end().await;
        noted.store(true, Ordering::Relaxed);
    });
    interrupted
}

fn was_interrupted() -> Failure {
    Failure {
        verdict: Verdict::Interrupted,
        message: "interrupted; the same command goes on with the servers that are installed"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, why: &str) -> Candidate {
        Candidate {
            name: name.to_owned(),
            released: None,
            flavour: Err(why.to_owned()),
        }
    }

    #[test]
    fn what_is_not_available_is_named_once_for_each_reason() {
        let all = [
            candidate("a:1", "far"),
            candidate("a:2", "far"),
            candidate("a:3", "old"),
            candidate("a:4", "far"),
        ];
        let groups = unavailable_groups(&all);
        assert_eq!(
            groups,
            [
                ("a:1 to a:2 (2), a:4".to_owned(), "far"),
                ("a:3".to_owned(), "old")
            ]
        );
    }
}
