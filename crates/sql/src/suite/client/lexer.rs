//! The lexer: turns lines into statements and commands.
//!
//! It reads a line letter by letter, as the client does, and stops after each statement:
//! the effect of the statement on the server decides how the rest is read ([`Modes`]).

use std::sync::Arc;

use super::charset::Charset;
use super::command::{self, Command, Entry, Verb};
use super::comment::{before_command, find, is_code_comment, is_line_comment, is_space, leading};
use super::piece::{Modes, Piece, Statement};
use super::place::{Code, Place, Stage};
use crate::sql_text::Sql;

/// Splits lines into statements and commands.
#[derive(Debug, Clone)]
pub struct Lexer {
    modes: Modes,
    delimiter: Arc<[u8]>,
    charset: Charset,
    /// The statement so far.
    buffer: Vec<u8>,
    /// The line where `buffer` begins.
    begun: usize,
    /// Positions where the buffer got a blank after a comment that the text does not
    /// contain.
    padding: Vec<usize>,
    leading_comments: Vec<(usize, String)>,
    place: Place,
}

impl Default for Lexer {
    fn default() -> Self {
        Lexer {
            modes: Modes::default(),
            delimiter: b";"[..].into(),
            charset: Charset::default(),
            buffer: Vec::new(),
            begun: 1,
            padding: Vec::new(),
            leading_comments: Vec::new(),
            place: Place::default(),
        }
    }
}

impl Lexer {
    /// The modes for the following text.
    pub fn modes(&self) -> Modes {
        self.modes
    }

    /// Changes the modes for the following text.
    pub fn set_modes(&mut self, modes: Modes) {
        self.modes = modes;
    }

    /// The delimiter of statements.
    pub fn delimiter(&self) -> &[u8] {
        &self.delimiter
    }

    /// Has the effect of a `delimiter` command.
    pub fn set_delimiter(&mut self, word: &[u8]) {
        self.delimiter = word.into();
    }

    /// Whether no statement, string or comment is open.
    pub fn is_empty(&self) -> bool {
        let is_free = self.place.quote.is_none() && !self.place.in_comment;
        is_free && leading(&self.buffer).0 == self.buffer.len()
    }

    /// Discards the statement so far.
    pub fn clear(&mut self) {
        self.clear_buffer();
        self.leading_comments.clear();
        self.place = Place {
            number: self.place.number,
            ..Place::default()
        };
    }

    /// Takes the comment lines since the last statement.
    pub(in crate::suite) fn take_leading_comments(&mut self) -> Vec<(usize, String)> {
        std::mem::take(&mut self.leading_comments)
    }

    /// Begins another file in the middle of this one; returns the current place.
    pub(in crate::suite) fn enter(&mut self) -> Place {
        self.clear_buffer();
        std::mem::take(&mut self.place)
    }

    /// Continues the file that included the one that has ended.
    pub(in crate::suite) fn leave(&mut self, place: Place) {
        self.clear_buffer();
        self.place = place;
        self.place.open = 0;
    }

    /// Takes the next line, without its end. All pieces of the previous line must be
    /// taken first.
    pub fn feed(&mut self, line: &[u8]) {
        let place = &mut self.place;
        place.number += 1;
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if place.number == 1 => rest,
            _ => line,
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        place.line = line.into();
        place.at = 0;
        place.stage = Stage::Begin;
        place.code = Code::None;
        place.needs_blank = false;
        place.wide_end = 0;
        place.open = self.buffer.len();
    }

    /// The next piece of the line; `None` if another line is needed.
    pub fn next_piece(&mut self) -> Option<Piece> {
        let line = Arc::clone(&self.place.line);
        loop {
            match self.place.stage {
                Stage::Completed => return None,
                Stage::Begin if line.is_empty() && self.buffer.is_empty() => {
                    self.place.stage = Stage::Completed;
                }
                Stage::Begin => {
                    self.place.stage = Stage::Within;
                    if let Some((entry, from)) = self.command_line(&line) {
                        self.place.stage = Stage::Completed;
                        if let Some(piece) = self.obey(entry, &line[from..]) {
                            return Some(piece);
                        }
                        if self.buffer.is_empty() {
                            self.place.quote = None;
                        }
                    }
                }
                Stage::Within => match line.get(self.place.at..) {
                    Some(rest) if !rest.is_empty() => {
                        if let Some(piece) = self.take(&line, rest) {
                            return Some(piece);
                        }
                    }
                    _ => self.end_line(),
                },
            }
        }
    }

