//! Provides and runs a command's task: a matrix's nest, its flavours, and a plan.

use std::cell::OnceCell;
use std::io::IsTerminal;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use dbmatrix_containers::host::{EngineProbe, Names, Storage, detect_engine};
use dbmatrix_containers::image::ImageOrigin;
use dbmatrix_containers::nest::{self, Access, Nest};
use dbmatrix_engine::Engine;
use dbmatrix_engine::privilege::is_root;
use dbmatrix_flavours::matrix::{Flavour, Matrix, NestSpec};
use dbmatrix_flavours::plan::{Plan, Selection};
use dbmatrix_flavours::provision::{StartFrom, cache_key};
use dbmatrix_report::event::{Event, Receiver, SCHEMA, Sender, Verdict};
use dbmatrix_report::shard::Shard;
use dbmatrix_report::{
    Colour, Detail, Differences, Progress, ReportSpec, Reporter, ReporterSet, RunRecord, Summary,
    Timings, drive, open_reports,
};
use dbmatrix_run::{
    After, Environment, EnvironmentOptions, RunOptions, StopPatience, ValidatedPlan,
    drop_own_databases, run as run_plan, teardown,
};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::app::keeper::hand_over;
use crate::app::matrix_file::load_lock;
use crate::app::prepare::prepare;
use crate::app::signal::{asked_to_end, end_at_once_when_asked_again};
use crate::app::told::ToldWarnings;
use crate::app::{Failure, Globals, USUAL_PROJECT, consent, privilege, say};

/// How long reporters may take for their unwritten output after a run is interrupted.
const UNREAD: Duration = Duration::from_secs(3);

/// A task for a matrix that is up.
pub(crate) struct Task {
    pub(crate) matrix: Matrix,
    pub(crate) plan: Plan,
    pub(crate) prepared: ValidatedPlan,
    /// Install missing packages without asking.
    pub(crate) yes: bool,
    /// Every flavour is required.
    pub(crate) strict: bool,
    /// Print lines in place of progress bars.
    pub(crate) plain: bool,
    /// How differences are reported.
    pub(crate) differences: Differences,
    /// The shard of a run.
    pub(crate) shard: Option<Shard>,
    /// The reports to write in addition to the summary.
    pub(crate) reports: Vec<ReportSpec>,
    /// What happens to the servers.
    pub(crate) after: After,
    /// Whether the command waits until that is done.
    pub(crate) wait: bool,
    /// Whether to report how long each phase took.
    pub(crate) timings: bool,
    /// Omit the summary of successes.
    pub(crate) quiet: bool,
    /// Whether answers are recorded and not compared.
    pub(crate) records: bool,
    /// Whether the caller shows the results, so that there is no summary.
    pub(crate) shows_results: bool,
    /// The warnings of earlier runs, if this one is a step of several: it shows no summary,
    /// and its progress on a terminal alone.
    pub(crate) step: Option<ToldWarnings>,
}

impl Task {
    /// A task with defaults for everything else.
    pub(crate) fn new(matrix: Matrix, plan: Plan, prepared: ValidatedPlan) -> Self {
        Task {
            matrix,
            plan,
            prepared,
            yes: false,
            strict: false,
            plain: false,
            differences: Differences::default(),
            shard: None,
            reports: Vec::new(),
            after: After::Keep,
            wait: false,
            timings: false,
            quiet: false,
            records: false,
            shows_results: false,
            step: None,
        }
    }
}

/// A task that brings existing flavours up and runs nothing.
pub(crate) fn bring_up(matrix: Matrix, selection: &Selection) -> Result<Task, Failure> {
    let mut plan = plan(&matrix, selection)?;
    plan.suite_runs.clear();
    let options = RunOptions {
        freshness: StartFrom::Existing,
        ..RunOptions::default()
    };
    let prepared = prepare(&plan, options)?;
    Ok(Task::new(matrix, plan, prepared))
}

pub(crate) fn plan(matrix: &Matrix, selection: &Selection) -> Result<Plan, Failure> {
    if matrix.flavours.is_empty() {
        return Err(Failure::misused(format!(
            "`{0}` has upgrades and no flavours; `dbmatrix upgrade {0}` walks them",
            matrix.path.display()
        )));
    }
    Plan::new(matrix, selection).map_err(Failure::misused)
}

