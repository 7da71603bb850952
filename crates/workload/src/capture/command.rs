//! Commands of clients (`enum_server_command`).

use std::collections::VecDeque;

use super::bytes::Bytes;
use super::connection::{Connection, Ready, Sent, Side};
use super::execute::skip_attributes;
use crate::LONGEST_STATEMENT;
use crate::entry::{LeftOut, set};
use crate::general::used_database;

const QUIT: u8 = 0x01;
const INIT_DB: u8 = 0x02;
const QUERY: u8 = 0x03;
const CHANGE_USER: u8 = 0x11;
const PREPARE: u8 = 0x16;
const EXECUTE: u8 = 0x17;
const LONG_DATA: u8 = 0x18;
const CLOSE: u8 = 0x19;
const RESET: u8 = 0x1a;
const RESET_CONNECTION: u8 = 0x1f;
const BULK_EXECUTE: u8 = 0xfa;

/// Marks a connection whose number was not captured; servers give smaller ones.
const WITHOUT_NUMBER: u64 = 1 << 63;

pub(super) fn is_command(byte: u8) -> bool {
    matches!(byte, 0x01..=0x20 | BULK_EXECUTE)
}

/// Whether a packet begins with these bytes whose number and first byte are a command's.
pub(super) fn begins_command(bytes: &[u8]) -> bool {
    let [a, b, c, 0, command, ..] = bytes else {
        return false;
    };
    let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
    let next = bytes.get(length + 4..).unwrap_or_default();
    // Commands that follow each other, of which the capture has no answers.
    let is_followed = next.is_empty() || next.get(3).is_none_or(|number| *number == 0);
    length > 0 && is_followed && is_command(*command)
}

impl Connection {
    pub(super) fn take_command(
        &mut self,
        payload: &[u8],
        sent: Sent,
        ready: &mut VecDeque<Ready>,
        left_out: &mut LeftOut,
    ) {
        // The server's answer to the one before was not captured.
        ready.extend(self.waiting.take());
        self.preparing = None;
        let Some((&command, argument)) = payload.split_first() else {
            return;
        };
        self.from_server.forget();
        match command {
            QUERY => {
                let statement = match self.has_attributes {
                    Some(true) => skip_attributes(argument),
                    Some(false) => Some(argument),
                    // No statement begins with these bytes.
                    None if argument.get(1) == Some(&1) => skip_attributes(argument),
                    None => Some(argument),
                };
                let statement = statement.unwrap_or(argument).to_owned();
                self.send(statement, sent, left_out);
            }
            QUIT => {
                left_out.administrator_commands += 1;
                ready.push_back(Ready {
                    is_quit: true,
                    ..self.ready(Vec::new(), sent)
                });
            }
            INIT_DB => {
                set(&mut self.database, argument);
                left_out.administrator_commands += 1;
            }
            CHANGE_USER => {
                self.change_user(argument);
                left_out.administrator_commands += 1;
            }
            PREPARE => {
                left_out.prepared += 1;
                self.preparing = Some(argument.to_owned());
            }
            EXECUTE => match self.prepared.execute(argument, self.has_attributes) {
                Some(statement) => self.send(statement, sent, left_out),
                None => left_out.executions_without_text += 1,
            },
            BULK_EXECUTE => left_out.executions_without_text += 1,
            LONG_DATA => self.prepared.add_long_data(argument),
            CLOSE => self.prepared.close(argument),
            RESET => self.prepared.reset(argument),
            RESET_CONNECTION => {
                self.prepared.clear();
                left_out.administrator_commands += 1;
            }
            command if is_command(command) => left_out.administrator_commands += 1,
            _ => self.lose_track(left_out),
        }
    }

    /// A statement was sent, which the server answers.
    fn send(&mut self, mut statement: Vec<u8>, sent: Sent, left_out: &mut LeftOut) {
        let text = statement.trim_ascii_end();
        let length = text
            .strip_suffix(b";")
            .unwrap_or(text)
            .trim_ascii_end()
            .len();
        statement.truncate(length);
        if statement.is_empty() {
            return;
        }
        if statement.len() > LONGEST_STATEMENT {
            left_out.too_long += 1;
            return;
        }
        let database = used_database(&statement);
        self.waiting = Some(self.ready(statement, sent));
        self.database = database.unwrap_or_else(|| std::mem::take(&mut self.database));
    }

    fn ready(&self, statement: Vec<u8>, sent: Sent) -> Ready {
        let host = match self.client {
            Some(Side::Second) => self.ends.1,
            _ => self.ends.0,
        };
        let greeting = self.greeting.as_ref();
        let connection = greeting.map(|greeting| greeting.connection);
        Ready {
            packet: sent.packet,
            time: sent.time,
            duration: None,
            connection: Some(connection.unwrap_or(WITHOUT_NUMBER | self.begun)),
            user: self.user.clone(),
            host: host.ip(),
            database: self.database.clone(),
            statement,
            is_quit: false,
        }
    }

    fn change_user(&mut self, argument: &[u8]) {
        let mut bytes = Bytes(argument);
        set(&mut self.user, bytes.text());
        let length = bytes.byte().unwrap_or(0);
        bytes.take(length.into());
        set(&mut self.database, bytes.text());
        self.prepared.clear();
    }
}
