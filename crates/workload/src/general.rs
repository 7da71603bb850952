//! General query logs, as the servers write them into a file (`File_query_log::write_general`).

use std::collections::HashMap;
use std::mem;

use memchr::memmem;

use crate::entry::{LeftOut, Moment, Record, Text, set};
use crate::error::Problem;
use crate::slow::is_banner;
use crate::timestamp::Timestamp;
use crate::window::{Piece, Window};

/// Connections that are known at a time. A log of more lacks their ends.
const MOST_CONNECTIONS: usize = 100_000;

/// Commands of the protocol, as general logs name them.
const COMMANDS: &[&str] = &[
    "Query",
    "Execute",
    "Prepare",
    "Connect",
    "Init DB",
    "Quit",
    "Close stmt",
    "Reset stmt",
    "Change user",
    "Statistics",
    "Ping",
    "Field List",
    "Long Data",
    "Fetch",
    "Sleep",
    "Shutdown",
    "Refresh",
    "Processlist",
    "Kill",
    "Debug",
    "Time",
    "Delayed insert",
    "Binlog Dump",
    "Table Dump",
    "Connect Out",
    "Register Slave",
    "Register Replica",
    "Set option",
    "Daemon",
    "Binlog Dump GTID",
    "Error",
    "Reset Connection",
    "Create DB",
    "Drop DB",
    "Slave_worker",
    "Slave_IO",
    "Slave_SQL",
    "Bulk_execute",
    "Unimpl get tid",
    "clone",
    "Group Replication Data Stream subscription",
    "Subscribe Group Replication Stream",
    "unknown",
];

#[derive(Debug, Default)]
struct Connection {
    user: Vec<u8>,
    host: Vec<u8>,
    database: Vec<u8>,
}

/// What is known about connections, from the commands that the log has of them.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    all: HashMap<u64, Connection>,
}

#[derive(Debug, Default)]
pub(crate) struct GeneralReader {
    next: usize,
    /// The time of the last line that has one: older servers write it once a second.
    time: Option<Timestamp>,
    connections: Connections,
}

/// The beginning of an entry.
#[derive(Debug, PartialEq)]
pub(crate) struct Head<'a> {
    time: Option<Timestamp>,
    connection: u64,
    command: &'a str,
    /// Bytes before the argument.
    length: usize,
}

impl GeneralReader {
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
            let Some(head) = read_head(text) else {
                // The rest of a statement that begins in the file before, or one too long.
                continue;
            };
            self.time = head.time.or(self.time);
            let (connection, begin) = (head.connection, head.length);
            let command = COMMANDS.iter().find(|name| **name == head.command);
            let Some(end) = self.find_end(window)? else {
                left_out.too_long += 1;
                window.skip_line()?;
                self.next = 0;
                continue;
            };
            let argument = window.slice(begin.min(end), end);
            record.time = self.time;
            record.moment = self.time.map(Moment::Began);
            record.connection = Some(connection);
            if !self
                .connections
                .take(command.unwrap_or(&""), argument, record, left_out)
            {
                continue;
            }
            let is_whole = window.slice(0, self.next).ends_with(b"\n");
            if !is_whole && !record.is_quit {
                left_out.cut += 1;
                continue;
            }
            record.place = window.line_number(0);
            record.statement = Text::Window(begin..begin + trimmed(argument).len());
            return Ok(true);
        }
    }

    /// Finds the end of the argument that begins in the first line; `None` where it is
    /// too long.
    fn find_end(&mut self, window: &mut Window) -> Result<Option<usize>, Problem> {
        loop {
            match window.line(self.next)? {
                Piece::Line(line) => {
                    let text = window.text(line);
                    if read_head(text).is_some() || is_banner(text) {
                        return Ok(Some(self.next));
                    }
                    self.next = line.next;
                }
                Piece::End => return Ok(Some(self.next)),
                Piece::TooLong => return Ok(None),
            }
        }
    }
}

