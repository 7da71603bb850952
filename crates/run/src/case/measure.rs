//! Repeats a step for its time, in turn with other flavours.

use std::time::Instant;

use dbmatrix_sql::session::Connect;
use dbmatrix_sql::suite::Step;

use super::Runner;
use crate::measure::Turn;
use crate::sessions::Reply;

impl<S: Connect> Runner<'_, S> {
    /// Whether this statement's time is to be measured.
    pub(super) fn is_due(&self, ordinal: usize) -> bool {
        let meter = self.meter.as_ref();
        meter.is_some_and(|meter| meter.is_due(ordinal))
    }

    /// Runs a step whenever it is the flavour's turn. `false` if nothing more is measured.
    /// An error says why the case cannot continue.
    pub(super) async fn measure(&mut self, ordinal: usize, step: &Step) -> Result<bool, String> {
        self.judge_waiting();
        if let Some(meter) = &mut self.meter {
            meter.arrive(ordinal);
        }
        loop {
            let turn = match &mut self.meter {
                Some(meter) => meter.next_turn().await,
                None => None,
            };
            match turn {
                Some(Turn::Run) => {}
                Some(Turn::Over) => return Ok(true),
                None => return Ok(false),
            }
            let begun = Instant::now();
            let reply = self.send(step, false).await?;
            let took = begun.elapsed();
            let has_succeeded = match &reply {
                Reply::Outcome(outcome, _) => outcome.refusal().is_none(),
                Reply::Failed(_) => false,
            };
            // What frees the answer is none of the server's time.
            drop(reply);
            if let Some(meter) = &self.meter {
                meter.tell(has_succeeded.then_some(took));
            }
        }
    }
}
