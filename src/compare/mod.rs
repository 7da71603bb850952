//! Outcomes against expectations. Pure.
//!
//! Owns how a value is written, how rows are sorted and hashed, and what an
//! expectation accepts. Knows no file and no connection.

mod expected;
mod kind;
mod record;
mod written;

pub use expected::{ErrorPattern, ExpectedRows, LineMode, Mismatch, check_error, check_rows};
pub use kind::Kind;
pub use record::{record_lines, same_record};
pub use written::{Letter, SortMode, Written, written};
