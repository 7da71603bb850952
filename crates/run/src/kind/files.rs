//! Suites of files: `.sql` and `.slt`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dbmatrix_flavours::matrix::{FilesSpec, Isolation, SuiteKind, Writes};
use dbmatrix_report::event::Event;
use dbmatrix_sql::session::Tenancy;
use dbmatrix_sql::suite::{Facts, FileKind, SltOptions};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{JobRun, Kind, replicas_of};
use crate::allowed;
use crate::case::{Case, CaseEnd, Content, run_case};
use crate::comparison::Sink;
use crate::deployment::Supply;
use crate::expectations::Answers;
use crate::retries::Retries;
use crate::scheduler::{Job, Partitioning};
use crate::thread::on_own_thread;

/// Update interval of a progress line.
const TICK: Duration = Duration::from_millis(250);

/// A suite of files.
pub(super) struct FilesKind {
    files: Arc<FilesSpec>,
    isolation: Isolation,
}

impl FilesKind {
    pub(super) fn new(files: &Arc<FilesSpec>, isolation: Isolation) -> Self {
        FilesKind {
            files: Arc::clone(files),
            isolation,
        }
    }
}

impl Kind for FilesKind {
    fn partitioning(&self) -> Partitioning {
        match self.isolation {
            // It has its own server.
            Isolation::Clone => Partitioning::Whole,
            Isolation::Database => Partitioning::Files {
                count: self.files.files.len(),
                at_a_time: self.files.jobs.unwrap_or(usize::MAX),
            },
        }
    }

    fn cases(&self, job: Job) -> Vec<PathBuf> {
        match self.isolation {
            Isolation::Clone => self.files.files.clone(),
            Isolation::Database => vec![self.files.files[job.part].clone()],
        }
    }

    fn refusal(&self, _: Tenancy) -> Option<&'static str> {
        // A file that writes is detected separately.
        None
    }

    fn run_job(self: Box<Self>, run: JobRun) -> BoxFuture<'static, Vec<Answers>> {
        run_files(run).boxed()
    }
}

/// Runs a job's files. Returns what they record.
pub(crate) async fn run_files<P: Supply>(run: JobRun<P>) -> Vec<Answers> {
    let SuiteKind::Files(files) = &run.suite_run.suite.kind else {
        return Vec::new();
    };
    let files = Arc::clone(files);
    on_own_thread(async move {
        let kind = FilesKind::new(&files, run.suite_run.suite.isolation);
        let mut answers = Vec::new();
        for path in kind.cases(run.job) {
            let facts = Facts {
                labels: files.labels.clone(),
                ..run.facts.facts.clone()
            };
            let options = SltOptions {
                allow_system: files.allow_system,
            };
            if let Some(why) = refused_writes(&files, run.facts.tenancy) {
                let place = run.job.place;
                run.context.forbid_case(&run.suite_run, place, path, why);
                continue;
            }
            if run.facts.tenancy == Tenancy::Reader
                && files.log.is_none()
                && let Some(why) = allowed::refusal(&path, options, &facts, run.facts.modes)
            {
                let place = run.job.place;
                run.context.forbid_case(&run.suite_run, place, path, &why);
                continue;
            }
            answers.extend(run_file(&run, &files, path, facts).await);
        }
        answers
    })
    .await
}

/// Why a server that dbmatrix did not make does not get the statements of a log.
fn refused_writes(files: &FilesSpec, tenancy: Tenancy) -> Option<&'static str> {
    let writes = files
        .log
        .as_ref()
        .is_some_and(|log| log.writes != Writes::Skip);
    (writes && tenancy != Tenancy::Owner).then_some(
        "external: statements that write run on servers that dbmatrix makes; `writes = \"skip\"` leaves them out",
    )
}

