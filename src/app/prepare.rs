//! Reads and checks what a plan needs before anything is started: files beside the suites'
//! own, logs, and recorded answers.

use dbmatrix_config::hint;
use dbmatrix_flavours::plan::Plan;
use dbmatrix_run::{PrepareError, RecordedFlavour, Reference, RunOptions, ValidatedPlan};
use dbmatrix_workload::Input;

use crate::app::matrix_file::colour_of_stderr;
use crate::app::sampling::sample_logs;
use crate::app::{Failure, deprecated};

/// Checks the files beside the suites' files and the choice of a baseline, and reads the
/// suites' logs.
pub(crate) fn prepare(plan: &Plan, options: RunOptions) -> Result<ValidatedPlan, Failure> {
    prepare_with(plan, options, None)
}

/// Like [`prepare`], where one of the logs may be a stream.
pub(crate) fn prepare_with(
    plan: &Plan,
    options: RunOptions,
    stream: Option<Input>,
) -> Result<ValidatedPlan, Failure> {
    check_baseline(plan, &[], options.baseline.as_deref())?;
    Ok(check(plan, options)?.with_workloads(sample_logs(plan, stream)?))
}

fn check_baseline(
    plan: &Plan,
    recorded: &[RecordedFlavour],
    baseline: Option<&str>,
) -> Result<(), Failure> {
    let recorded = recorded.iter().map(|one| one.facts.flavour.as_str());
    let live = plan.flavours.iter().map(|flavour| flavour.name.as_str());
    let chosen = live.chain(recorded);
    match baseline {
        Some(name) if !chosen.clone().any(|one| one == name) => Err(Failure::misused(format!(
            "the baseline `{name}` is none of the chosen flavours; {}",
            hint(name, chosen)
        ))),
        _ => Ok(()),
    }
}

/// Checks the files beside the suites' files.
fn check(plan: &Plan, options: RunOptions) -> Result<ValidatedPlan, Failure> {
    for flavour in &plan.flavours {
        if let Some(external) = flavour.external() {
            external.endpoint(&flavour.name).map_err(Failure::misused)?;
        }
    }
    let checked = ValidatedPlan::check(plan, options).map_err(misused)?;
    deprecated::note_all(&checked.deprecations());
    Ok(checked)
}

/// Like [`prepare`] for a plan of one suite whose answers are compared with recorded ones;
/// the baseline is the flavour that `options` or else the reference names first.
pub(crate) fn prepare_against(
    reference: Reference,
    plan: &Plan,
    options: RunOptions,
) -> Result<ValidatedPlan, Failure> {
    let live = plan.flavours.iter().map(|flavour| flavour.name.as_str());
    reference.check_names(live).map_err(Failure::misused)?;
    let recorded = reference.flavours();
    check_baseline(plan, recorded, options.baseline.as_deref())?;
    let baseline = match options.baseline.as_deref() {
        None => recorded.first(),
        Some(name) => recorded.iter().find(|one| one.facts.flavour == name),
    };
    let baseline = baseline.map(|flavour| flavour.title.clone());
    let checked = check(plan, options)?;
    let compared = checked.compared_with(reference, baseline, plan);
    compared.map_err(misused)
}

fn misused(error: PrepareError) -> Failure {
    match error {
        PrepareError::Known(error) => Failure::misused(error.render(colour_of_stderr())),
        PrepareError::Expectation(error) => Failure::misused(error),
        PrepareError::Reference(error) => Failure::misused(error),
    }
}
