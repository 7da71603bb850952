//! Faults of replicas before a step.

use dbmatrix_sql::session::Connect;
use dbmatrix_sql::suite::{FaultVerb, Step};

use super::Runner;

impl<S: Connect> Runner<'_, S> {
    /// Pauses, stops, cuts off or starts replicas as a step asks. A flavour without replicas has
    /// nothing to pause.
    pub(super) async fn inject_faults(&mut self, step: &Step) -> Result<(), String> {
        let Some(replicas) = &self.case.replicas else {
            return Ok(());
        };
        for fault in &step.faults {
            if matches!(fault.verb, FaultVerb::Stop | FaultVerb::Disconnect) {
                self.sessions.forget_replica(fault.replica);
            }
            let done = replicas.inject(*fault).await;
            done.map_err(|reason| format!("line {}: could not {fault}: {reason}", step.line))?;
        }
        Ok(())
    }
}
