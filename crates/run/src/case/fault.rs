//! Faults of replicas before a step.

use dbmatrix_sql::session::Connect;
use dbmatrix_sql::suite::{FaultVerb, Step};

use super::Runner;

impl<S: Connect> Runner<'_, S> {
    /// Pauses, stops, cuts off, starts or promotes replicas as a step asks. A flavour without
    /// replicas has nothing to pause. Returns whether what follows runs on another server.
    pub(super) async fn inject_faults(&mut self, step: &Step) -> Result<bool, String> {
        let Some(replicas) = &self.case.replicas else {
            return Ok(false);
        };
        let mut is_promoted = false;
        for fault in &step.faults {
            match fault.verb {
                FaultVerb::Stop | FaultVerb::Disconnect => {
                    self.sessions.forget_replica(fault.replica)
                }
                FaultVerb::Promote => self.sessions.close_all().await,
                FaultVerb::Pause | FaultVerb::Resume | FaultVerb::Start | FaultVerb::Reconnect => {}
            }
            let limit = self.case.suite.step_timeout;
            let mut done = replicas.inject(*fault, limit).await;
            if done.is_ok() && fault.verb == FaultVerb::Promote {
                is_promoted = true;
                let until = self.until();
                done = self.sessions.reopen(until).await;
            }
            done.map_err(|reason| format!("line {}: could not {fault}: {reason}", step.line))?;
        }
        Ok(is_promoted)
    }
}
