//! A log, read entry by entry.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::binlog::BinlogReader;
use crate::capture::CaptureReader;
use crate::entry::{Command, Entry, LeftOut, Record, Text, Warning, known};
use crate::error::{LogError, Place, Problem};
use crate::format::{Detected, Format, HEAD, detect};
use crate::general::GeneralReader;
use crate::rows::RowsReader;
use crate::slow::SlowReader;
use crate::source;
use crate::statements::StatementsReader;
use crate::window::Window;

/// A log of statements, of any format and size.
pub struct Log {
    path: PathBuf,
    format: Format,
    window: Window,
    reader: Reader,
    record: Record,
    left_out: LeftOut,
    warnings: Vec<Warning>,
    /// A warning says that its server logged one of several statements.
    is_rated: bool,
    bytes: Arc<AtomicU64>,
}

enum Reader {
    Slow(SlowReader),
    General(GeneralReader),
    Statements(StatementsReader),
    Binlog(BinlogReader),
    Rows(Box<RowsReader>),
    Capture(Box<CaptureReader>),
}

impl Log {
    /// Opens a file, which gzip or zstd may have compressed.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no log.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let file = File::open(path).map_err(|error| Problem::Read(error).named(path))?;
        Log::from_reader(file, path)
    }

    /// Reads a log from anywhere; messages call it by `path`.
    ///
    /// # Errors
    ///
    /// The reader fails, or gives no log.
    pub fn from_reader(reader: impl Read + Send + 'static, path: &Path) -> Result<Self, LogError> {
        Log::new(reader, path).map_err(|problem| problem.named(path))
    }

    fn new(reader: impl Read + Send + 'static, path: &Path) -> Result<Self, Problem> {
        let bytes = Arc::new(AtomicU64::new(0));
        let mut window = Window::new(source::open(reader, Arc::clone(&bytes))?);
        window.load_at_least(HEAD)?;
        let detected = detect(&window.loaded()[..window.loaded().len().min(HEAD)])?;
        if window.loaded().starts_with(b"\xef\xbb\xbf") {
            window.release(3);
        }
        let format = detected.format();
        let reader = match detected {
            Detected::Slow => Reader::Slow(SlowReader::default()),
            Detected::General => Reader::General(GeneralReader::default()),
            Detected::Statements => Reader::Statements(StatementsReader::default()),
            Detected::Binlog => Reader::Binlog(BinlogReader::default()),
            Detected::Json(table) => Reader::Rows(Box::new(RowsReader::json(table))),
            Detected::Delimited {
                dialect,
                table,
                columns,
                has_heading,
            } => Reader::Rows(Box::new(RowsReader::delimited(
                dialect,
                table,
                columns,
                has_heading,
            ))),
            Detected::Capture => {
                let empty = Window::new(Box::new(std::io::empty()));
                let window = std::mem::replace(&mut window, empty);
                Reader::Capture(Box::new(CaptureReader::open(window)?))
            }
        };
        Ok(Log {
            path: path.to_owned(),
            format,
            window,
            reader,
            record: Record::default(),
            left_out: LeftOut::default(),
            warnings: Vec::new(),
            is_rated: false,
            bytes,
        })
    }

    /// What messages call it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Bytes of the file that were read; of a compressed file, compressed bytes.
    pub fn bytes_read(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What was left out so far.
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// What was noticed so far.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The next statement; `None` at the end.
    ///
    /// # Errors
    ///
    /// The file cannot be read further, or is broken.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>, LogError> {
        while self.read()? {
            if !self.record.is_quit {
                return Ok(Some(self.entry()));
            }
        }
        Ok(None)
    }

    /// The next statement or end of a connection; `None` at the end.
    ///
    /// # Errors
    ///
    /// As of [`Log::next_entry`].
    pub fn next_command(&mut self) -> Result<Option<Command<'_>>, LogError> {
        while self.read()? {
            match (self.record.is_quit, self.record.connection) {
                (false, _) => return Ok(Some(Command::Statement(self.entry()))),
                (true, Some(connection)) => {
                    let moment = self.record.moment;
                    return Ok(Some(Command::Quit { connection, moment }));
                }
                (true, None) => {}
            }
        }
        Ok(None)
    }

    /// Reads into the record; false at the end.
    fn read(&mut self) -> Result<bool, LogError> {
        let (window, record, left_out) = (&mut self.window, &mut self.record, &mut self.left_out);
        let found = match &mut self.reader {
            Reader::Slow(reader) => reader.read(window, record, left_out),
            Reader::General(reader) => reader.read(window, record, left_out),
            Reader::Statements(reader) => reader.read(window, record, left_out),
            Reader::Binlog(reader) => reader.read(window, record, left_out),
            Reader::Rows(reader) => reader.read(window, record, left_out),
            Reader::Capture(reader) => reader.read(record, left_out, &mut self.warnings),
        };
        let found = found.map_err(|problem| problem.named(&self.path))?;
        if matches!(self.reader, Reader::Slow(_)) && self.record.count > 1 && !self.is_rated {
            self.is_rated = true;
            self.warnings.push(Warning {
                place: Place::Line(self.record.place),
                message: rated(self.record.count),
            });
        }
        Ok(found)
    }

    fn entry(&self) -> Entry<'_> {
        let record = &self.record;
        let place = match self.format {
            Format::Capture => Place::Packet(record.place),
            _ => Place::Line(record.place),
        };
        let statement = match &record.statement {
            Text::Window(range) => self.window.slice(range.start, range.end),
            Text::Own(text) => text,
        };
        Entry {
            place,
            time: record.time,
            moment: record.moment,
            user: known(&record.user),
            host: known(&record.host),
            database: known(&record.database),
            connection: record.connection,
            duration: record.duration,
            count: record.count,
            summary: record.summary,
            is_form: record.is_form,
            statement: Cow::Borrowed(statement),
        }
    }
}

/// What it means that a server logged one of so many statements.
fn rated(rate: u64) -> String {
    format!(
        "the server logged 1 of {rate} statements from here on (`log_slow_rate_limit`): each counts \
         as {rate} in the figures of the log, and is sent once"
    )
}

#[cfg(test)]
mod tests;
