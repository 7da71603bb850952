//! Outcomes against expectations, and against each other. Pure.
//!
//! Owns how a value is written, how rows are sorted and hashed, what an
//! expectation accepts, and in what two outcomes differ. Knows no file and no
//! connection.

mod answer;
mod divergence;
mod error_pattern;
mod expected;
mod kind;
mod record;
mod rules;
mod written;

pub use answer::Answer;
pub use divergence::{Agreement, Lens, Split, difference, split};
pub use error_pattern::{ErrorPattern, ErrorText};
pub use expected::{ExpectedRows, LineMode, Mismatch, check_error, check_rows};
pub use kind::{Kind, Kinds};
pub use record::{record_kind, record_lines, same_record};
pub use rules::{Replacement, Rules, Tolerance};
pub use written::{Letter, SortMode, Written};