/// Provides what a task needs, runs it, and returns its verdict.
pub(crate) async fn provide(global: &Globals, task: &Task) -> Result<Verdict, Failure> {
    let record = provide_for(global, task).await?;
    Ok(record.verdict())
}

/// Like [`provide`], for callers that need more than the verdict.
pub(crate) async fn provide_for(global: &Globals, task: &Task) -> Result<RunRecord, Failure> {
    let run = async |environment: Option<&Environment>, events: &Sender| {
        run_plan(environment, &task.plan, &task.prepared, events).await;
    };
    provide_and(global, task, run).await
}

/// Provides what a task needs, and does something with it in place of its plan.
pub(crate) async fn provide_and(
    global: &Globals,
    task: &Task,
    run: impl AsyncFn(Option<&Environment>, &Sender),
) -> Result<RunRecord, Failure> {
    let Task { matrix, plan, .. } = task;
    // A shard may be empty; its reports are written nevertheless. External servers need
    // no engine.
    let options = match plan.has_managed() {
        true => Some(options(global, task).await?),
        false => None,
    };
    let reports = open_reports(&task.reports).map_err(Failure::misused)?;
    let recorded = task.prepared.recorded_flavours().iter();
    let live = plan.flavours.iter().map(|flavour| &flavour.name);
    let names = recorded.map(|flavour| &flavour.title).chain(live);
    let names: Vec<String> = names.cloned().collect();
    let (events, heard) = Sender::channel();
    let live = std::io::stderr().is_terminal() && !task.plain;
    let progress = match task.step.is_some() && !live && global.verbose == 0 {
        true => Progress::quiet(),
        false => Progress::new(live, &names),
    };
    let mut reporters: Vec<Box<dyn Reporter>> = match &task.step {
        Some(told) => vec![Box::new(told.without_repeated(progress))],
        None => vec![Box::new(progress)],
    };
    reporters.extend(reports);
    let timings = Timings::default();
    reporters.push(Box::new(timings.clone()));
    let reporter = in_background(heard, ReporterSet::new(reporters));
    events.send(beginning(task, &names));
    let environment = OnceCell::new();
    let lock = OnceCell::new();
    let work = async {
        let Some(options) = &options else {
            run(None, &events).await;
            return Ok(());
        };
        let taken = Environment::lock(options, &matrix.nest, &events);
        let taken = taken.await.map_err(Failure::not_provided)?;
        let lock = lock.get_or_init(|| taken);
        let ensured = Environment::ensure(options, &matrix.nest, lock, &events);
        let ensured = ensured.await.map_err(Failure::not_provided)?;
        let environment = environment.get_or_init(|| ensured);
        run(Some(environment), &events).await;
        Ok::<(), Failure>(())
    };
    let ended = tokio::select! {
        ended = work => Some(ended),
        () = asked_to_end() => None,
    };
    match &ended {
        None => events.send(Event::Interrupted),
        Some(Err(failure)) => events.send(Event::Aborted {
            verdict: failure.verdict,
            reason: failure.message.clone(),
        }),
        Some(Ok(())) => {}
    }
    drop(events);
    let interrupted = ended.is_none();
    if interrupted {
        end_at_once_when_asked_again(left_by(global, task));
    }
    let heard = heard_by(reporter, interrupted).await?;
    if interrupted {
        drop_left_databases(&plan.flavours).await;
    }
    // Without the lock, incomplete objects belong to another process.
    if let Some(options) = &options
        && lock.get().is_some()
        && !matches!(ended, Some(Ok(())))
    {
        if interrupted {
            eprintln!("removing what is incomplete (Ctrl-C again leaves it to the next run)");
        }
        clean_up(options, &matrix.nest.name).await;
    }
    if let Some(Err(failure)) = ended {
        tear_down(global, environment.get(), task, StopPatience::None, |_| {
            false
        })
        .await;
        return Err(failure);
    }
    let record = match heard {
        Some(record) => {
            if task.step.is_none() && !task.shows_results {
                print_summary(global, task, &record, &timings);
            }
            record
        }
        None => interrupted_record().await,
    };
    if interrupted {
        tear_down(global, environment.get(), task, StopPatience::None, |_| {
            false
        })
        .await;
        return Ok(record);
    }
    let was_there = |name: &str| record.servers().contains_key(name);
    let is_handed_over = match (environment.get(), lock.get()) {
        (Some(_), Some(lock)) => hand_over(global, task, lock, after(task, was_there)),
        _ => false,
    };
    if !is_handed_over {
        tear_down(
            global,
            environment.get(),
            task,
            StopPatience::Some,
            was_there,
        )
        .await;
    }
    Ok(record)
}

