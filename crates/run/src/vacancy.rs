//! Finds the parts of a run that ran nothing: a passing run that sent nothing to any
//! server proves nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use dbmatrix_report::event::{CaseResult, Event, Sender, Verdict};
use dbmatrix_sql::suite::{Action, FileKind, SltOptions, SltSteps, SqlSteps, Step, SuiteError};

use dbmatrix_flavours::matrix::{MysqltestSpec, SuiteKind, SuiteSpec};
use dbmatrix_flavours::plan::Plan;

use super::validated::{RunOptions, ValidatedPlan};

/// Lines of a message that lists these parts.
const NAMED: usize = 20;

/// What the reader can do about a run in which nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    /// Nothing could run: that can be allowed.
    AllowNoTests,
    /// A required flavour is missing: the run fails even if nothing needs to run.
    ProvideRequired,
    /// The same, only because the run is strict.
    ProvideStrict,
}

impl Remedy {
    fn as_str(self) -> &'static str {
        match self {
            Remedy::AllowNoTests => "`--no-tests=pass` allows that",
            Remedy::ProvideRequired => {
                "fix the cause, or set `required = false` for flavours that may be missing"
            }
            Remedy::ProvideStrict => "fix the cause, or leave `--strict` out",
        }
    }
}

/// What happens to a run in which nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NoTests {
    /// It passes.
    Pass,
    /// It passes with a warning.
    Warn,
    /// It is an error.
    #[default]
    Fail,
}

impl FromStr for NoTests {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pass" => Ok(NoTests::Pass),
            "warn" => Ok(NoTests::Warn),
            "fail" => Ok(NoTests::Fail),
            other => Err(format!(
                "expected `pass`, `warn` or `fail`; found `{other}`"
            )),
        }
    }
}

/// What has run so far, by suite and part.
#[derive(Debug, Default)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    parts: HashMap<(String, PathBuf), Part>,
    unavailable: Vec<String>,
}

#[derive(Debug, Default)]
struct Part {
    /// Steps that were sent to a server.
    ran: usize,
    /// Steps whose conditions did not hold.
    skipped: usize,
    /// Cases that were aborted, which are reported elsewhere.
    unfinished: usize,
    /// Tables and databases that the statements of a log need, and flavours do not have.
    missing: Vec<String>,
    /// Why flavours did not allow it; each reason once.
    forbidden: Vec<String>,
}

impl Activity {
    pub(super) fn note_case(&self, suite: &str, file: &Path, result: &CaseResult) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (suite.to_owned(), file.to_owned());
        let part = state.parts.entry(key).or_default();
        let answered = result.passed + result.failed + result.known;
        let missing = result.missing.iter().map(|missing| missing.statements);
        part.ran += answered.saturating_sub(missing.sum());
        for missing in &result.missing {
            if !part.missing.contains(&missing.name) {
                part.missing.push(missing.name.clone());
            }
        }
        part.skipped += result.skipped;
        if let Some(note) = result.note.as_ref().filter(|_| result.forbidden)
            && !part.forbidden.contains(note)
        {
            part.forbidden.push(note.clone());
        }
        part.unfinished += usize::from(result.aborted.is_some() || result.cut);
    }

    /// A flavour that is not available runs nothing, which is reported elsewhere.
    pub(super) fn note_unavailable(&self, flavour: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unavailable.push(flavour.to_owned());
    }

    /// Warns of files of which no step ran on any flavour. If nothing ran at all, the run
    /// reports that instead.
    pub(super) fn report_vacancies(&self, plan: &Plan, options: &RunOptions, events: &Sender) {
        if plan.suite_runs.is_empty() {
            return;
        }
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let vacant = state.vacant(plan).into_iter().flatten();
        if state.parts.values().any(Part::has_run) {
            vacant.for_each(|why| events.warn(format!("nothing ran: {why}")));
        } else {
            let mut why: Vec<String> = vacant.collect();
            if !state.unavailable.is_empty() {
                why.push(format!("unavailable: {}", state.unavailable.join(", ")));
            }
            let text = nothing_ran(&why, state.remedy(plan, options.strict));
            report_nothing_ran(text, options.no_tests, events);
        }
    }
}

