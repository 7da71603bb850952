//! `dbmatrix keeper`, which only a run starts.

use dbmatrix_report::event::Verdict;
use dbmatrix_run::Handover;

use crate::app::{Failure, Globals};

/// Does the work that a run has handed over.
pub(crate) async fn keeper(global: &Globals) -> Result<Verdict, Failure> {
    let (handover, lock) = Handover::receive().map_err(Failure::misused)?;
    let kept = handover
        .keep(&global.engine.clone(), &global.project, lock)
        .await;
    kept.map_err(Failure::not_provided)?;
    Ok(Verdict::Passed)
}
