//! Reads the lines of a reference, however long they claim to be.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::error::Problem;
use super::format::{AnyHeader, FORMAT, LONGEST_LINE, Line, MAGIC};

/// Reads lines of a reference.
pub(super) struct LineReader {
    from: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    /// Lines that were read.
    pub(super) number: usize,
}

impl fmt::Debug for LineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("LineReader");
        shown.field("number", &self.number).finish_non_exhaustive()
    }
}

impl LineReader {
    /// Opens a file that is a reference of a known format.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let mut file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
        }
        let mut first = Vec::new();
        (&mut file)
            .take(MAGIC.len() as u64)
            .read_to_end(&mut first)?;
        if first != MAGIC {
            return Err(Problem::OtherFile);
        }
        let whole = io::Cursor::new(first).chain(file);
        let plain = zstd::stream::read::Decoder::new(whole)?;
        Ok(LineReader {
            from: BufReader::with_capacity(64 << 10, Box::new(plain)),
            line: Vec::new(),
            number: 0,
        })
    }

    /// The next line.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Problem> {
        let read = read_line(&mut self.from, &mut self.line);
        match read {
            Ok(true) => self.number += 1,
            Ok(false) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(match self.number {
                    0 => Problem::OtherFile,
                    number => Problem::Cut(number),
                });
            }
            // Another file in zstd has other lines.
            Err(_) if self.number == 0 => return Err(Problem::OtherFile),
            Err(error) => return Err(Problem::damaged(self.number + 1, error)),
        }
        if self.number == 1 {
            let any: AnyHeader =
                serde_json::from_slice(&self.line).map_err(|_| Problem::OtherFile)?;
            if any.reference.format > FORMAT {
                return Err(Problem::NewerFormat(any.reference.format));
            }
        }
        let line = serde_json::from_slice(&self.line);
        // A long line must not stay in memory.
        if self.line.capacity() > LONGEST_LINE / 64 {
            self.line = Vec::new();
        }
        line.map(Some).map_err(|error| {
            // Each is a text of one line for the parser.
            let why = error.to_string().replace(" at line 1 column", " at column");
            Problem::damaged(self.number, why)
        })
    }

    /// Adds the line to a problem that has none.
    pub(super) fn placed(&self, problem: Problem) -> Problem {
        match problem {
            Problem::Damaged { line: 0, why } => Problem::damaged(self.number, why),
            other => other,
        }
    }
}

/// Reads a line without its end into `line`; false at the end of the file.
///
/// # Errors
/// If it cannot be read, or is longer than it may be.
pub(super) fn read_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    loop {
        let bytes = from.fill_buf()?;
        if bytes.is_empty() {
            return match line.is_empty() {
                true => Ok(false),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        let end = memchr::memchr(b'\n', bytes);
        let taken = end.unwrap_or(bytes.len());
        if line.len() + taken > LONGEST_LINE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it is longer than {} MiB", LONGEST_LINE >> 20),
            ));
        }
        line.extend_from_slice(&bytes[..taken]);
        from.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(true);
        }
    }
}