/// Dispatches events on a separate thread: a reporter may wait for its reader.
fn in_background(heard: Receiver, reporters: ReporterSet) -> JoinHandle<RunRecord> {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(drive(heard, reporters)))
}

/// What the reporters recorded. A finished run waits for the readers of its output; an
/// interrupted one does not, and has no record then.
async fn heard_by(
    reporter: JoinHandle<RunRecord>,
    interrupted: bool,
) -> Result<Option<RunRecord>, Failure> {
    if !interrupted {
        return reporter.await.map(Some).map_err(Failure::not_provided);
    }
    match tokio::time::timeout(UNREAD, reporter).await {
        Ok(record) => record.map(Some).map_err(Failure::not_provided),
        Err(_) => {
            eprintln!("warning: nobody reads what is reported: the reports are incomplete");
            Ok(None)
        }
    }
}

/// The record of an interrupted run without further information.
async fn interrupted_record() -> RunRecord {
    let (events, heard) = Sender::channel();
    events.send(Event::Interrupted);
    drop(events);
    drive(heard, ReporterSet::default()).await
}

/// What an interrupted run may leave, and how to remove it.
fn left_by(global: &Globals, task: &Task) -> String {
    let project = match global.project.as_str() {
        USUAL_PROJECT => String::new(),
        other => format!(" --project {other}"),
    };
    format!(
        "ended at once: what was incomplete in nest `{}`, and databases of the suites' files, may be \
         left; the next run removes them, and `dbmatrix{project} down {}` the whole nest",
        task.matrix.nest.name,
        task.matrix.path.display()
    )
}

/// Obtains all consents and passwords before anything takes long.
async fn options(global: &Globals, task: &Task) -> Result<EnvironmentOptions, Failure> {
    privilege::ensure_engine_access(global).await?;
    let Task { matrix, plan, .. } = task;
    let found = detect_engine(&global.engine).await;
    let builds_images = builds_images(matrix, plan) && !is_restored(global, &found, matrix).await?;
    // The engine's machine has what its pools take, or says so.
    let uses_btrfs = uses_btrfs(matrix) && global.engine.remote().is_none();
    let packages = found.missing_packages(uses_btrfs, builds_images);
    if !packages.is_empty() {
        privilege::ensure_package_access(global).await?;
        consent::ask_for_packages(&packages, task.yes)?;
    }
    if let EngineProbe::Running(engine) = &found {
        authorize_route(global, engine, &matrix.nest).await?;
    }
    let servers = plan.flavours.iter().flat_map(Flavour::servers);
    let managed = servers.filter_map(Flavour::managed);
    let images = managed.map(|managed| managed.image.clone());
    Ok(EnvironmentOptions {
        engine: global.engine.clone(),
        project: global.project.clone(),
        probe: found,
        packages,
        images: images.collect(),
        cache: None,
        strict: task.strict,
    })
}

fn beginning(task: &Task, flavours: &[String]) -> Event {
    Event::RunStarted {
        schema: SCHEMA,
        program: concat!("dbmatrix ", env!("CARGO_PKG_VERSION")).to_owned(),
        began: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        matrix: task.matrix.path.clone(),
        flavours: flavours.to_vec(),
        shard: task.shard.map(|shard| shard.to_string()),
        strict: task.strict,
    }
}

fn print_summary(global: &Globals, task: &Task, record: &RunRecord, timings: &Timings) {
    let mut summary = Summary::of(record);
    summary.set_colour(Colour::of_stdout());
    summary.set_differences(task.differences.clone());
    summary.set_records(task.records);
    if global.verbose > 0 {
        summary.set_detail(Detail::Files);
    }
    if !(task.quiet && record.verdict() == Verdict::Passed) {
        say(summary.render(stdout_width()).trim_end());
    }
    if task.timings {
        say(timings.render().trim_end());
    }
}

