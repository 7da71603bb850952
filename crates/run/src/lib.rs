//! A run: the environment, flavours side by side, the suites on each.
//!
//! Emits events and prints nothing. Knows the order of work and the response to failures:
//! one flavour never stops another.

mod allowed;
mod case;
mod cleanup;
mod command;
mod comparison;
mod context;
mod current_database;
mod current_replicas;
mod database;
mod deployment;
mod environment;
mod evaluate;
mod expectations;
mod explain;
mod external;
mod fail_fast;
mod flavour_facts;
mod guest_databases;
mod keeper;
mod kind;
mod lock;
mod managed;
mod measure;
mod pool;
mod prefetch;
mod promotion;
mod proposal;
mod recorder;
mod reference;
mod replay;
mod replica_content;
mod replicas;
mod retries;
mod scheduler;
mod server_socket;
mod sessions;
mod side_by_side;
mod spill;
mod step_line;
mod supply;
mod system;
mod teardown;
mod thread;
mod topology;
mod upgrade;
mod vacancy;
mod validated;
mod variables;
mod work;
mod workload;

pub use command::{
    CommandEnd, CommandError, CommandRun, Invocation, NestName, Output, database_url, environment,
    run_command,
};
pub use environment::{Environment, EnvironmentError, EnvironmentOptions, start_engine};
pub use external::{drop_own_databases, drop_own_databases_on};
pub use keeper::{HandedFlavour, Handover, KeepError, take_leftover_report, wait_for_keepers};
pub use lock::{Holder, Lock, LockError};
pub use reference::{Recorded, RecordedFlavour, Recording, Reference, ReferenceError, Source};
pub use replay::{Inspected, Replay, ReplayOptions, inspect_logs, replay};
pub use replicas::Replicas;
pub use step_line::{NoStep, check_step_line};
pub use teardown::{After, StopPatience, teardown};
pub use upgrade::{UpgradeOptions, Upgrades, upgrade};
pub use vacancy::{NoTests, foresee_vacancy, has_statement};
pub use validated::{PrepareError, RunOptions, ValidatedPlan};
pub use work::run_files_on;
pub use workload::Workload;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use context::RunContext;
use dbmatrix_report::event::{Event, Sender};
use deployment::{Deployment, Providers};
use expectations::write_expectations;
use measure::measure_times;
use side_by_side::run_flavours;
use work::Work;

use dbmatrix_flavours::matrix::Flavour;
use dbmatrix_flavours::plan::Plan;

/// Provides all flavours of the plan and runs their suites, side by side. Only flavours
/// whose servers dbmatrix makes need the environment. Progress and failures are reported
/// as events.
pub async fn run(
    environment: Option<&Environment>,
    plan: &Plan,
    prepared: &ValidatedPlan,
    events: &Sender,
) {
    let options = &prepared.options;
    let providers = Providers::new(environment, options.freshness, events);
    let context = prepared.join(plan, events);
    report_workloads(&context);
    report_recorded(prepared, plan, events);
    let jobs = work::jobs(options.jobs, plan.flavours.len());
    let provide = |flavour: Flavour| {
        let providers = providers.clone();
        async move { providers.provide(&flavour).await }
    };
    let plan = Arc::new(plan.clone());
    let work = {
        let (plan, context) = (Arc::clone(&plan), context.clone());
        move |_: Flavour, deployment: Deployment| {
            let work = Work::new(deployment, &plan, context.clone());
            async move { Arc::new(work).run(jobs).await }
        }
    };
    let answers = run_flavours(&plan.flavours, &context, provide, work).await;
    measure_times(&context).await;
    let cut = context.cut.load(Ordering::Relaxed);
    if cut > 0 {
        events.warn(format!(
            "stopped at the first failure (`--fail-fast`): {cut} case(s) were not run to the end"
        ));
    }
    context.activity.report_vacancies(&plan, options, events);
    write_expectations(answers, &plan, events);
}

/// Reports recorded flavours, which have answered already, like the others.
fn report_recorded(prepared: &ValidatedPlan, plan: &Plan, events: &Sender) {
    let (Some(reference), Some(suite_run)) = (&prepared.reference, plan.suite_runs.first()) else {
        return;
    };
    let suite = &suite_run.suite;
    for recorded in reference.flavours() {
        let flavour = || recorded.title.clone();
        events.send(Event::FlavourReady {
            flavour: flavour(),
            server: recorded.server.clone(),
            address: reference.path().display().to_string(),
            took: Duration::ZERO,
        });
        for (part, result) in suite.parts().into_iter().zip(&recorded.results) {
            let (suite, file) = (suite.name.clone(), PathBuf::from(part));
            events.send(Event::CaseStarted {
                flavour: flavour(),
                suite: suite.clone(),
                file: file.clone(),
            });
            events.send(Event::CaseFinished {
                flavour: flavour(),
                suite,
                file,
                result: result.clone(),
            });
        }
        events.send(Event::FlavourFinished { flavour: flavour() });
    }
}

/// Reports what runs of the suites' logs.
fn report_workloads(context: &RunContext) {
    for workload in context.workloads.values() {
        for warning in workload.warnings() {
            context.events.warn(warning.clone());
        }
        context
            .events
            .send(Event::Sampled(workload.facts().clone()));
    }
}
