//! Errors in logs, with their places.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Where something is in a log, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A line of a text.
    Line(u64),
    /// A packet of a capture.
    Packet(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "{line}"),
            Place::Packet(packet) => write!(f, " packet {packet}"),
        }
    }
}

/// A file that cannot be read as a log.
#[derive(Debug, Error)]
pub enum LogError {
    /// The file cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is no log, or is broken.
    #[error("{}:{place}: {message}", path.display())]
    At {
        /// The file.
        path: PathBuf,
        /// The place in it.
        place: Place,
        /// What was expected and what was found.
        message: String,
    },
}

/// What a reader of one format says, which does not know the file's name.
#[derive(Debug)]
pub(crate) enum Problem {
    Read(std::io::Error),
    At(Place, String),
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Problem::Read(error)
    }
}

impl Problem {
    pub(crate) fn named(self, path: &std::path::Path) -> LogError {
        let path = path.to_owned();
        match self {
            Problem::Read(source) => LogError::Read { path, source },
            Problem::At(place, message) => LogError::At {
                path,
                place,
                message,
            },
        }
    }
}

/// The beginning of a text, for a message.
pub(crate) fn excerpt(text: &[u8]) -> String {
    const MOST: usize = 60;
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * MOST)]);
    let short: String = text.trim().chars().take(MOST).collect();
    let cut = if text.trim().chars().count() > MOST {
        "…"
    } else {
        ""
    };
    let plain = short.chars().map(|c| if c.is_control() { '.' } else { c });
    plain.collect::<String>() + cut
}