/// Ensures that a route can be set, before anything takes long.
pub(crate) async fn authorize_route(
    global: &Globals,
    engine: &Engine,
    spec: &NestSpec,
) -> Result<(), Failure> {
    let access = Access::of_engine(spec.access, engine).map_err(Failure::misused)?;
    if is_root() || access != Access::Route {
        return Ok(());
    }
    let names = Names::of(&global.project);
    let inside = engine.in_project(&names.project);
    let nest = Nest::find(&inside, &spec.name, &names.bridge).await;
    match nest.map_err(Failure::not_provided)? {
        Some(nest) if nest.access == Access::Route && nest.has_route().await => Ok(()),
        _ => privilege::authorize_routes(),
    }
}

/// What happens to a flavour's server. Only a server that was up in this run is paused
/// for the next one.
fn after(task: &Task, was_there: impl Fn(&str) -> bool) -> impl Fn(&Flavour) -> After {
    move |flavour| match task.after {
        After::Pause if !was_there(&flavour.name) => After::Stop,
        after => after,
    }
}

/// Applies the task's choice to the servers, and waits for it. Servers that are to be
/// deleted are deleted even if the user asks the program to end; a second time ends it.
async fn tear_down(
    global: &Globals,
    environment: Option<&Environment>,
    task: &Task,
    patience: StopPatience,
    was_there: impl Fn(&str) -> bool,
) {
    let Some(environment) = environment else {
        return;
    };
    let after = after(task, was_there);
    let mut done = pin!(teardown(environment, &task.plan.flavours, patience, after));
    let left = tokio::select! {
        left = &mut done => left,
        () = asked_to_end() => match task.after {
            After::Delete => {
                end_at_once_when_asked_again(left_by(global, task));
                done.await
            }
            _ => Vec::new(),
        }
    };
    for reason in left {
        eprintln!("warning: {reason}");
    }
}

/// The terminal's width in columns, or a readable width for logs.
pub(crate) fn stdout_width() -> u16 {
    match comfy_table::Table::new().width() {
        Some(width) if std::io::stdout().is_terminal() => width,
        _ => 120,
    }
}

pub(crate) fn uses_btrfs(matrix: &Matrix) -> bool {
    matches!(matrix.nest.storage, Storage::Btrfs { .. })
}

fn builds_images(matrix: &Matrix, plan: &Plan) -> bool {
    let managed = plan.flavours.iter().filter_map(Flavour::managed);
    let images = managed.map(|managed| &managed.image);
    images
        .chain([&matrix.nest.image])
        .any(|image| matches!(image, ImageOrigin::Built(_)))
}

/// Whether the nest was restored from a cache of this matrix, so that no image is missing.
async fn is_restored(
    global: &Globals,
    found: &EngineProbe,
    matrix: &Matrix,
) -> Result<bool, Failure> {
    let EngineProbe::Running(engine) = found else {
        return Ok(false);
    };
    let key = cache_key(matrix, &load_lock(matrix)?);
    let host = engine.in_project(&global.project);
    let restored = nest::is_restored(&host, &matrix.nest.name, &key).await;
    restored.map_err(Failure::not_provided)
}

/// Drops the databases that an interrupted run created on external servers; no later run
/// does.
async fn drop_left_databases(flavours: &[Flavour]) {
    tokio::select! {
        kept = drop_own_databases(flavours) => {
            for left in kept {
                eprintln!("warning: {left} stays");
            }
        }
        () = asked_to_end() => {}
    }
}

/// Removes what is incomplete; complete objects stay for the next run.
pub(crate) async fn clean_up(options: &EnvironmentOptions, nest: &str) {
    let cleaned = async {
        let engine = match detect_engine(&options.engine).await {
            EngineProbe::Running(engine) => engine.in_project(&options.project),
            _ => return Ok(()),
        };
        let bridge = Names::of(&options.project).bridge;
        nest::remove_incomplete(&engine, nest, &bridge).await
    };
    tokio::select! {
        cleaned = cleaned => if let Err(error) = cleaned {
            eprintln!("the next run removes what is left: {error}");
        },
        () = asked_to_end() => {}
    }
}
