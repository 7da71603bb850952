//! What commands share: providing a matrix's nest and flavours, finding flavours and
//! logging in to them, requesting root, and messages to the user.
//!
//! Knows no command line: callers pass the user's choices.

/// Like the standard library's macro, but a line that cannot be written does not panic.
macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), $($text)*);
    }};
}
pub(crate) use eprintln;

pub(crate) mod ad_hoc;
pub(crate) mod bisect;
pub(crate) mod connect_flavour;
pub(crate) mod consent;
pub(crate) mod deprecated;
pub(crate) mod for_each_flavour;
pub(crate) mod keeper;
pub(crate) mod matrix_file;
pub(crate) mod matrix_flavours;
mod output;
pub(crate) mod prepare;
pub(crate) mod privilege;
pub(crate) mod remotes;
pub(crate) mod sampling;
pub(crate) mod signal;
pub(crate) mod sources;
pub(crate) mod task;
pub(crate) mod told;
pub(crate) mod transfer;
pub(crate) mod vacancy;

pub(crate) use for_each_flavour::FlavourChoice;
pub(crate) use output::{Unwritten, output_error, say, write_out};

use dbmatrix_containers::host::EngineChoice;
use dbmatrix_report::event::Verdict;

/// The default engine project, which holds everything.
pub(crate) const USUAL_PROJECT: &str = "dbmatrix";

/// The options of all commands: where dbmatrix keeps its data, and its verbosity.
#[derive(Debug, Clone)]
pub(crate) struct Globals {
    /// The chosen engine.
    pub(crate) engine: EngineChoice,
    /// The engine project that holds everything.
    pub(crate) project: String,
    /// How often `-v` was given.
    pub(crate) verbose: u8,
}

/// An error with its exit status.
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

    /// A request that cannot be fulfilled although everything is available.
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
