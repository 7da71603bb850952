//! Why a reference cannot be written or read.

use std::io;
use std::path::{Path, PathBuf};

use dbmatrix_report::visible;
use thiserror::Error;

use super::format::FORMAT;

/// Why a reference cannot be written or read.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct ReferenceError {
    path: PathBuf,
    #[source]
    problem: Problem,
}

/// What is the matter with a reference.
#[derive(Debug, Error)]
pub(super) enum Problem {
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("expected a reference, as `dbmatrix record` writes it; found another file")]
    OtherFile,
    /// A later version wrote it.
    #[error(
        "expected a reference of format {FORMAT} or older; found format {0}; use the dbmatrix that recorded it, or a newer one"
    )]
    NewerFormat(u64),
    /// Its end is missing.
    #[error("the reference is cut after line {0}; copy it again, or record it again")]
    Cut(usize),
    /// It does not hold what it should.
    #[error("line {line} of the reference is damaged: {why}; copy it again, or record it again")]
    Damaged {
        /// The line of what it holds, from 1.
        line: usize,
        /// A human-readable reason.
        why: String,
    },
    /// It holds answers to something else.
    #[error(
        "the reference holds answers to another input than `{given}`: to `{recorded}` as it was at {when}; leave the input out, or record it again"
    )]
    OtherInput {
        /// The file that was given.
        given: String,
        /// The one that was recorded.
        recorded: String,
        /// When it was recorded.
        when: String,
    },
    /// It holds a statement that was never recorded.
    #[error(
        "the reference is damaged: the statement of line {0} is none that its `--writes` lets run; record it again"
    )]
    NotRecorded(usize),
    /// The input was a pipe.
    #[error(
        "nothing says whether the reference holds answers to `{0}`, since it was recorded from a pipe; leave the input out"
    )]
    UnknownInput(String),
    /// A live flavour has the name of a recorded one.
    #[error(
        "`{0}` is a flavour of the reference and of the matrix; leave that of the matrix out by `--flavour`, or rename it"
    )]
    SameName(String),
    /// A file includes others.
    #[error(
        "a reference holds the text of one file, and `{file}` includes others in line {line}; put them into one"
    )]
    Includes {
        /// The recorded file.
        file: String,
        /// Where it includes another one.
        line: usize,
    },
    /// A statement is too long.
    #[error(
        "the statement in line {0} is too long to be recorded; leave it out by `--skip` or by its digest"
    )]
    TooLong(usize),
    /// No flavour has answered to the end.
    #[error("nothing is recorded, and the file is as it was: {0}")]
    Incomplete(String),
}

impl Problem {
    /// The error about this file.
    pub(super) fn of(self, path: &Path) -> ReferenceError {
        ReferenceError {
            path: path.to_owned(),
            problem: self,
        }
    }

    pub(super) fn damaged(line: usize, why: impl ToString) -> Self {
        Problem::Damaged {
            line,
            why: visible(&why.to_string()),
        }
    }
}
