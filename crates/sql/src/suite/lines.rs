//! Reads a file of steps line by line, so that a file of any size needs little memory.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::error::SuiteError;

/// Bytes that are read at a time.
const BUFFER: usize = 64 * 1024;

/// Lines of a file, each with its end.
#[derive(Debug)]
pub(super) struct Lines {
    path: Arc<Path>,
    file: BufReader<File>,
    line: Vec<u8>,
    read: usize,
    /// Bytes read so far.
    offset: u64,
    /// Whether to skip the rest.
    skips: bool,
}

/// A position between two lines, to which a reader can return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineMark {
    read: usize,
    pub(super) offset: u64,
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// [`SuiteError::Read`].
    pub(super) fn open(path: &Path) -> Result<Self, SuiteError> {
        let file = File::open(path).map_err(|source| SuiteError::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Lines {
            path: path.into(),
            file: BufReader::with_capacity(BUFFER, file),
            line: Vec::new(),
            read: 0,
            offset: 0,
            skips: false,
        })
    }

    /// Reads the next line as bytes; `None` at the end.
    ///
    /// # Errors
    /// [`SuiteError::Read`].
    pub(super) fn next_bytes(&mut self) -> Result<Option<&[u8]>, SuiteError> {
        self.line.clear();
        if self.skips {
            return Ok(None);
        }
        let count = self.file.read_until(b'\n', &mut self.line);
        let count = count.map_err(|source| SuiteError::Read {
            path: self.path.to_path_buf(),
            source,
        })?;
        if count == 0 {
            return Ok(None);
        }
        self.read += 1;
        self.offset += count as u64;
        Ok(Some(&self.line))
    }

    /// The position after the last line.
    pub(super) fn mark(&self) -> LineMark {
        LineMark {
            read: self.read,
            offset: self.offset,
        }
    }

    /// Returns to a position.
    ///
    /// # Errors
    /// [`SuiteError::Read`].
    pub(super) fn go_to(&mut self, mark: LineMark) -> Result<(), SuiteError> {
        let moved = self.file.seek(SeekFrom::Start(mark.offset));
        moved.map_err(|source| SuiteError::Read {
            path: self.path.to_path_buf(),
            source,
        })?;
        self.read = mark.read;
        self.offset = mark.offset;
        self.skips = false;
        Ok(())
    }

    /// Skips the rest of the file.
    pub(super) fn skip_all(&mut self) {
        self.skips = true;
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, shared.
    pub(super) fn shared_path(&self) -> Arc<Path> {
        Arc::clone(&self.path)
    }

    /// Number of lines read so far.
    pub(super) fn read(&self) -> usize {
        self.read
    }

    /// An error at a line.
    pub(super) fn at(&self, line: usize, message: String) -> SuiteError {
        SuiteError::At {
            path: self.path.to_path_buf(),
            line,
            message,
        }
    }
}