    /// The last statement, if it is not terminated.
    pub fn finish(&mut self) -> Option<Piece> {
        self.place.stage = Stage::Completed;
        self.place.quote = None;
        self.place.in_comment = false;
        let from = before_command(&self.buffer);
        let piece = match command::by_name(&self.buffer[from..], &self.delimiter) {
            Some(entry) => {
                let text = self.buffer.split_off(from);
                self.clear_buffer();
                self.obey(entry, text.trim_ascii_end())
            }
            None => self.statement(self.buffer.len(), false),
        };
        self.clear_buffer();
        piece
    }

    /// A command at the start of a line, and its position. The statement so far may
    /// contain only comments.
    fn command_line(&mut self, line: &[u8]) -> Option<(Entry, usize)> {
        let is_free = self.place.quote.is_none() && !self.place.in_comment;
        if !is_free || before_command(&self.buffer) < self.buffer.len() {
            return None;
        }
        let from = before_command(line);
        let entry = command::by_name(&line[from..], &self.delimiter)?;
        self.note_remarks(self.buffer.len());
        self.clear_buffer();
        Some((entry, from))
    }

    /// Takes what comes next.
    fn take(&mut self, line: &[u8], rest: &[u8]) -> Option<Piece> {
        let plain = self.plain_length(rest);
        if plain > 0 {
            self.push(&rest[..plain]);
            self.place.at += plain;
            return None;
        }
        let wide = self.charset.length(rest);
        if wide > 1 {
            self.push(&rest[..wide]);
            self.place.at += wide;
            self.place.wide_end = self.place.at;
            return None;
        }
        let place = &self.place;
        let is_quoted = place.quote.is_some();
        let is_free = !is_quoted && !place.in_comment && place.code != Code::Hint;
        if rest[0] == b'\\' && !place.in_comment && !(is_quoted && self.modes.no_backslash_escapes)
        {
            return self.take_backslash(rest);
        }
        if is_free && rest.starts_with(&self.delimiter) {
            return self.end_statement(line);
        }
        if is_free && is_line_comment(rest) {
            return self.take_line_comment(rest);
        }
        let opens = !is_quoted && place.code != Code::Hint && rest.starts_with(b"/*");
        if opens && !is_code_comment(rest) {
            self.take_comment_sign(rest, true);
        } else if place.in_comment && place.code == Code::None && rest.starts_with(b"*/") {
            self.take_comment_sign(rest, false);
        } else {
            self.take_letter(line, rest);
        }
        None
    }