impl Part {
    fn has_run(&self) -> bool {
        self.ran + self.unfinished > 0
    }
}

impl State {
    fn remedy(&self, plan: &Plan, strict: bool) -> Remedy {
        let is_required = |name: &String| {
            let mut flavours = plan.flavours.iter();
            flavours.any(|flavour| flavour.name == *name && flavour.required)
        };
        match () {
            () if self.unavailable.iter().any(is_required) => Remedy::ProvideRequired,
            () if strict && !self.unavailable.is_empty() => Remedy::ProvideStrict,
            () => Remedy::AllowNoTests,
        }
    }

    /// For each part that ran nothing on any flavour: the reason, unless it is reported
    /// elsewhere.
    fn vacant(&self, plan: &Plan) -> Vec<Option<String>> {
        let mut vacant = Vec::new();
        for suite in suites_of(plan) {
            let on = plan
                .suite_runs
                .iter()
                .filter(|suite_run| suite_run.suite.name == suite.name);
            let on = on.map(|suite_run| suite_run.flavour.as_str());
            let is_there = |name: &&str| !self.unavailable.iter().any(|gone| gone == name);
            let flavours: Vec<&str> = on.filter(is_there).collect();
            if let SuiteKind::Mysqltest(spec) = &suite.kind {
                vacant.push(self.vacant_tests(&suite.name, spec, &flavours));
                continue;
            }
            for part in suite.parts() {
                let path = PathBuf::from(part);
                let found = self.parts.get(&(suite.name.clone(), path.clone()));
                let why = match found {
                    Some(part) if part.has_run() => continue,
                    _ if flavours.is_empty() => None,
                    // The run ended before it began.
                    None => continue,
                    Some(part) if !part.forbidden.is_empty() => Some(format!(
                        "`{}`: {}",
                        path.display(),
                        part.forbidden.join("; ")
                    )),
                    Some(part) if !part.missing.is_empty() => Some(format!(
                        "`{}`: each of its statements needs what no flavour has: {}; a flavour's `setup` loads schema and data",
                        path.display(),
                        listed(&part.missing)
                    )),
                    Some(Part { skipped: 0, .. }) => {
                        Some(format!("`{}` holds no statement to run", path.display()))
                    }
                    Some(_) => Some(format!(
                        "`{}`: the conditions of its steps hold on none of {}",
                        path.display(),
                        flavours.join(", ")
                    )),
                };
                vacant.push(why);
            }
        }
        vacant
    }

    /// The servers' own tests are parts that are not known in advance.
    fn vacant_tests(&self, suite: &str, spec: &MysqltestSpec, on: &[&str]) -> Option<String> {
        let mut parts = self.parts.iter().filter(|((of, _), _)| of == suite);
        if on.is_empty() || parts.any(|(_, part)| part.has_run()) {
            return None;
        }
        let tests: Vec<String> = spec.tests.iter().map(|glob| format!("`{glob}`")).collect();
        let has_skipped = self.parts.keys().any(|(of, _)| of == suite);
        Some(match has_skipped {
            true => format!(
                "suite `{suite}`: all tests that match {} are skipped",
                tests.join(", ")
            ),
            false => format!("suite `{suite}`: no test matches {}", tests.join(", ")),
        })
    }
}

/// The first of some names.
fn listed(names: &[String]) -> String {
    let mut first: Vec<String> = names
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    if names.len() > NAMED {
        first.push(format!("and {} more", names.len() - NAMED));
    }
    first.join(", ")
}

fn report_nothing_ran(text: String, no_tests: NoTests, events: &Sender) {
    match no_tests {
        NoTests::Pass => {}
        NoTests::Warn => events.warn(text),
        NoTests::Fail => events.send(Event::Aborted {
            verdict: Verdict::Misused,
            reason: text,
        }),
    }
}

/// A message that nothing ran, with the cause and what can be done.
fn nothing_ran(why: &[String], remedy: Remedy) -> String {
    let mut text = "nothing ran".to_owned();
    for line in why.iter().take(NAMED) {
        text.push_str("\n  ");
        text.push_str(line);
    }
    if let Some(more @ 1..) = why.len().checked_sub(NAMED) {
        text.push_str(&format!("\n  … and {more} more"));
    }
    text.push_str("\n  ");
    text.push_str(remedy.as_str());
    text
}

