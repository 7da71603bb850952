//! What commands share: a matrix's nest and flavours provided, flavours found and
//! logged in to, root asked for, and what is said to people.
//!
//! Knows no command line: whoever calls says what was chosen.

/// Writes a line to standard error, as the one of the standard library; one that
/// cannot be written is no reason to panic.
macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), $($text)*);
    }};
}
pub(crate) use eprintln;

pub(crate) mod ad_hoc;
pub(crate) mod connect_flavour;
pub(crate) mod consent;
pub(crate) mod deprecated;
pub(crate) mod for_each_flavour;
pub(crate) mod keeper;
pub(crate) mod matrix_flavours;
mod output;
pub(crate) mod privilege;
pub(crate) mod remotes;
pub(crate) mod signal;
pub(crate) mod task;
pub(crate) mod transfer;
pub(crate) mod vacancy;

pub(crate) use for_each_flavour::FlavourChoice;
pub(crate) use output::{Unwritten, say, unsaid, write_out};

use crate::event::Verdict;
use crate::host::EngineChoice;

/// The engine project that holds everything, unless another one is named.
pub(crate) const USUAL_PROJECT: &str = "dbmatrix";

/// Where dbmatrix keeps its things, and how much it says.
#[derive(Debug, Clone)]
pub(crate) struct Globals {
    /// Which engine.
    pub(crate) engine: EngineChoice,
    /// The engine project that holds everything.
    pub(crate) project: String,
    /// How often `-v` was given.
    pub(crate) verbose: u8,
}

/// What went wrong, with the exit status that it has.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) verdict: Verdict,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn misused(error: impl std::fmt::Display) -> Self {
        Failure {
            verdict: Verdict::Misused,
            message: error.to_string(),
        }
    }

    /// It cannot be done, though all is there.
    pub(crate) fn impossible(error: impl std::fmt::Display) -> Self {
        Failure {
            verdict: Verdict::Failed,
            message: error.to_string(),
        }
    }

    pub(crate) fn not_provided(error: impl std::fmt::Display) -> Self {
        Failure {
            verdict: Verdict::NotProvided,
            message: error.to_string(),
        }
    }
}
