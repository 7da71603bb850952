//! What a comparison is about: its file, its flavours, and steps with their outcomes.

use std::path::PathBuf;
use std::sync::Arc;

use dbmatrix_sql::compare::{Kind, Kinds, NormalizedResult, Rules};
use dbmatrix_sql::suite::{Facts, KnownDivergences};
use serde::{Deserialize, Serialize};

use super::Listed;
use crate::reference::{Recording, Reference};
use crate::spill::{MemorySize, SpillBuffer, SpillQueue};

/// What all flavours of a file's comparison share.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) suite: String,
    pub(crate) file: PathBuf,
    /// The place of the file in its suite.
    pub(crate) place: usize,
    pub(crate) rules: Rules,
    pub(crate) known: Arc<KnownDivergences>,
    /// The flavour to which the others are compared.
    pub(crate) baseline: Option<String>,
    /// Whether new differences are proposed as known ones.
    pub(crate) propose: bool,
    /// Which insignificant differences are reported one by one.
    pub(crate) listed: Listed,
    /// Whether times are measured before the steps are compared.
    pub(crate) measures: bool,
    /// Where the answers are written, if they are recorded and not compared.
    pub(crate) recording: Option<Recording>,
    /// The recorded answers with which those of the flavours are compared.
    pub(crate) reference: Option<Arc<Reference>>,
}

#[cfg(test)]
impl About {
    /// A comparison by the usual rules, with nothing known.
    pub(crate) fn usual(suite: &str, file: PathBuf) -> Self {
        About {
            suite: suite.to_owned(),
            file,
            place: 0,
            rules: Rules::default(),
            known: Arc::default(),
            baseline: None,
            propose: false,
            listed: Listed::Some,
            measures: false,
            recording: None,
            reference: None,
        }
    }
}

/// The properties of a step that are the same on all flavours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StepFacts {
    pub(crate) line: usize,
    pub(crate) statement: String,
    /// Its position among the steps with this statement, from 1.
    pub(crate) nth: usize,
    /// Whether the statement asks for an order.
    pub(crate) ordered: bool,
    /// Kinds that the file's expectation judges.
    pub(crate) settled: Kinds,
    /// The database that a log names for the statement.
    pub(crate) database: Option<String>,
    /// Whether it can be repeated to measure its time.
    pub(crate) is_repeatable: bool,
}

/// The result of a step on one flavour.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StepOutcome {
    pub(crate) answer: NormalizedResult,
    /// How it failed its expectation, if it did.
    pub(crate) failed: Option<Kind>,
    /// Indexes of the known entries that excuse this.
    pub(crate) excused: Vec<usize>,
}

/// A step that a flavour has reached.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Delivered {
    pub(super) step: StepFacts,
    /// `None` if it skipped the step.
    pub(super) came: Option<StepOutcome>,
}

impl MemorySize for Delivered {
    fn size(&self) -> usize {
        let answer = self.came.as_ref().map_or(0, |came| came.answer.size());
        size_of::<Delivered>() + self.step.statement.len() + answer
    }
}

/// A flavour of a comparison.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) facts: Option<Facts>,
    /// Number of steps delivered.
    pub(super) steps: usize,
    pub(super) ended: bool,
    /// Steps that some other flavours have not reached.
    pub(super) waiting: SpillQueue<Delivered>,
}

impl Member {
    /// A flavour that has not answered yet.
    pub(super) fn new(name: &str, spill: &SpillBuffer) -> Self {
        Member {
            name: name.to_owned(),
            facts: None,
            steps: 0,
            ended: false,
            waiting: SpillQueue::new(spill),
        }
    }
}