/// Returns a human-readable reason why nothing in a plan can run on any server, as far as
/// its files show; `None` if something may. `whole` is the plan with all shards of the
/// run.
pub fn foresee_vacancy(plan: &Plan, whole: &Plan, prepared: &ValidatedPlan) -> Option<String> {
    let mut why = Vec::new();
    if plan.suite_runs.is_empty() {
        why.push(match parts_of(whole) {
            0 => "no chosen suite runs on a chosen flavour".to_owned(),
            count => format!("this part of the run holds none of its {count} files"),
        });
    }
    for suite in suites_of(plan) {
        let SuiteKind::Files(files) = &suite.kind else {
            return None;
        };
        if let Some(workload) = prepared.workload(&suite.name) {
            why.push(workload.vacancy()?);
            continue;
        }
        for file in &files.files {
            // The case reports files that cannot be read.
            if has_statement(file).unwrap_or(true) {
                return None;
            }
            why.push(format!("`{}` holds no statement to run", file.display()));
        }
    }
    Some(nothing_ran(&why, Remedy::AllowNoTests))
}

/// The number of parts of a plan's suites.
fn parts_of(plan: &Plan) -> usize {
    let suites = suites_of(plan).into_iter();
    suites.map(|suite| suite.parts().len()).sum()
}

/// Whether a file has a statement before its end.
///
/// # Errors
/// [`SuiteError`] if it cannot be read so far.
pub fn has_statement(file: &Path) -> Result<bool, SuiteError> {
    let first = match FileKind::of(file) {
        Some(FileKind::Slt) => first_action(SltSteps::open(file, SltOptions::default())?)?,
        Some(FileKind::Sql) => first_action(SqlSteps::open(file)?)?,
        None => return Ok(true),
    };
    Ok(first)
}

fn first_action(steps: impl Iterator<Item = Result<Step, SuiteError>>) -> Result<bool, SuiteError> {
    for step in steps {
        let step = step?;
        match step.action {
            Action::Halt if step.conditions.is_empty() => return Ok(false),
            Action::Halt | Action::Sleep(_) => {}
            _ => return Ok(true),
        }
    }
    Ok(false)
}

/// The suites of a plan, once each.
fn suites_of(plan: &Plan) -> Vec<&SuiteSpec> {
    let mut suites: Vec<&SuiteSpec> = Vec::new();
    for suite_run in &plan.suite_runs {
        if !suites
            .iter()
            .any(|suite| suite.name == suite_run.suite.name)
        {
            suites.push(&suite_run.suite);
        }
    }
    suites
}

#[cfg(test)]
mod tests {
    use dbmatrix_flavours::matrix::Matrix;
    use dbmatrix_flavours::plan::Selection;

    use super::*;

    struct Sandbox {
        folder: tempfile::TempDir,
        plan: Plan,
        activity: Activity,
    }

    impl Sandbox {
        /// Two flavours, and a suite of files.
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("m.toml");
            let text = "flavours = ['mysql:9.7', 'mariadb:10.11']\n[[suite]]\nname = 's'\nfiles = ['*.s*']\n";
            std::fs::write(&path, text).expect("a matrix");
            for (name, text) in files {
                std::fs::write(folder.path().join(name), text).expect("a file");
            }
            let matrix = Matrix::load(&path).expect("a matrix");
            let plan = Plan::new(&matrix, &Selection::default()).expect("a plan");
            Sandbox {
                folder,
                plan,
                activity: Activity::default(),
            }
        }

        fn ends(&self, file: &str, passed: usize, skipped: usize) {
            let result = CaseResult {
                passed,
                skipped,
                ..CaseResult::default()
            };
            let file = self.folder.path().join(file);
            self.activity.note_case("s", &file, &result);
        }

        fn told(&self, no_tests: NoTests) -> Vec<String> {
            self.told_with(&RunOptions {
                no_tests,
                ..RunOptions::default()
            })
        }

