//! Runs flavours side by side: each is provided and does its work in a separate task, so
//! that no failure stops another flavour, not even a panic.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use dbmatrix_flavours::matrix::Flavour;
use dbmatrix_report::event::{Event, Verdict};
use futures_util::FutureExt;
use tokio::task::JoinSet;

use super::context::RunContext;
use super::expectations::Answers;

/// Provides each flavour and runs its work; returns what was recorded. Dropping the
/// future ends everything that runs.
pub(super) async fn run_flavours<S, P, W>(
    flavours: &[Flavour],
    context: &RunContext,
    provide: impl Fn(Flavour) -> P,
    work: impl Fn(Flavour, S) -> W + Clone + Send + 'static,
) -> Vec<Answers>
where
    S: Send + 'static,
    P: Future<Output = Option<S>> + Send + 'static,
    W: Future<Output = Vec<Answers>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for flavour in flavours.iter().cloned() {
        let providing = provide(flavour.clone());
        let (work, context) = (work.clone(), context.clone());
        tasks.spawn(async move {
            let name = flavour.name.clone();
            let answers = run_flavour(flavour, &context, providing, work).await;
            // Other flavours must not wait for its results.
            context.without(&name);
            answers
        });
    }
    let mut answers = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(of_flavour) => answers.extend(of_flavour),
            Err(error) => context.events.send(Event::Aborted {
                verdict: Verdict::NotProvided,
                reason: our_own_fault(&error.to_string()),
            }),
        }
    }
    answers
}

async fn run_flavour<S, W: Future<Output = Vec<Answers>>>(
    flavour: Flavour,
    context: &RunContext,
    providing: impl Future<Output = Option<S>>,
    work: impl Fn(Flavour, S) -> W,
) -> Vec<Answers> {
    let name = flavour.name.clone();
    let server = match catch_panic(providing).await {
        Ok(Some(server)) => server,
        Ok(None) => {
            context.activity.note_unavailable(&name);
            return Vec::new();
        }
        Err(panic) => {
            context.activity.note_unavailable(&name);
            context.events.send(Event::FlavourUnavailable {
                flavour: name,
                required: flavour.required,
                reason: our_own_fault(&panic),
            });
            return Vec::new();
        }
    };
    let answers = match catch_panic(work(flavour, server)).await {
        Ok(answers) => answers,
        Err(panic) => {
            context.events.send(Event::Aborted {
                verdict: Verdict::NotProvided,
                reason: format!("{name}: {}", our_own_fault(&panic)),
            });
            Vec::new()
        }
    };
    context
        .events
        .send(Event::FlavourFinished { flavour: name });
    answers
}

async fn catch_panic<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    ended.map_err(|panic| panic_text(panic.as_ref()))
}

