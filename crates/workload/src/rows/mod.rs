//! Logs as rows of a table: `mysql.general_log`, `mysql.slow_log`, the Performance
//! Schema's tables of statements, and views of `sys`, as CSV, as tab-separated text or as
//! JSON.

mod columns;
mod delimited;
mod json;
mod row;

use crate::entry::{LeftOut, Record};
use crate::error::{Place, Problem, excerpt};
use crate::general::Connections;
use crate::window::Window;

pub(crate) use columns::{Columns, Table};
use delimited::Fields;
pub(crate) use delimited::{Dialect, fields_of};
pub(crate) use json::table_of as table_of_json;
use row::Row;

/// Reads rows of either kind of file.
#[derive(Debug)]
pub(crate) struct RowsReader {
    next: usize,
    table: Table,
    file: File,
    row: Row,
    connections: Connections,
}

#[derive(Debug)]
enum File {
    Delimited {
        dialect: Dialect,
        fields: Fields,
        columns: Columns,
        /// The first row names the columns.
        has_heading: bool,
    },
    Json,
}

impl RowsReader {
    pub(crate) fn delimited(
        dialect: Dialect,
        table: Table,
        columns: Columns,
        has_heading: bool,
    ) -> Self {
        RowsReader::new(
            table,
            File::Delimited {
                dialect,
                fields: Fields::default(),
                columns,
                has_heading,
            },
        )
    }

    pub(crate) fn json(table: Table) -> Self {
        RowsReader::new(table, File::Json)
    }

    fn new(table: Table, file: File) -> Self {
        RowsReader {
            next: 0,
            table,
            file,
            row: Row::default(),
            connections: Connections::default(),
        }
    }

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
            record.database.clear();
            self.row.clear();
            if !self.read_row(window, left_out)? {
                return Ok(false);
            }
            if self.row.is_empty() {
                continue;
            }
            record.place = window.line_number(0);
            let is_entry = match self.table {
                Table::General => {
                    self.row.describe(record);
                    let command = String::from_utf8_lossy(self.row.command()).into_owned();
                    let argument = self.row.take_statement();
                    let is_run = self.connections.take(&command, &argument, record, left_out);
                    let argument = argument.trim_ascii_end();
                    let text = argument.strip_suffix(b";").unwrap_or(argument);
                    record.statement = crate::entry::Text::Own(text.to_owned());
                    is_run
                }
                Table::Slow | Table::Digests => self.row.write_to(record, left_out),
            };
            if is_entry {
                return Ok(true);
            }
        }
    }

    /// Reads a row; false at the end of the file.
    fn read_row(&mut self, window: &mut Window, left_out: &mut LeftOut) -> Result<bool, Problem> {
        match &mut self.file {
            File::Json => json::read_object(window, &mut self.next, &mut self.row, left_out),
            File::Delimited {
                dialect,
                fields,
                columns,
                has_heading,
            } => {
                if !fields.read(window, &mut self.next, *dialect, left_out)? {
                    return Ok(false);
                }
                if std::mem::take(has_heading) || fields.is_blank() {
                    return Ok(true);
                }
                if fields.len() < columns.least() {
                    let line = Place::Line(window.line_number(0));
                    let found = excerpt(window.slice(0, self.next));
                    let message = format!(
                        "expected a row of {} columns; found {}: `{found}`",
                        columns.least(),
                        fields.len()
                    );
                    return Err(Problem::At(line, message));
                }
                for (at, role) in columns.roles() {
                    if let Some(text) = fields.get(at) {
                        self.row.set(role, text);
                    }
                }
                Ok(true)
            }
        }
    }
}

#[cfg(test)]
mod tests;