/// Runs a file on one flavour. Returns what it records if expectations are written.
async fn run_file(
    run: &JobRun<impl Supply>,
    files: &Arc<FilesSpec>,
    path: PathBuf,
    facts: Facts,
) -> Option<Answers> {
    let JobRun {
        suite_run, context, ..
    } = run;
    let key = (suite_run.suite.name.clone(), path.clone());
    let comparison = context.comparisons.get(&key)?;
    let content = match context.workloads.get(&suite_run.suite.name) {
        Some(workload) => Content::Log(workload.steps(&path)),
        None => match FileKind::of(&path)? {
            FileKind::Slt => Content::Slt,
            FileKind::Sql => Content::Sql,
        },
    };
    if context.fail_fast.is_over() {
        context.cut_case(suite_run, &path);
        return None;
    }
    let case = Case {
        path,
        facts,
        suite: Arc::clone(files),
        known: comparison.known(),
        update: context.updates(files) && matches!(content, Content::Sql),
        content,
        deadline: run.deadline,
        fail_fast: context.fail_fast.clone(),
        events: context.events.clone(),
        steps_done: Arc::new(AtomicUsize::new(0)),
        replicas: None,
    };
    context.start_case(suite_run, &case.path);
    let mut sink = comparison.sink(&case.facts);
    let mut ended = run_until_good(run, &case, sink.as_mut()).await;
    if ended.result.cut {
        context.note_cut();
    }
    ended.result.place = run.job.place;
    context.finish_case(suite_run, case.path.clone(), ended.result.clone());
    // Steps without an outcome keep their expectations.
    let is_whole = ended.result.aborted.is_none() && !ended.result.cut;
    if case.update && !is_whole {
        context.events.warn(format!(
            "{}: `{}` was not run to its end: its expectations stay as they are",
            suite_run.flavour,
            case.path.display()
        ));
    }
    (case.update && is_whole).then_some(Answers {
        path: case.path,
        facts: case.facts,
        recorded: ended.recorded,
    })
}

/// Runs a file and repeats it if it fails and the suite allows retries.
async fn run_until_good(
    run: &JobRun<impl Supply>,
    case: &Case,
    mut sink: Option<&mut Sink>,
) -> CaseEnd {
    let mut retries = Retries::new(run.suite_run.suite.retries);
    loop {
        let is_last = retries.is_last();
        if let Some(sink) = sink.as_mut() {
            match is_last {
                false => sink.buffer(),
                true => sink.forget(),
            }
        }
        let mut ended = match replicas_of(run).await {
            Ok(replicas) => {
                let attempt = Case {
                    replicas,
                    // Failures of an earlier try must not end the run.
                    fail_fast: match is_last {
                        true => case.fail_fast.clone(),
                        false => case.fail_fast.detached(),
                    },
                    ..case.clone()
                };
                run_watched(run, &attempt, sink.as_deref_mut()).await
            }
            Err(reason) => CaseEnd::without_server(reason),
        };
        if retries.accept(&mut ended.result) {
            if let Some(sink) = sink {
                sink.release();
            }
            return ended;
        }
    }
}

/// Runs a case on one of the servers and reports its progress. A server on which a case
/// leaves too much is discarded.
async fn run_watched(run: &JobRun<impl Supply>, case: &Case, sink: Option<&mut Sink>) -> CaseEnd {
    let steps = Arc::clone(&case.steps_done);
    let lease = match run.servers.lease().await {
        Ok(lease) => lease,
        Err(reason) => return CaseEnd::without_server(reason),
    };
    let running = run_case(&lease.server, case, sink, None, || lease.is_alone());
    tokio::pin!(running);
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            mut ended = &mut running => {
                if ended.dirty {
                    lease.give_up(&mut ended.result.left);
                }
                return ended;
            }
            _ = tick.tick() => run.context.events.send(Event::CaseProgress {
                flavour: run.suite_run.flavour.clone(),
                suite: run.suite_run.suite.name.clone(),
                file: case.path.clone(),
                steps: steps.load(Ordering::Relaxed),
            }),
        }
    }
}