    /// The number of ordinary letters at the start of a text.
    fn plain_length(&self, rest: &[u8]) -> usize {
        let place = &self.place;
        if place.needs_blank {
            return 0;
        }
        let first = self.delimiter.first().copied().unwrap_or(b';');
        let is_plain = |byte: u8| match byte {
            b'\\' | b'*' | b'/' | b'$' | 0x80.. => false,
            b'\'' | b'"' | b'`' => place.quote.is_some_and(|quote| quote != byte),
            b'#' | b'-' => place.quote.is_some() && first != byte,
            _ => place.quote.is_some() || byte != first,
        };
        let end = rest.iter().position(|byte| !is_plain(*byte));
        end.unwrap_or(rest.len())
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.buffer.is_empty() {
            self.begun = self.place.number;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Closes the part of the buffer from this line.
    fn flush(&mut self) {
        self.place.open = self.buffer.len();
    }

    fn clear_buffer(&mut self) {
        self.buffer.clear();
        self.padding.clear();
        self.place.open = 0;
    }

    /// A backslash with the letter after it.
    fn take_backslash(&mut self, rest: &[u8]) -> Option<Piece> {
        let quote = self.place.quote;
        let Some(&letter) = rest.get(1) else {
            // The client drops it, even in a string.
            self.place.at += 1;
            return None;
        };
        if quote == Some(b'`') && letter == b'`' {
            self.push(b"\\");
            self.place.at += 1;
            return None;
        }
        let command = command::by_letter(letter);
        let Some(entry) = command.filter(|_| quote.is_none() && letter != b'N') else {
            self.push(&rest[..2]);
            self.place.at += 2;
            return None;
        };
        self.flush();
        let piece = match entry.verb {
            Verb::Go { vertical } => {
                let piece = self.statement(self.buffer.len(), vertical);
                self.clear_buffer();
                piece
            }
            _ => self.obey(entry, rest),
        };
        self.place.at += 2;
        if entry.takes_words {
            self.skip_words(&rest[2..]);
        }
        piece
    }

    /// Everything between a command with a letter and the delimiter belongs to the
    /// command.
    fn skip_words(&mut self, rest: &[u8]) {
        let length = match self.place.code {
            Code::None => find(rest, &self.delimiter).map(|at| at + self.delimiter.len()),
            Code::Conditional | Code::Hint => find(rest, b"*/"),
        };
        self.place.at += length.unwrap_or(rest.len());
    }

    /// A delimiter, with the blanks and the comment after it on its line.
    fn end_statement(&mut self, line: &[u8]) -> Option<Piece> {
        self.place.at += self.delimiter.len();
        let rest = &line[self.place.at..];
        let blanks = rest.iter().take_while(|byte| is_space(**byte)).count();
        self.push(&rest[..blanks]);
        let end = self.buffer.len();
        let comment = &rest[blanks..];
        self.place.at += blanks;
        // Here the client requires a blank after the dashes.
        if is_line_comment(comment) && comment != b"--" {
            self.push(comment);
            self.place.at = line.len();
        }
        let from = before_command(&self.buffer);
        let piece = match command::by_name(&self.buffer[from..], &self.delimiter) {
            // The client sends the word itself, because it is in the buffer.
            Some(Entry {
                verb: Verb::Go { vertical },
                ..
            }) => self.statement(end, vertical),
            Some(entry) => {
                self.note_remarks(from);
                let text = self.buffer.split_off(from);
                self.clear_buffer();
                self.obey(entry, &text)
            }
            None => self.statement(end, false),
        };
        self.clear_buffer();
        piece
    }

    fn take_line_comment(&mut self, rest: &[u8]) -> Option<Piece> {
        self.flush();
        let stands_alone = self.buffer.is_empty();
        self.push(rest);
        self.flush();
        self.place.at += rest.len();
        if stands_alone {
            self.note_remarks(self.buffer.len());
            self.clear_buffer();
        }
        None
    }

    /// `/*` or `*/`.
    fn take_comment_sign(&mut self, rest: &[u8], opens: bool) {
        self.push(&rest[..2]);
        self.flush();
        self.place.at += 2;
        self.place.in_comment = opens;
        self.place.needs_blank |= !opens;
    }

    fn take_letter(&mut self, line: &[u8], rest: &[u8]) {
        let letter = rest[0];
        if self.place.quote.is_none() {
            if rest.starts_with(b"/*+") {
                self.place.code = Code::Hint;
            } else if rest.starts_with(b"/*") && is_code_comment(rest) {
                self.place.code = Code::Conditional;
            } else if self.place.code != Code::None && rest.starts_with(b"*/") {
                self.place.code = Code::None;
            }
        }
        let mut length = 1;
        if self.place.quote == Some(letter) {
            if letter != b'$' {
                self.place.quote = None;
            } else if rest.starts_with(&self.place.dollar) {
                self.place.quote = None;
                length = self.place.dollar.len();
            }
        } else if self.place.quote.is_none()
            && !self.place.in_comment
            && self.place.code != Code::Hint
        {
            if b"'\"`".contains(&letter) {
                self.place.quote = Some(letter);
            } else if letter == b'$'
                && let Some(tag) = self.dollar_tag(line)
            {
                self.place.quote = Some(b'$');
                self.place.dollar = rest[..tag].to_vec();
                length = tag;
            }
        }
        if std::mem::take(&mut self.place.needs_blank) && !is_space(letter) {
            self.padding.push(self.buffer.len());
            self.push(b" ");
        }
        self.push(&rest[..length]);
        self.place.at += length;
    }

    /// The length of `$tag$` at this position, if it begins a string.
    fn dollar_tag(&self, line: &[u8]) -> Option<usize> {
        let at = self.place.at;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        let is_inside_name =
            at > 0 && (self.place.wide_end == at || is_name(line[at - 1]) || line[at - 1] == b'$');
        if !self.modes.dollar_quotes || is_inside_name {
            return None;
        }
        let tag = line[at + 1..].iter().take_while(|byte| is_name(**byte));
        let end = at + 1 + tag.count();
        (line.get(end) == Some(&b'$')).then_some(end + 1 - at)
    }

    fn end_line(&mut self) {
        let place = &mut self.place;
        place.stage = Stage::Completed;
        if self.buffer.is_empty() {
            return;
        }
        // What the client mistakes for the start of a `delimiter` command.
        let open = self.buffer.get(place.open..).unwrap_or_default();
        let is_free = place.quote.is_none() && !place.in_comment;
        if !(is_free && command::is_delimiter_command(open)) {
            self.buffer.push(b'\n');
        }
        place.open = self.buffer.len();
    }

    /// Executes the part of a command that concerns reading.
    fn obey(&mut self, entry: Entry, text: &[u8]) -> Option<Piece> {
        let line = self.place.number;
        let read = match entry.verb {
            Verb::Delimiter => match command::read_delimiter(text) {
                Ok(word) => {
                    self.delimiter = word.into();
                    return None;
                }
                Err(message) => Err(message),
            },
            Verb::Clear => {
                self.clear_buffer();
                return None;
            }
            Verb::Go { .. } | Verb::Nothing => return None,
            Verb::Charset => command::read_charset(text).map(|charset| {
                self.charset = charset;
                Command::Charset(charset.name)
            }),
            _ => command::read(entry, text),
        };
        Some(match read {
            Ok(command) => Piece::Command {
                line,
                text: text.trim_ascii().to_vec(),
                command,
            },
            Err(message) => Piece::Wrong { line, message },
        })
    }

    /// Keeps the comment lines at the start of the buffer for the next statement.
    fn note_remarks(&mut self, length: usize) -> usize {
        let (start, found) = leading(&self.buffer[..length]);
        let begun = self.begun;
        self.leading_comments
            .extend(found.iter().filter_map(|comment| comment.kept(begun)));
        start
    }

    /// The statement in the buffer, which ends at `end`; a comment may follow.
    fn statement(&mut self, end: usize, vertical: bool) -> Option<Piece> {
        let start = self.note_remarks(end);
        let is_sent = |byte: &u8| *byte > b' ' && *byte != 0x7f;
        let sent = self.buffer.iter().rposition(is_sent)? + 1;
        if start >= end.min(sent) {
            return None;
        }
        let passed = self.buffer[..start].iter();
        let line = self.begun + passed.filter(|byte| **byte == b'\n').count();
        let leading_comments = self.take_leading_comments();
        // The comment after a statement also precedes the next one.
        let (_, behind) = leading(self.buffer.get(end..).unwrap_or_default());
        let number = self.place.number;
        self.leading_comments
            .extend(behind.iter().filter_map(|comment| comment.kept(number)));
        self.buffer.truncate(sent);
        let padding = self.padding.iter().filter(|at| (start..end).contains(*at));
        let padding: Vec<usize> = padding.copied().collect();
        let bytes = std::mem::take(&mut self.buffer);
        Some(Piece::Statement(Statement {
            line,
            sql: Sql::within_comments(bytes, start..end, &padding),
            vertical,
            leading_comments,
        }))
    }
}

#[cfg(test)]
#[path = "lexer/tests.rs"]
mod tests;