impl Connections {
    /// Takes note of a command; true if its argument is a statement that was run, whose
    /// user, host and database are then in the record, or if it ends the connection.
    pub(crate) fn take(
        &mut self,
        command: &str,
        argument: &[u8],
        record: &mut Record,
        left_out: &mut LeftOut,
    ) -> bool {
        let id = record.connection.unwrap_or(0);
        if self.all.len() > MOST_CONNECTIONS {
            self.all.clear();
        }
        match command {
            "Query" | "Execute" => {
                let statement = trimmed(argument);
                if statement.is_empty() {
                    return false;
                }
                let connection = self.all.entry(id).or_default();
                // `USE` takes effect on itself no more than on what precedes it.
                set(&mut record.database, &connection.database);
                if let Some(database) = used_database(statement) {
                    connection.database = database;
                }
                if record.user.is_empty() {
                    set(&mut record.user, &connection.user);
                    set(&mut record.host, &connection.host);
                }
                return true;
            }
            "Prepare" => {
                left_out.prepared += 1;
                return false;
            }
            "Connect" | "Change user" => {
                if let Some(connection) = read_connect(argument.trim_ascii()) {
                    self.all.insert(id, connection);
                }
            }
            "Init DB" => {
                let connection = self.all.entry(id).or_default();
                set(&mut connection.database, argument.trim_ascii());
            }
            "Quit" => {
                self.all.remove(&id);
                left_out.administrator_commands += 1;
                record.is_quit = true;
                return true;
            }
            _ => {}
        }
        left_out.administrator_commands += 1;
        false
    }
}

/// A statement without the line break that ends its entry and the `;` that clients may send.
fn trimmed(argument: &[u8]) -> &[u8] {
    let statement = argument.trim_ascii_end();
    statement
        .strip_suffix(b";")
        .unwrap_or(statement)
        .trim_ascii_end()
}

/// The database of `USE name`.
pub(crate) fn used_database(statement: &[u8]) -> Option<Vec<u8>> {
    let is_use = statement.get(..4)?.eq_ignore_ascii_case(b"use ");
    let name = statement[4..].trim_ascii();
    let plain = name
        .strip_prefix(b"`")
        .and_then(|name| name.strip_suffix(b"`"));
    let is_name = plain.is_some() || !name.iter().any(|byte| b" ;\n\t'\"(".contains(byte));
    (is_use && is_name && !name.is_empty()).then(|| plain.unwrap_or(name).to_owned())
}

/// Reads `user@host on database using TCP/IP`, and `user@host as anonymous on database`.
fn read_connect(argument: &[u8]) -> Option<Connection> {
    if argument.starts_with(b"Access denied") {
        return None;
    }
    let argument = match memmem::rfind(argument, b" using ") {
        Some(at) => &argument[..at],
        None => argument,
    };
    let (login, database) = match memmem::find(argument, b" on") {
        Some(at) => (&argument[..at], argument[at + 3..].trim_ascii()),
        None => (argument, &b""[..]),
    };
    let login = memmem::find(login, b" as ").map_or(login, |at| &login[..at]);
    let at = memchr::memrchr(b'@', login)?;
    Some(Connection {
        user: login[..at].to_owned(),
        host: login[at + 1..].to_owned(),
        database: database.to_owned(),
    })
}

/// Reads the beginning of an entry: a time or none, a tab, the connection's number and a
/// command.
pub(crate) fn read_head(line: &[u8]) -> Option<Head<'_>> {
    let (time, rest) = match line.first()? {
        b'\t' => (None, line),
        b'0'..=b'9' => {
            let (time, rest) = Timestamp::read_first(line)?;
            (Some(time), rest)
        }
        _ => return None,
    };
    let numbered = rest.strip_prefix(b"\t")?;
    let numbered = numbered.strip_prefix(b"\t").unwrap_or(numbered);
    let numbered = numbered.trim_ascii_start();
    let digits = numbered
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let id = std::str::from_utf8(&numbered[..digits])
        .ok()?
        .parse()
        .ok()?;
    let named = numbered[digits..].strip_prefix(b" ")?.trim_ascii_start();
    let tab = memchr::memchr(b'\t', named).unwrap_or(named.len());
    let command = std::str::from_utf8(&named[..tab]).ok()?.trim_end();
    let length = line.len() - named.len() + (tab + 1).min(named.len());
    COMMANDS.contains(&command).then_some(Head {
        time,
        connection: id,
        command,
        length,
    })
}

#[cfg(test)]
mod tests;
