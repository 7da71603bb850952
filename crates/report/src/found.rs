//! What a run found, for programs that go on with it.

use super::divergence::one;
use super::record::RunRecord;
use super::text::Colour;
use crate::event::{CaseResult, Divergence, Verdict};

impl RunRecord {
    /// Why a flavour was not available, if it was not.
    pub fn why_unavailable(&self, flavour: &str) -> Option<&str> {
        let found = self.unavailable.get(flavour)?;
        Some(&found.reason)
    }

    /// How the first case ended on a flavour.
    pub fn first_result(&self, flavour: &str) -> Option<&CaseResult> {
        let mut cases = self.cases.iter();
        let case = cases.find(|case| case.flavour == flavour)?;
        Some(&case.result)
    }

    /// The differences that were reported one by one, by file and line.
    pub fn divergences(&self) -> &[Divergence] {
        &self.divergences
    }

    /// Why the run could not start or continue.
    pub fn why_aborted(&self) -> Option<(Verdict, &str)> {
        let (verdict, reason) = self.aborted.as_ref()?;
        Some((*verdict, reason))
    }
}

/// A difference as the summary of a run shows it; `title` stands for its file.
pub fn show_divergence(found: &Divergence, title: &str, colour: Colour) -> String {
    one(found, &RunRecord::default(), title, colour)
}
