//! Compares outcomes with expectations, and with each other. Pure.
//!
//! Owns how values are written, how rows are sorted and hashed, what an expectation
//! accepts, and how two outcomes differ. Knows no file and no connection.

mod divergence;
mod error_pattern;
mod expected;
mod formatted;
mod kind;
mod normalized;
mod plan;
mod record;
mod rules;
mod times;

pub use divergence::{Agreement, CompareOptions, Grouping, difference, significant, split};
pub use error_pattern::{ErrorPattern, ErrorText};
pub use expected::{ExpectedRows, LineMode, Mismatch, check_error, check_rows};
pub use formatted::{FormattedRows, Letter, SortMode};
pub use kind::{Kind, Kinds};
pub use normalized::NormalizedResult;
pub use plan::Plan;
pub use record::{record_kind, record_lines, same_record};
pub use rules::{Replacement, Rules, Tolerance};
pub use times::{TimeFactor, TimeRatio, Times, times_as_slow};
