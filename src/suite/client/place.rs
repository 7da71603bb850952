//! Where the lexer stands in a file.

use std::sync::Arc;

/// Where the lexer stands in a file. Files that are read in the midst of it
/// have a place of their own.
#[derive(Debug, Clone, Default)]
pub(in crate::suite) struct Place {
    /// The line, without its end.
    pub(super) line: Arc<[u8]>,
    /// Lines so far.
    pub(super) number: usize,
    pub(super) at: usize,
    pub(super) stage: Stage,
    /// The quote that has begun a string.
    pub(super) quote: Option<u8>,
    /// `$tag$` of a string that begins with it.
    pub(super) dollar: Vec<u8>,
    pub(super) in_comment: bool,
    /// Of this line only.
    pub(super) code: Code,
    /// Whether a comment has just ended.
    pub(super) needs_blank: bool,
    /// Where the buffer's part of this line begins that no comment or command
    /// has closed.
    pub(super) open: usize,
    /// Behind the last character of several bytes.
    pub(super) wide_end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// A line was fed.
    Begin,
    Within,
    /// Another line is needed.
    #[default]
    Completed,
}

/// A comment whose content counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Code {
    #[default]
    None,
    /// `/*! … */`
    Conditional,
    /// `/*+ … */`
    Hint,
}
