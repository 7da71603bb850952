//! Slow logs of MySQL, Percona Server and MariaDB.
//!
//! An entry is lines of a header, which begin with `#`, then `use`, `SET timestamp=`, and
//! the statement. `sql/log.cc` of the servers writes them (`File_query_log::write_slow`,
//! `MYSQL_QUERY_LOG::write`).

mod header;

use memchr::memmem;

use crate::entry::{LeftOut, Moment, Record, Text, set};
use crate::error::Problem;
use crate::timestamp::Timestamp;
use crate::window::{Line, Piece, Window};

pub(crate) use header::{is_banner, is_header};

/// Beginnings of an entry that may be inside a string of the statement before. Beyond
/// them the string is taken to be one that never ends, as in a statement with an error.
const MOST_DOUBTS: usize = 16;

/// Bytes within which a statement with a log inside a string has to end.
const MOST_DOUBTFUL: usize = 4 << 20;

#[derive(Debug, Default)]
pub(crate) struct SlowReader {
    /// Where the next entry begins in the window.
    next: usize,
    has_begun: bool,
}

/// What a line within a statement's lines is.
enum Boundary {
    None,
    /// An entry begins here.
    Entry,
    /// Lines that a server writes when it opens the log.
    Banner,
}

impl SlowReader {
    /// Reads the next statement into `record`, whose database is kept from one entry to
    /// the next, as the servers write `use` only where it changes.
    pub(crate) fn read(
        &mut self,
        window: &mut Window,
        record: &mut Record,
        left_out: &mut LeftOut,
    ) -> Result<bool, Problem> {
        loop {
            window.release(self.next);
            self.next = 0;
            record.clear();
            let Some(body) = self.read_header(window, record, left_out)? else {
                return Ok(false);
            };
            if self.read_body(window, body, record, left_out)? {
                return Ok(true);
            }
        }
    }

    /// Reads lines to the first one after the header; `None` at the end of the log.
    fn read_header(
        &mut self,
        window: &mut Window,
        record: &mut Record,
        left_out: &mut LeftOut,
    ) -> Result<Option<Line>, Problem> {
        let mut at = 0;
        let mut has_header = false;
        let mut lost = 0;
        loop {
            let line = match window.line(at)? {
                Piece::Line(line) => line,
                Piece::End => {
                    window.release(at);
                    left_out.cut += u64::from(has_header) + lost;
                    return Ok(None);
                }
                Piece::TooLong => {
                    window.skip_line()?;
                    record.clear();
                    (at, has_header) = (0, false);
                    continue;
                }
            };
            let text = window.text(line);
            if is_administrator(text) {
                // Without the line that sets the time, as very old servers write it.
                left_out.administrator_commands += 1;
                has_header = false;
                record.clear();
            } else if text.first() == Some(&b'#') {
                has_header |= is_header(text);
                header::read_line(text, record);
            } else if has_header {
                if !is_banner(text) {
                    left_out.cut += lost;
                    self.has_begun = true;
                    return Ok(Some(line));
                }
                left_out.cut += 1;
                has_header = false;
                record.clear();
            } else if is_banner(text) {
                record.database.clear();
                self.has_begun = true;
            } else if !text.is_empty() {
                // The rest of a statement that begins in the file before.
                lost = u64::from(!self.has_begun);
            }
            at = line.next;
            if !has_header {
                window.release(at);
                at = 0;
            }
        }
    }

    /// Reads from the first line after the header to the end of the statement; false
    /// where there is none.
    fn read_body(
        &mut self,
        window: &mut Window,
        mut line: Line,
        record: &mut Record,
        left_out: &mut LeftOut,
    ) -> Result<bool, Problem> {
        let mut has_time = false;
        loop {
            let text = window.text(line);
            let is_prelude = if has_time {
                false
            } else if let Some(database) = used_database(text) {
                set(&mut record.database, database);
                true
            } else if let Some(time) = set_timestamp(text) {
                record.time = Some(time);
                // Whole seconds, in which servers differ: most write when it had ended.
                let is_exact = |moment: &Moment| moment.time().is_exact();
                let exact = record.moment.filter(is_exact);
                record.moment = exact.or(Some(Moment::Ended(time)));
                has_time = true;
                true
            } else {
                // Lines of a plan may follow those of the header.
                text.first() == Some(&b'#') && !is_administrator(text)
            };
            if !is_prelude {
                break;
            }
            match window.line(line.next)? {
                Piece::Line(next) => line = next,
                Piece::TooLong => return skip_long(window, line, left_out),
                Piece::End => {
                    self.next = line.next;
                    left_out.cut += 1;
                    return Ok(false);
                }
            }
        }
        let text = window.text(line);
        if is_administrator(text) {
            self.next = line.next;
            left_out.administrator_commands += 1;
            record.is_quit = text.starts_with(b"# administrator command: Quit");
            record.statement = Text::default();
            return Ok(record.is_quit);
        }
        if is_header(text) {
            // A header without a statement: a file that was cut and continued.
            self.next = line.from;
            left_out.cut += 1;
            return Ok(false);
        }
        record.place = window.line_number(line.from);
        let Some(end) = self.find_end(window, line)? else {
            return skip_long(window, line, left_out);
        };
        let statement = window.slice(line.from, end);
        let Some(statement) = statement.trim_ascii_end().strip_suffix(b";") else {
            left_out.cut += 1;
            return Ok(false);
        };
        if statement.len() > crate::LONGEST_STATEMENT {
            left_out.too_long += 1;
            return Ok(false);
        }
        record.statement = Text::Window(line.from..line.from + statement.len());
        Ok(true)
    }

