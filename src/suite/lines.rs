//! A file of steps, line by line: one of any size needs little memory.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::error::SuiteError;

/// Bytes that are read at a time.
const BUFFER: usize = 64 * 1024;

/// Lines of a file, each with its end.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    read: usize,
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
            path: path.to_owned(),
            file: BufReader::with_capacity(BUFFER, file),
            line: Vec::new(),
            read: 0,
        })
    }

    /// The next line as text; `None` at the end.
    ///
    /// # Errors
    /// [`SuiteError`] where it cannot be read or is no UTF-8.
    pub(super) fn next(&mut self) -> Result<Option<&str>, SuiteError> {
        if self.next_bytes()?.is_none() {
            return Ok(None);
        }
        match std::str::from_utf8(&self.line) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(self.at(
                self.read,
                "expected UTF-8 text; found other bytes".to_owned(),
            )),
        }
    }

    /// The next line as bytes; `None` at the end.
    ///
    /// # Errors
    /// [`SuiteError::Read`].
    pub(super) fn next_bytes(&mut self) -> Result<Option<&[u8]>, SuiteError> {
        self.line.clear();
        let count = self.file.read_until(b'\n', &mut self.line);
        let count = count.map_err(|source| SuiteError::Read {
            path: self.path.clone(),
            source,
        })?;
        if count == 0 {
            return Ok(None);
        }
        self.read += 1;
        Ok(Some(&self.line))
    }

    /// Number of lines read so far.
    pub(super) fn read(&self) -> usize {
        self.read
    }

    /// What is wrong at a line.
    pub(super) fn at(&self, line: usize, message: String) -> SuiteError {
        SuiteError::At {
            path: self.path.clone(),
            line,
            message,
        }
    }
}
