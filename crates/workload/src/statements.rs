//! Statements, one a line.

use std::mem;

use crate::entry::{LeftOut, Record, Text};
use crate::error::Problem;
use crate::general::used_database;
use crate::window::Window;

#[derive(Debug, Default)]
pub(crate) struct StatementsReader {
    next: usize,
}

impl StatementsReader {
    pub(crate) fn read(
        &mut self,
        window: &mut Window,
        record: &mut Record,
        left_out: &mut LeftOut,
    ) -> Result<bool, Problem> {
        loop {
            window.release(mem::take(&mut self.next));
            record.clear();
            let Some(line) = window.first_line(left_out)? else {
                return Ok(false);
            };
            self.next = line.next;
            let text = window.text(line);
            let Some(statement) = statement_of(text) else {
                continue;
            };
            if let Some(database) = used_database(statement) {
                record.database = database;
                left_out.administrator_commands += 1;
                continue;
            }
            let begin = text.len() - text.trim_ascii_start().len();
            record.statement = Text::Window(begin..begin + statement.len());
            record.place = window.line_number(0);
            return Ok(true);
        }
    }
}

/// The statement of a line; `None` for blank lines and comments.
pub(crate) fn statement_of(line: &[u8]) -> Option<&[u8]> {
    let text = line.trim_ascii();
    let text = text.strip_suffix(b";").unwrap_or(text).trim_ascii_end();
    let is_comment = text.starts_with(b"#") || text == b"--" || text.starts_with(b"-- ");
    (!text.is_empty() && !is_comment).then_some(text)
}

#[cfg(test)]
mod tests;
