//! Rows of texts with separators: CSV, and what the servers and their client write.
//!
//! Servers escape with backslashes (`SELECT … INTO OUTFILE`, the files of the `CSV`
//! engine, `mysql --batch`), other programs double quotes (RFC 4180). No crate reads the
//! former: `csv` takes `\n` to be an `n`.

use memchr::memchr3;

use crate::entry::LeftOut;
use crate::error::Problem;
use crate::window::{Piece, Window};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) separator: u8,
    /// A backslash escapes, as servers write it.
    pub(crate) has_escapes: bool,
}

/// Fields of a row, with memory that the next row takes over.
#[derive(Debug, Default)]
pub(super) struct Fields {
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// Where in a row the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// After a quote within a quoted field: its end, or the first of two.
    Quote,
    Escape {
        is_quoted: bool,
    },
}

impl Fields {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A blank line.
    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty() && self.ends.len() <= 1
    }

    pub(super) fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)?;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        match &self.text[start..end] {
            b"NULL" => Some(b""),
            text => Some(text),
        }
    }

    fn all(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    /// Reads the row that begins at the window's start; false at the end of the file.
    pub(super) fn read(
        &mut self,
        window: &mut Window,
        next: &mut usize,
        dialect: Dialect,
        left_out: &mut LeftOut,
    ) -> Result<bool, Problem> {
        self.text.clear();
        self.ends.clear();
        let mut state = State::FieldStart;
        loop {
            let line = match window.line(*next)? {
                Piece::Line(line) => line,
                Piece::End if *next == 0 => return Ok(false),
                Piece::End => {
                    // Within quotes: the file was cut.
                    left_out.cut += 1;
                    self.clear();
                    return Ok(true);
                }
                Piece::TooLong => {
                    left_out.too_long += 1;
                    window.skip_line()?;
                    *next = 0;
                    self.clear();
                    return Ok(true);
                }
            };
            *next = line.next;
            let end = if line.is_whole { line.next } else { line.to };
            state = self.feed(window.slice(line.from, end), state, dialect);
            let is_open = matches!(state, State::Quoted | State::Escape { .. });
            if !is_open {
                if !line.is_whole {
                    self.end_field();
                }
                return Ok(true);
            }
        }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn end_field(&mut self) {
        self.ends.push(self.text.len());
    }

    /// Takes a line with its line break.
    fn feed(&mut self, mut line: &[u8], mut state: State, dialect: Dialect) -> State {
        while let Some((&byte, rest)) = line.split_first() {
            line = rest;
            state = match (state, byte) {
                (State::FieldStart, b'"') => State::Quoted,
                (State::FieldStart | State::Plain | State::Quote, b'\n') => {
                    let start = self.ends.last().copied().unwrap_or(0);
                    if self.text.len() > start && self.text.last() == Some(&b'\r') {
                        self.text.pop();
                    }
                    self.end_field();
                    State::FieldStart
                }
                (State::FieldStart | State::Plain | State::Quote, byte)
                    if byte == dialect.separator =>
                {
                    self.end_field();
                    State::FieldStart
                }
                (State::Quote, b'"') => {
                    self.text.push(b'"');
                    State::Quoted
                }
                (State::FieldStart | State::Plain, b'\\') if dialect.has_escapes => {
                    State::Escape { is_quoted: false }
                }
                (State::Quoted, b'\\') if dialect.has_escapes => State::Escape { is_quoted: true },
                (State::Quoted, b'"') => State::Quote,
                (State::Quoted, byte) => {
                    self.text.push(byte);
                    let plain = memchr3(b'"', b'\\', b'\n', line).unwrap_or(line.len());
                    self.text.extend_from_slice(&line[..plain]);
                    line = &line[plain..];
                    State::Quoted
                }
                (State::Escape { is_quoted }, byte) => {
                    self.unescape(byte);
                    match is_quoted {
                        true => State::Quoted,
                        false => State::Plain,
                    }
                }
                (State::FieldStart | State::Plain | State::Quote, byte) => {
                    self.text.push(byte);
                    State::Plain
                }
            };
        }
        state
    }

    fn unescape(&mut self, byte: u8) {
        self.text.push(match byte {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'0' => 0,
            b'Z' => 26,
            b'b' => 8,
            // `\N` stands for NULL, of which nothing is left.
            b'N' => return,
            other => other,
        });
    }
}

/// The fields of the first row of a text; none where it is incomplete.
pub(crate) fn fields_of(text: &[u8], dialect: Dialect) -> Vec<Vec<u8>> {
    let mut fields = Fields::default();
    let mut state = State::FieldStart;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        state = fields.feed(line, state, dialect);
        if !matches!(state, State::Quoted | State::Escape { .. }) {
            if !line.ends_with(b"\n") {
                fields.end_field();
            }
            return fields.all().map(<[u8]>::to_vec).collect();
        }
    }
    Vec::new()
}
