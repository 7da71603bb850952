//! A statement of a log, and what a log has that is no statement.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use crate::error::Place;
use crate::timestamp::Timestamp;

/// A statement, with what the log says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// Where it begins.
    pub place: Place,
    /// When it began or ended, as the log has it.
    pub time: Option<Timestamp>,
    /// When it began or ended, as exactly as the log has it.
    pub moment: Option<Moment>,
    /// Who sent it.
    pub user: Option<Cow<'a, str>>,
    /// From where: a name or an address.
    pub host: Option<Cow<'a, str>>,
    /// The default database.
    pub database: Option<Cow<'a, str>>,
    /// The server's number of the connection, or, of a capture that lacks its beginning, one
    /// beyond all that servers give.
    pub connection: Option<u64>,
    /// How long this execution took.
    pub duration: Option<Duration>,
    /// Executions for which the entry stands: 1, except in tables of digests, and in a slow
    /// log whose server logged one of several statements.
    pub count: u64,
    /// The times of all of them, in tables of digests.
    pub summary: Option<Summary>,
    /// The entry has the form of statements only, with no values: it cannot run.
    pub is_form: bool,
    /// The statement in the encoding of its connection, without the `;` at its end.
    pub statement: Cow<'a, [u8]>,
}

/// A point in time of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// When it began.
    Began(Timestamp),
    /// When it had ended.
    Ended(Timestamp),
}

impl Moment {
    /// The point in time, whatever it is.
    pub fn time(self) -> Timestamp {
        match self {
            Moment::Began(time) | Moment::Ended(time) => time,
        }
    }
}

/// What a client sent.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "each is gone before the next one is read"
)]
pub enum Command<'a> {
    /// A statement.
    Statement(Entry<'a>),
    /// The end of its connection.
    Quit {
        /// The connection.
        connection: u64,
        /// When.
        moment: Option<Moment>,
    },
}

/// Times of several executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Of all together.
    pub total: Duration,
    /// Of the slowest.
    pub longest: Duration,
    /// Of the quickest.
    pub shortest: Duration,
}

/// What was left out of a log, by the reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Commands that are no statements: `Quit`, `Ping`, `Init DB` and the like.
    pub administrator_commands: u64,
    /// Statements that were prepared; their executions are entries.
    pub prepared: u64,
    /// Executions of statements whose text the log does not have, and bulk executions.
    pub executions_without_text: u64,
    /// Events of a binary log that hold rows, not statements.
    pub row_events: u64,
    /// Statements without their end or their beginning, where a file was cut.
    pub cut: u64,
    /// Statements longer than [`LONGEST_STATEMENT`](crate::LONGEST_STATEMENT).
    pub too_long: u64,
    /// Digests without an example of a statement.
    pub without_example: u64,
    /// Connections that were encrypted.
    pub encrypted_connections: u64,
    /// Connections that were compressed.
    pub compressed_connections: u64,
    /// Connections that spoke no MySQL.
    pub foreign_connections: u64,
    /// Parts of connections that the capture lost.
    pub gaps: u64,
    /// Statements that the options left out: by time, user, database or pattern.
    pub filtered: u64,
    /// Statements for whose text the sample had no memory; they count.
    pub over_budget: u64,
}

impl LeftOut {
    /// Adds what another log left out.
    pub fn add(&mut self, other: &LeftOut) {
        let LeftOut {
            administrator_commands,
            prepared,
            executions_without_text,
            row_events,
            cut,
            too_long,
            without_example,
            encrypted_connections,
            compressed_connections,
            foreign_connections,
            gaps,
            filtered,
            over_budget,
        } = other;
        self.administrator_commands += administrator_commands;
        self.prepared += prepared;
        self.executions_without_text += executions_without_text;
        self.row_events += row_events;
        self.cut += cut;
        self.too_long += too_long;
        self.without_example += without_example;
        self.encrypted_connections += encrypted_connections;
        self.compressed_connections += compressed_connections;
        self.foreign_connections += foreign_connections;
        self.gaps += gaps;
        self.filtered += filtered;
        self.over_budget += over_budget;
    }

    /// Each count that is not 0, with its words for a reader.
    pub fn described(&self) -> Vec<(u64, &'static str)> {
        let all = [
            (self.administrator_commands, "administrator commands"),
            (self.prepared, "statements that were prepared only"),
            (
                self.executions_without_text,
                "executions of statements prepared before the log begins",
            ),
            (self.row_events, "row events"),
            (self.cut, "statements cut at an end of the file"),
            (self.too_long, "statements longer than 64 MiB"),
            (self.without_example, "digests without an example"),
            (self.encrypted_connections, "encrypted connections"),
            (self.compressed_connections, "compressed connections"),
            (self.foreign_connections, "connections of other protocols"),
            (self.gaps, "gaps in connections"),
            (self.filtered, "statements outside the selection"),
            (
                self.over_budget,
                "statements whose text needs too much memory",
            ),
        ];
        all.into_iter().filter(|(count, _)| *count > 0).collect()
    }
}

/// Something about a log that its reader should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where it was noticed.
    pub place: Place,
    /// What it means for the entries.
    pub message: String,
}

/// An entry as its reader keeps it, with memory that the next one takes over.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) place: u64,
    pub(crate) time: Option<Timestamp>,
    pub(crate) moment: Option<Moment>,
    pub(crate) duration: Option<Duration>,
    pub(crate) connection: Option<u64>,
    pub(crate) count: u64,
    pub(crate) summary: Option<Summary>,
    pub(crate) is_form: bool,
    /// No statement: the client left.
    pub(crate) is_quit: bool,
    /// Names; empty where unknown.
    pub(crate) user: Vec<u8>,
    pub(crate) host: Vec<u8>,
    pub(crate) database: Vec<u8>,
    pub(crate) statement: Text,
}

/// A statement's text.
#[derive(Debug)]
pub(crate) enum Text {
    /// A place in the window.
    Window(Range<usize>),
    /// A text that was put together.
    Own(Vec<u8>),
}

impl Default for Text {
    fn default() -> Self {
        Text::Own(Vec::new())
    }
}

impl Record {
    /// Forgets what one entry alone has.
    pub(crate) fn clear(&mut self) {
        self.time = None;
        self.moment = None;
        self.duration = None;
        self.connection = None;
        self.count = 1;
        self.summary = None;
        self.is_form = false;
        self.is_quit = false;
        self.user.clear();
        self.host.clear();
    }
}

/// A name that is empty where it is unknown.
pub(crate) fn known(name: &[u8]) -> Option<Cow<'_, str>> {
    (!name.is_empty()).then(|| String::from_utf8_lossy(name))
}

/// Replaces the text of a name.
pub(crate) fn set(name: &mut Vec<u8>, text: &[u8]) {
    name.clear();
    name.extend_from_slice(text);
}
