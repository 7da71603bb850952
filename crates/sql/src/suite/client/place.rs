//! The lexer's position in a file.

use std::sync::Arc;

/// The lexer's position in a file. Included files have separate positions.
#[derive(Debug, Clone, Default)]
pub(in crate::suite) struct Place {
    /// The line, without its end.
    pub(super) line: Arc<[u8]>,
    /// Lines so far.
    pub(super) number: usize,
    pub(super) at: usize,
    pub(super) stage: Stage,
    /// The quote that began the current string.
    pub(super) quote: Option<u8>,
    /// `$tag$` of a string that begins with it.
    pub(super) dollar: Vec<u8>,
    pub(super) in_comment: bool,
    /// On this line only.
    pub(super) code: Code,
    /// Whether a comment has just ended.
    pub(super) needs_blank: bool,
    /// Start of the buffer's part of this line that no comment or command has closed.
    pub(super) open: usize,
    /// End of the last character of several bytes.
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

/// A comment whose content is significant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Code {
    #[default]
    None,
    /// `/*! … */`
    Conditional,
    /// `/*+ … */`
    Hint,
}
