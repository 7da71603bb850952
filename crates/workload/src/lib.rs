//! What an application sends to its servers, read from their logs: each statement with
//! its place, its time and who sent it, and samples of them by digest.
//!
//! Formats are recognised by content and read as a stream, in memory that does not grow
//! with the log. Knows no server, no matrix and no suite.

mod binlog;
mod capture;
mod entry;
mod error;
mod format;
mod general;
mod input;
mod log;
mod quotes;
mod rows;
mod sample;
mod slow;
mod source;
mod statements;
mod timestamp;
mod window;

pub use entry::{Command, Entry, LeftOut, Moment, Summary, Warning};
pub use error::{LogError, Place};
pub use format::Format;
pub use input::{Input, in_time_order};
pub use log::Log;
pub use sample::{
    DigestStats, Pattern, Progress, Rare, Sample, SampleOptions, SampledStatement, Sampler, sample,
};
pub use timestamp::Timestamp;

/// Bytes of the longest statement that is read; longer ones are counted as left out.
/// Servers take no longer ones by default (`max_allowed_packet`).
pub const LONGEST_STATEMENT: usize = 64 << 20;
