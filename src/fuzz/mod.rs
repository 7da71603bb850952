//! Entry points of `cargo bench --bench fuzz`: one for each parser of outside input.
//!
//! Each accepts any bytes and returns errors beyond a panic: a line that is not in the
//! file, or text that does not read back as it was written. Not a public interface.

mod files;
mod logs;
mod machine;

pub use files::{
    conditions, divergences, events, expectations, index, locks, matrix, remotes, slt, sql,
    statements, text_form, versions,
};
pub use logs::logs;
pub use machine::{engine, iptables, journal, listings, nft, sources};

/// What a parser of outside input guarantees for any input.
pub type Promise = Result<(), String>;

/// Fails with a message unless `holds`.
fn check(holds: bool, message: impl FnOnce() -> String) -> Promise {
    match holds {
        true => Ok(()),
        false => Err(message()),
    }
}

/// The text of an input as a file's reader sees it; invalid UTF-8 is rejected before.
fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}

/// The number of lines of a file, counted generously.
fn count_lines(input: &[u8]) -> usize {
    1 + input.iter().filter(|byte| **byte == b'\n').count()
}
