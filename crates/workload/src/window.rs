//! A file, seen through a window that slides over it: lines and longer pieces in
//! memory that does not grow with the file.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter};

use crate::LONGEST_STATEMENT;
use crate::entry::LeftOut;

/// Bytes read at once.
const CHUNK: usize = 1 << 20;

/// Bytes that may be held: the longest statement, and what surrounds it.
const MOST: usize = LONGEST_STATEMENT + CHUNK;

/// The part of a file that was read and not released. Places in it count from its
/// beginning.
pub(crate) struct Window {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    is_at_end: bool,
    /// Lines that were released.
    lines: u64,
}

/// A line, as places in the window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) from: usize,
    /// Its end without the line break, `\r` included.
    pub(crate) to: usize,
    /// Where the next one begins.
    pub(crate) next: usize,
    /// A line break ends it, not the end of the file.
    pub(crate) is_whole: bool,
}

/// What there is at a place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece {
    Line(Line),
    /// More than the window holds.
    TooLong,
    End,
}

impl Window {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        Window {
            reader,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            is_at_end: false,
            lines: 0,
        }
    }

    /// What is loaded.
    pub(crate) fn loaded(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn slice(&self, from: usize, to: usize) -> &[u8] {
        &self.loaded()[from..to]
    }

    /// The number of the line at a place, from 1.
    pub(crate) fn line_number(&self, at: usize) -> u64 {
        self.lines + 1 + count_lines(self.slice(0, at))
    }

    /// Lets go of everything before a place.
    pub(crate) fn release(&mut self, to: usize) {
        self.lines += count_lines(self.slice(0, to));
        self.start += to;
    }

    /// Reads on; false at the end of the file, or where the window is full.
    pub(crate) fn load(&mut self) -> io::Result<bool> {
        if self.is_at_end || self.is_full() {
            return Ok(false);
        }
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.buffer.len() - self.end < CHUNK / 2 {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        let read = loop {
            let end = self.buffer.len().min(self.end + CHUNK);
            match self.reader.read(&mut self.buffer[self.end..end]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.end += read;
        self.is_at_end = read == 0;
        Ok(read > 0)
    }

    /// Loads a number of bytes, or all that there are.
    pub(crate) fn load_at_least(&mut self, bytes: usize) -> io::Result<()> {
        while self.loaded().len() < bytes && self.load()? {}
        Ok(())
    }

    /// No more can be held.
    pub(crate) fn is_full(&self) -> bool {
        self.end - self.start > MOST
    }

    /// The line that begins at a place.
    pub(crate) fn line(&mut self, from: usize) -> io::Result<Piece> {
        let mut searched = from;
        loop {
            if let Some(found) = memchr(b'\n', &self.loaded()[searched..]) {
                let to = searched + found;
                return Ok(Piece::Line(Line {
                    from,
                    to,
                    next: to + 1,
                    is_whole: true,
                }));
            }
            searched = self.end - self.start;
            if self.load()? {
                continue;
            }
            return Ok(if self.is_full() {
                Piece::TooLong
            } else if searched == from {
                Piece::End
            } else {
                Piece::Line(Line {
                    from,
                    to: searched,
                    next: searched,
                    is_whole: false,
                })
            });
        }
    }

    /// The text of a line, without `\r`.
    pub(crate) fn text(&self, line: Line) -> &[u8] {
        let text = self.slice(line.from, line.to);
        text.strip_suffix(b"\r").unwrap_or(text)
    }

    /// The first line that is not longer than the window; `None` at the end. Those before
    /// are counted and released.
    pub(crate) fn first_line(&mut self, left_out: &mut LeftOut) -> io::Result<Option<Line>> {
        loop {
            match self.line(0)? {
                Piece::Line(line) => return Ok(Some(line)),
                Piece::End => return Ok(None),
                Piece::TooLong => {
                    left_out.too_long += 1;
                    self.skip_line()?;
                }
            }
        }
    }

    /// Releases a line that is longer than the window.
    pub(crate) fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let loaded = self.loaded();
            if let Some(found) = memchr(b'\n', loaded) {
                self.release(found + 1);
                return Ok(());
            }
            self.release(loaded.len());
            if !self.load()? {
                return Ok(());
            }
        }
    }
}

/// What is loaded comes first.
impl Read for Window {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.loaded().is_empty() {
            self.load()?;
        }
        let loaded = self.loaded();
        let length = loaded.len().min(target.len());
        target[..length].copy_from_slice(&loaded[..length]);
        self.start += length;
        Ok(length)
    }
}

fn count_lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}
