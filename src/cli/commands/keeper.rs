//! `dbmatrix keeper`, which only a run starts.

use crate::app::{Failure, Globals};
use crate::event::Verdict;
use crate::run::Handover;

/// Does the work that a run has handed over.
pub(crate) async fn keeper(global: &Globals) -> Result<Verdict, Failure> {
    let (handover, lock) = Handover::receive().map_err(Failure::misused)?;
    let kept = handover
        .keep(&global.engine.clone(), &global.project, lock)
        .await;
    kept.map_err(Failure::not_provided)?;
    Ok(Verdict::Passed)
}