        fn told_with(&self, options: &RunOptions) -> Vec<String> {
            let (events, mut heard) = Sender::channel();
            self.activity.report_vacancies(&self.plan, options, &events);
            let mut told = Vec::new();
            while let Ok(event) = heard.try_recv() {
                told.push(match event {
                    Event::Aborted { verdict, reason } => format!("{}: {reason}", verdict.code()),
                    Event::Warning { text } => format!("warning: {text}"),
                    other => panic!("{other:?}"),
                });
            }
            let folder = format!("{}/", self.folder.path().display());
            told.iter().map(|text| text.replace(&folder, "")).collect()
        }
    }

    #[test]
    fn a_run_of_skipped_and_empty_files_ran_nothing() {
        let sandbox = Sandbox::new(&[("a.slt", ""), ("b.sql", "")]);
        for _ in 0..2 {
            sandbox.ends("a.slt", 0, 3);
            sandbox.ends("b.sql", 0, 0);
        }
        insta::assert_snapshot!(sandbox.told(NoTests::Fail).join("\n"), @r"
        2: nothing ran
          `a.slt`: the conditions of its steps hold on none of mysql-9.7, mariadb-10.11
          `b.sql` holds no statement to run
          `--no-tests=pass` allows that
        ");
        assert!(sandbox.told(NoTests::Warn)[0].starts_with("warning: nothing ran"));
        assert!(sandbox.told(NoTests::Pass).is_empty());
    }

    #[test]
    fn a_file_of_which_nothing_ran_is_told_beside_one_that_did() {
        let sandbox = Sandbox::new(&[("a.slt", ""), ("b.sql", "")]);
        sandbox.ends("a.slt", 0, 3);
        sandbox.ends("b.sql", 1, 0);
        let told = sandbox.told(NoTests::Fail);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("warning: nothing ran: `a.slt`"),
            "{told:?}"
        );
        sandbox.ends("a.slt", 1, 2);
        assert!(sandbox.told(NoTests::Fail).is_empty());
    }

    #[test]
    fn a_run_without_any_flavour_ran_nothing() {
        let sandbox = Sandbox::new(&[("a.slt", "")]);
        sandbox.activity.note_unavailable("mysql-9.7");
        sandbox.activity.note_unavailable("mariadb-10.11");
        let told = sandbox.told(NoTests::Fail);
        assert!(
            told[0].contains("unavailable: mysql-9.7, mariadb-10.11"),
            "{told:?}"
        );
    }

    #[test]
    fn a_missing_flavour_is_to_be_provided_where_the_run_needs_it() {
        let remedy = |is_required: bool, strict: bool| {
            let mut sandbox = Sandbox::new(&[("a.slt", "")]);
            for flavour in &mut sandbox.plan.flavours {
                flavour.required = is_required;
            }
            sandbox.activity.note_unavailable("mysql-9.7");
            let options = RunOptions {
                strict,
                ..RunOptions::default()
            };
            let told = sandbox.told_with(&options).concat();
            told.lines().last().unwrap_or_default().trim().to_owned()
        };
        assert_eq!(
            remedy(true, false),
            "fix the cause, or set `required = false` for flavours that may be missing"
        );
        assert_eq!(
            remedy(false, true),
            "fix the cause, or leave `--strict` out"
        );
        assert_eq!(remedy(false, false), "`--no-tests=pass` allows that");
    }

    #[test]
    fn what_a_file_holds_is_foreseen() {
        let foreseen = |files: &[(&str, &str)]| {
            let sandbox = Sandbox::new(files);
            let plan = &sandbox.plan;
            let prepared = ValidatedPlan::check(plan, RunOptions::default()).expect("good files");
            foresee_vacancy(plan, plan, &prepared)
        };
        let why = foreseen(&[
            ("a.slt", "halt\n\nstatement ok\nSELECT 1\n"),
            ("b.sql", "-- SELECT 1;\n/* nothing */\n"),
            ("c.sql", ""),
        ]);
        let why = why.expect("nothing can run");
        assert_eq!(why.matches("holds no statement").count(), 3, "{why}");
        let some = "onlyif mysql\nhalt\n\nstatement ok\nSELECT 1\n";
        assert_eq!(foreseen(&[("a.slt", some), ("b.sql", "")]), None);
        assert_eq!(foreseen(&[("a.sql", "SELECT 1")]), None);
    }
}
