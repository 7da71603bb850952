//! Why a cache was not saved or restored.

use std::io;

use dbmatrix_engine::EngineError;
use thiserror::Error;

use super::file::SCHEMA;
use crate::nest::NestError;

/// Why a cache is rejected, or was not saved or restored.
#[derive(Debug, Error)]
pub enum CacheError {
    /// It is no cache.
    #[error("it is nothing that `dbmatrix cache save` wrote")]
    Foreign,
    /// Another version wrote it.
    #[error(
        "its layout has version {found}, and this dbmatrix reads {SCHEMA}; save it anew with this dbmatrix"
    )]
    Schema {
        /// Its version.
        found: String,
    },
    /// A part is missing, or was changed.
    #[error("it is truncated or changed; fetch it once more, or save it anew")]
    Broken,
    /// It is for other machines.
    #[error(
        "its programs are for `{found}`, and this machine is `{machine}`; save one on such a machine"
    )]
    Architecture {
        /// Its architecture.
        found: String,
        /// This machine's.
        machine: &'static str,
    },
    /// The matrix needs other servers.
    #[error(
        "it is of another matrix, or of an earlier state of this one (its key is `{found}`, this matrix has `{wanted}`); `dbmatrix up` and `dbmatrix cache save` make a new one"
    )]
    Stale {
        /// Its key.
        found: String,
        /// The matrix's.
        wanted: String,
    },
    /// The nest has servers under the same keys that are not out of this file.
    #[error(
        "nest `{nest}` has some of its servers already, which were made otherwise; `dbmatrix down` removes the nest, then the same command works"
    )]
    Mixed {
        /// The nest.
        nest: String,
    },
    /// The nest's map of user ids is too small.
    #[error(
        "its servers need {wanted} user ids in nest `{nest}`, which has {found}; see subuid(5), or save a cache on this machine"
    )]
    Ids {
        /// The nest.
        nest: String,
        /// What its servers need.
        wanted: u64,
        /// What the nest has.
        found: u64,
    },
    /// A program in the nest failed.
    #[error("could not {step} in nest `{nest}`:\n{output}")]
    Step {
        /// The attempted operation.
        step: String,
        /// The nest.
        nest: String,
        /// The end of its output.
        output: String,
    },
    /// The file.
    #[error("could not {step} the file: {source}")]
    File {
        /// The attempted operation.
        step: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A nest or a child.
    #[error(transparent)]
    Nest(#[from] NestError),
    /// A request to an engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl CacheError {
    /// For errors of the file while `step` was attempted.
    pub(super) fn file(step: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| CacheError::File { step, source }
    }

    /// Whether the file itself is at fault, or the machine or nest that it is meant for.
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            CacheError::Nest(_) | CacheError::Engine(_) | CacheError::Step { .. }
        )
    }
}
