//! One flavour's input to a comparison.

use super::{Comparison, Delivered, StepFacts, StepOutcome};
use crate::spill::SpillQueue;

/// One flavour's input to a comparison. Dropping it ends the input.
#[derive(Debug)]
pub(crate) struct Sink {
    comparison: Comparison,
    member: usize,
    /// Buffered until it is known whether this try is the last.
    held_back: Option<SpillQueue<Delivered>>,
}

impl Sink {
    pub(super) fn new(comparison: Comparison, member: usize) -> Self {
        Sink {
            comparison,
            member,
            held_back: None,
        }
    }

    /// Buffers what follows until [`Sink::release`]. Steps buffered before belong to an
    /// earlier try and are discarded.
    pub(crate) fn buffer(&mut self) {
        let spill = self.comparison.lock().spill.clone();
        self.held_back = Some(SpillQueue::new(&spill));
    }

    /// Passes on what follows; discards the buffered steps.
    pub(crate) fn forget(&mut self) {
        self.held_back = None;
    }

    pub(crate) fn release(&mut self) {
        let Some(mut kept) = self.held_back.take() else {
            return;
        };
        let mut state = self.comparison.lock();
        loop {
            match kept.pop() {
                Ok(Some(item)) => state.add_step(self.member, item),
                Ok(None) => return,
                Err(error) => return state.fail(&error),
            }
        }
    }

    /// Delivers the next step of the file with its result; no result if it was skipped or
    /// not answered.
    pub(crate) fn deliver_step(&mut self, step: StepFacts, came: Option<StepOutcome>) {
        let item = Delivered { step, came };
        match &mut self.held_back {
            Some(kept) => {
                if let Err(error) = kept.push(item) {
                    self.comparison.lock().fail(&error);
                }
            }
            None => self.comparison.lock().add_step(self.member, item),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.release();
        self.comparison.lock().end_member(self.member);
    }
}
