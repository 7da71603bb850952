//! Where a log is read from: a file, or a stream that can be read once.

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::entry::Moment;
use crate::error::{LogError, Problem};
use crate::format::{Format, HEAD, detect};
use crate::log::Log;
use crate::source;
use crate::timestamp::Timestamp;

/// Entries at the beginning of a log of which one has to say when it was logged.
const BEGINNING: usize = 1000;

/// A log that has not been read.
pub struct Input {
    path: PathBuf,
    stream: Option<Stream>,
}

/// A stream and its first bytes, which were read already.
struct Stream {
    head: Vec<u8>,
    rest: Box<dyn Read + Send>,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Input").field(&self.path).finish()
    }
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Input { path, stream: None }
    }
}

impl From<&PathBuf> for Input {
    fn from(path: &PathBuf) -> Self {
        Input::from(path.clone())
    }
}

impl Input {
    /// A stream, which messages call by `name`. Reads its first bytes.
    ///
    /// # Errors
    ///
    /// As of the reader.
    pub fn stream(mut reader: impl Read + Send + 'static, name: &Path) -> io::Result<Self> {
        let mut head = Vec::new();
        reader.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        let rest = Box::new(reader);
        Ok(Input {
            path: name.to_owned(),
            stream: Some(Stream { head, rest }),
        })
    }

    /// What messages call it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it can be read once only.
    pub fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// The format of a stream, by its first bytes; `None` if it is no log.
    pub fn format_of_stream(&self) -> Option<Format> {
        let head = Cursor::new(self.stream.as_ref()?.head.clone());
        let plain = source::open(head, Arc::default()).ok()?;
        let mut text = Vec::new();
        // Of a compressed stream the rest is missing.
        let _ = plain.take(HEAD as u64).read_to_end(&mut text);
        detect(&text).ok().map(|found| found.format())
    }

    /// All bytes of it, as they are.
    ///
    /// # Errors
    ///
    /// As of the system.
    pub fn into_bytes(self) -> io::Result<Vec<u8>> {
        let Some(Stream { mut head, mut rest }) = self.stream else {
            return std::fs::read(self.path);
        };
        rest.read_to_end(&mut head)?;
        Ok(head)
    }

    /// The length of a file; 0 of what has none.
    pub(crate) fn length(&self) -> Result<u64, LogError> {
        match self.stream {
            Some(_) => Ok(0),
            None => std::fs::metadata(&self.path)
                .map(|file| file.len())
                .map_err(|error| Problem::Read(error).named(&self.path)),
        }
    }

    /// Opens it as a log.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no log.
    pub fn open(self) -> Result<Log, LogError> {
        match self.stream {
            Some(Stream { head, rest }) => {
                Log::from_reader(Cursor::new(head).chain(rest), &self.path)
            }
            None => Log::open(&self.path),
        }
    }

    /// When the first statement that says so was logged; `None` where those at the beginning
    /// do not, and of a pipe among the files, which can be read once.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no log.
    pub fn begins(&self) -> Result<Option<Timestamp>, LogError> {
        let Some(stream) = &self.stream else {
            let file = File::open(&self.path).and_then(|file| Ok((file.metadata()?, file)));
            let (facts, file) = file.map_err(|error| Problem::Read(error).named(&self.path))?;
            return match facts.is_file() {
                true => first_time(&mut Log::from_reader(file, &self.path)?),
                false => Ok(None),
            };
        };
        let head = Cursor::new(stream.head.clone());
        let first = Log::from_reader(head, &self.path).and_then(|mut log| first_time(&mut log));
        // Where the first bytes are not enough, the whole stream says what is wrong.
        Ok(first.unwrap_or_default())
    }
}

fn first_time(log: &mut Log) -> Result<Option<Timestamp>, LogError> {
    for _ in 0..BEGINNING {
        match log.next_entry()? {
            Some(entry) => {
                let logged = entry.moment.map(Moment::time).or(entry.time);
                if logged.is_some() {
                    return Ok(logged);
                }
            }
            None => break,
        }
    }
    Ok(None)
}

/// Brings logs into the order of their beginnings, as rotated ones follow one another. They
/// stay as they are where the time of one is unknown.
///
/// # Errors
///
/// One cannot be read, or is no log.
pub fn in_time_order(inputs: Vec<Input>) -> Result<Vec<Input>, LogError> {
    if inputs.len() < 2 {
        return Ok(inputs);
    }
    let begins = inputs.iter().map(Input::begins);
    let begins = begins.collect::<Result<Vec<_>, LogError>>()?;
    if begins.iter().any(Option::is_none) {
        return Ok(inputs);
    }
    let mut all: Vec<_> = begins.into_iter().zip(inputs).collect();
    all.sort_by_key(|(time, _)| *time);
    Ok(all.into_iter().map(|(_, input)| input).collect())
}

#[cfg(test)]
mod tests;