/// The message of a panic.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// A panic is a bug in dbmatrix, and is reported as one.
pub(super) fn our_own_fault(reason: &str) -> String {
    format!("dbmatrix itself failed, which is an error of its own to be reported: {reason}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;
    use std::sync::Arc;

    use dbmatrix_flavours::matrix::Matrix;
    use dbmatrix_report::event::Sender;
    use dbmatrix_sql::compare::{Kinds, NormalizedResult};
    use dbmatrix_sql::outcome::Outcome;
    use dbmatrix_sql::suite::Facts;
    use dbmatrix_sql::version::Family;

    use super::*;
    use crate::comparison::{About, Comparison, StepFacts, StepOutcome};
    use crate::spill::SpillBuffer;

    const SUITE: &str = "s";
    const FILE: &str = "a.sql";

    fn flavours() -> Vec<Flavour> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("m.toml");
        let text = "[[flavour]]\nserver = 'mysql:9.7'\nrequired = false\n[[flavour]]\nserver = 'mariadb:10.11'\n[[flavour]]\nserver = 'mariadb:11.8'\n";
        std::fs::write(&path, text).expect("a matrix");
        Matrix::load(&path).expect("a matrix").flavours
    }

    fn key() -> (String, PathBuf) {
        (SUITE.to_owned(), PathBuf::from(FILE))
    }

    fn context(flavours: &[Flavour], events: &Sender) -> RunContext {
        let about = About::usual(SUITE, PathBuf::from(FILE));
        let names: Vec<String> = flavours.iter().map(|one| one.name.clone()).collect();
        let comparison = Comparison::new(about, &names, &SpillBuffer::default(), events);
        RunContext {
            comparisons: Arc::new(HashMap::from([(key(), comparison)])),
            fail_fast: Default::default(),
            events: events.clone(),
            workloads: Arc::default(),
            known: Arc::default(),
            cut: Arc::default(),
            activity: Arc::default(),
            measured: Arc::default(),
        }
    }

    /// Answers one step differently on each flavour.
    fn answer(context: &RunContext, flavour: &Flavour) {
        let facts = Facts {
            flavour: flavour.name.clone(),
            family: Family::Mariadb,
            version: "11.8.9".parse().expect("a version"),
            labels: Vec::new(),
        };
        let mut sink = context.comparisons[&key()].sink(&facts).expect("a way in");
        let outcome = Outcome::Completed {
            affected: flavour.name.len() as u64,
            warnings: 0,
        };
        let step = StepFacts {
            line: 1,
            statement: "S".to_owned(),
            nth: 1,
            ordered: false,
            settled: Kinds::NONE,
            database: None,
            is_repeatable: false,
        };
        let came = StepOutcome {
            answer: NormalizedResult::of(&outcome, &[]),
            failed: None,
            excused: Vec::new(),
        };
        sink.deliver_step(step, Some(came));
    }

    /// Runs three flavours; returns the reported divergences and failures.
    async fn run(panics_in: &'static str) -> (Vec<Vec<String>>, Vec<String>) {
        let (events, mut heard) = Sender::channel();
        let flavours = flavours();
        let context = context(&flavours, &events);
        let provide = move |flavour: Flavour| async move {
            let is_first = flavour.name == "mysql-9.7";
            assert!(
                !(is_first && panics_in == "provide"),
                "no {} today",
                flavour.name
            );
            Some(())
        };
        let of_run = context.clone();
        let work = move |flavour: Flavour, ()| {
            let context = of_run.clone();
            async move {
                let is_first = flavour.name == "mysql-9.7";
                assert!(
                    !(is_first && panics_in == "work"),
                    "no {} today",
                    flavour.name
                );
                answer(&context, &flavour);
                Vec::new()
            }
        };
        run_flavours(&flavours, &context, provide, work).await;
        let (mut diverged, mut failed) = (Vec::new(), Vec::new());
        while let Ok(event) = heard.try_recv() {
            match event {
                Event::Diverged(found) => {
                    diverged.extend(found.groups.into_iter().map(|group| group.flavours));
                }
                Event::FlavourUnavailable {
                    flavour, reason, ..
                } => failed.push(format!("{flavour} unavailable: {reason}")),
                Event::Aborted { verdict, reason } => {
                    failed.push(format!("{}: {reason}", verdict.code()));
                }
                _ => {}
            }
        }
        (diverged, failed)
    }

    #[tokio::test]
    async fn a_panic_while_a_flavour_is_provided_makes_it_unavailable() {
        let (diverged, failed) = run("provide").await;
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(
            failed[0].starts_with("mysql-9.7 unavailable: "),
            "{failed:?}"
        );
        assert!(failed[0].ends_with("no mysql-9.7 today"), "{failed:?}");
        assert_eq!(diverged, [["mariadb-10.11"], ["mariadb-11.8"]]);
    }

    #[tokio::test]
    async fn a_panic_at_work_fails_the_run_and_leaves_the_others_compared() {
        let (diverged, failed) = run("work").await;
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].starts_with("3: mysql-9.7: "), "{failed:?}");
        assert_eq!(diverged, [["mariadb-10.11"], ["mariadb-11.8"]]);
    }
}