    /// Finds the end of a statement, and where the next entry begins; `None` where the
    /// statement is too long.
    fn find_end(&mut self, window: &mut Window, first: Line) -> Result<Option<usize>, Problem> {
        let mut line = first;
        let mut doubts = 0;
        let mut first_doubt = None;
        loop {
            let next = match window.line(line.next)? {
                Piece::Line(next) => next,
                Piece::TooLong => return Ok(self.fall_back(first_doubt)),
                Piece::End => {
                    self.next = line.next;
                    return Ok(self.fall_back(first_doubt).or(Some(line.next)));
                }
            };
            let ends = window.text(line).trim_ascii_end().ends_with(b";");
            let is_next = match boundary(window, next)? {
                Boundary::None => false,
                Boundary::Banner => true,
                // Within a string or a comment lines may look like anything.
                Boundary::Entry if !ends => false,
                Boundary::Entry => {
                    let is_whole = crate::quotes::is_closed(window.slice(first.from, next.from));
                    if !is_whole {
                        first_doubt = first_doubt.or(Some(next.from));
                        doubts += 1;
                    }
                    is_whole
                }
            };
            if is_next {
                self.next = next.from;
                return Ok(Some(next.from));
            }
            if doubts > MOST_DOUBTS || doubts > 0 && next.from - first.from > MOST_DOUBTFUL {
                return Ok(self.fall_back(first_doubt));
            }
            line = next;
        }
    }

    /// Takes the first beginning of an entry that was in doubt.
    fn fall_back(&mut self, doubt: Option<usize>) -> Option<usize> {
        self.next = doubt?;
        doubt
    }
}

/// Skips a statement that is longer than the window, from one of its lines.
fn skip_long(window: &mut Window, line: Line, left_out: &mut LeftOut) -> Result<bool, Problem> {
    left_out.too_long += 1;
    window.release(line.from);
    window.skip_line()?;
    loop {
        match window.line(0)? {
            Piece::Line(line) if matches!(boundary(window, line)?, Boundary::None) => {
                window.release(line.next);
            }
            Piece::Line(_) | Piece::End => return Ok(false),
            Piece::TooLong => window.skip_line()?,
        }
    }
}

/// Whether an entry begins at a line.
fn boundary(window: &mut Window, line: Line) -> Result<Boundary, Problem> {
    let text = window.text(line);
    match text {
        [b'#', b' ', ..] => {}
        [b'/' | b'T' | b't' | b'A'..=b'Z', ..] if is_banner(text) => return Ok(Boundary::Banner),
        _ => return Ok(Boundary::None),
    }
    if text.starts_with(b"# User@Host: ") {
        return Ok(Boundary::Entry);
    }
    let Some(time) = text.strip_prefix(b"# Time: ") else {
        return Ok(Boundary::None);
    };
    if !time
        .trim_ascii_start()
        .first()
        .is_some_and(u8::is_ascii_digit)
    {
        return Ok(Boundary::None);
    }
    Ok(match window.line(line.next)? {
        Piece::Line(next) if window.text(next).starts_with(b"# User@Host: ") => Boundary::Entry,
        // Of an entry that was cut there.
        Piece::End => Boundary::Entry,
        _ => Boundary::None,
    })
}

fn is_administrator(text: &[u8]) -> bool {
    text.starts_with(b"# administrator command: ")
}

/// The database of `use name;`, as servers write it: with no quotes.
fn used_database(text: &[u8]) -> Option<&[u8]> {
    let name = text.strip_prefix(b"use ")?.strip_suffix(b";")?;
    let plain = name
        .strip_prefix(b"`")
        .and_then(|name| name.strip_suffix(b"`"));
    Some(plain.unwrap_or(name))
}

/// The time of `SET [last_insert_id=1,][insert_id=1,]timestamp=1700000000;`.
fn set_timestamp(text: &[u8]) -> Option<Timestamp> {
    let settings = text.strip_prefix(b"SET ")?.strip_suffix(b";")?;
    let found = memmem::rfind(settings, b"timestamp=")?;
    let is_start = found == 0 || settings[found - 1] == b',';
    let time = &settings[found + b"timestamp=".len()..];
    is_start.then(|| Timestamp::from_epoch(time))?
}

#[cfg(test)]
mod tests;
