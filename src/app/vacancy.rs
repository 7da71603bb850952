//! Detects runs in which nothing can run, before anything is provided for them.

use dbmatrix_flavours::plan::{Plan, Selection, SuiteRun};
use dbmatrix_run::{NoTests, ValidatedPlan, foresee_vacancy};
use globset::Glob;

use crate::app::Failure;

/// Rejects a plan in which nothing can run. `whole` is the plan with all shards of the
/// run.
pub(crate) fn refuse_vacancy(
    plan: &Plan,
    whole: &Plan,
    prepared: &ValidatedPlan,
    no_tests: NoTests,
) -> Result<(), Failure> {
    match (foresee_vacancy(plan, whole, prepared), no_tests) {
        (None, _) | (_, NoTests::Pass) => Ok(()),
        (Some(why), NoTests::Fail) => Err(Failure::misused(why)),
        (Some(why), NoTests::Warn) => {
            eprintln!("warning: {why}");
            Ok(())
        }
    }
}

/// Warns of suites and flavours that were selected by name but never run together.
pub(crate) fn warn_of_vain_choices(selection: &Selection, plan: &Plan) {
    let met = |pattern: &str, name_of: fn(&SuiteRun) -> &str| {
        let glob = Glob::new(pattern).map(|glob| glob.compile_matcher());
        glob.is_ok_and(|glob| {
            plan.suite_runs
                .iter()
                .any(|cell| glob.is_match(name_of(cell)))
        })
    };
    for pattern in &selection.suites {
        if !met(pattern, |cell| &cell.suite.name) {
            eprintln!("warning: suite `{pattern}` runs on none of the chosen flavours");
        }
    }
    for pattern in &selection.flavours {
        if !met(pattern, |cell| &cell.flavour) {
            eprintln!("warning: none of the chosen suites runs on flavour `{pattern}`");
        }
    }
}
