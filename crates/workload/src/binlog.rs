//! What `mysqlbinlog` and `mariadb-binlog` print.
//!
//! Statements end with the delimiter `/*!*/;`. Events of rows are `BINLOG '…'` or comments;
//! those are no statements, even where a comment has the one they come from.

use std::mem;
use std::time::Duration;

use memchr::memmem;

use crate::entry::{LeftOut, Moment, Record, Text, set};
use crate::error::Problem;
use crate::general::used_database;
use crate::timestamp::Timestamp;
use crate::window::{Line, Piece, Window};

/// The delimiter that the programs choose.
pub(crate) const DELIMITER: &[u8] = b"/*!*/;";

#[derive(Debug)]
pub(crate) struct BinlogReader {
    next: usize,
    delimiter: Vec<u8>,
    /// Of the event's comment.
    time: Option<Timestamp>,
    duration: Option<Duration>,
    connection: Option<u64>,
}

impl Default for BinlogReader {
    fn default() -> Self {
        BinlogReader {
            next: 0,
            delimiter: DELIMITER.to_owned(),
            time: None,
            duration: None,
            connection: None,
        }
    }
}

impl BinlogReader {
    pub(crate) fn read(
        &mut self,
        window: &mut Window,
        record: &mut Record,
        left_out: &mut LeftOut,
    ) -> Result<bool, Problem> {
        loop {
            window.release(mem::take(&mut self.next));
            let Some(line) = window.first_line(left_out)? else {
                return Ok(false);
            };
            self.next = line.next;
            let text = window.text(line);
            if text.is_empty() {
                continue;
            }
            if text[0] == b'#' {
                self.read_comment(&text[1..], left_out);
                continue;
            }
            if let Some(delimiter) = text.strip_prefix(b"DELIMITER ") {
                self.delimiter = delimiter.trim_ascii().to_owned();
                continue;
            }
            let Some(end) = self.find_end(window, line, left_out)? else {
                continue;
            };
            let statement = window.slice(0, end);
            if !self.take(statement, record, left_out) {
                continue;
            }
            if statement.len() > crate::LONGEST_STATEMENT {
                left_out.too_long += 1;
                continue;
            }
            record.clear();
            record.time = self.time;
            record.moment = self.time.map(Moment::Began);
            record.duration = self.duration;
            record.connection = self.connection;
            record.place = window.line_number(0);
            record.statement = Text::Window(0..end);
            return Ok(true);
        }
    }

    /// Finds the end of the statement that begins in a line; `None` where it has none.
    fn find_end(
        &mut self,
        window: &mut Window,
        mut line: Line,
        left_out: &mut LeftOut,
    ) -> Result<Option<usize>, Problem> {
        let is_default = self.delimiter.is_empty();
        loop {
            let text = window.text(line);
            let delimiter = if is_default {
                b";"
            } else {
                &self.delimiter[..]
            };
            if let Some(rest) = text.trim_ascii_end().strip_suffix(delimiter) {
                self.next = line.next;
                let end = line.from + rest.len();
                return Ok(Some(window.slice(0, end).trim_ascii_end().len()));
            }
            match window.line(line.next)? {
                Piece::Line(next) => line = next,
                Piece::End => {
                    self.next = line.next;
                    left_out.cut += 1;
                    return Ok(None);
                }
                Piece::TooLong => {
                    left_out.too_long += 1;
                    self.next = 0;
                    self.skip_long(window)?;
                    return Ok(None);
                }
            }
        }
    }

    /// Skips a statement that is longer than the window.
    fn skip_long(&self, window: &mut Window) -> Result<(), Problem> {
        loop {
            match window.line(0)? {
                Piece::Line(line) => {
                    let text = window.text(line).trim_ascii_end();
                    let is_last = text.ends_with(&self.delimiter);
                    window.release(line.next);
                    if is_last {
                        return Ok(());
                    }
                }
                Piece::End => return Ok(()),
                Piece::TooLong => window.skip_line()?,
            }
        }
    }

    /// Whether a statement is one that the server ran, not what `mysqlbinlog` adds.
    fn take(&mut self, statement: &[u8], record: &mut Record, left_out: &mut LeftOut) -> bool {
        if statement.starts_with(b"BINLOG '") {
            left_out.row_events += 1;
            return false;
        }
        if let Some(time) = statement.strip_prefix(b"SET TIMESTAMP=") {
            self.time = Timestamp::from_epoch(time).or(self.time);
            return false;
        }
        if let Some(database) = used_database(statement) {
            set(&mut record.database, &database);
            return false;
        }
        let is_added = statement.starts_with(b"SET ")
            || statement.starts_with(b"/*!")
            || statement.is_empty()
            || memmem::find(statement, b"/* added by mysqlbinlog */").is_some()
            || memmem::find(statement, b"/* added by mariadb-binlog */").is_some();
        !is_added
    }

    /// Reads `#261127 20:15:00 server id 1  end_log_pos 235 …  Query  thread_id=8  exec_time=0`.
    fn read_comment(&mut self, text: &[u8], left_out: &mut LeftOut) {
        if memmem::find(text, b"_rows: table id ").is_some() && !text.starts_with(b"##") {
            left_out.row_events += 1;
        }
        let Some((time, rest)) = Timestamp::read_first(text) else {
            return;
        };
        if memmem::find(rest, b" server id ").is_none() {
            return;
        }
        self.time = Some(time);
        self.connection = number_after(rest, b"thread_id=");
        self.duration = number_after(rest, b"exec_time=").map(Duration::from_secs);
    }
}

fn number_after(text: &[u8], name: &[u8]) -> Option<u64> {
    let found = memmem::find(text, name)?;
    let number = &text[found + name.len()..];
    let digits = number
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    std::str::from_utf8(&number[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
