//! A connection of a capture: which end is the server, and what the client sends.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::bytes::Bytes;
use super::command::{begins_command, is_command};
use super::link::Segment;
use super::login::{Greeting, Login};
use super::prepared::PreparedStatements;
use super::stream::{Added, Frame, Stream};
use crate::LONGEST_STATEMENT;
use crate::entry::LeftOut;
use crate::timestamp::Timestamp;

/// The port of servers, unless it is configured.
const PORT: u16 = 3306;

/// Segments after which a connection that made no sense is given up.
const MOST_STRANGE: u32 = 16;

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    First,
    Second,
}

/// A statement as the client sent it.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) packet: u64,
    pub(super) time: Option<Timestamp>,
    pub(super) duration: Option<Duration>,
    pub(super) connection: Option<u64>,
    pub(super) user: Vec<u8>,
    pub(super) host: IpAddr,
    pub(super) database: Vec<u8>,
    pub(super) statement: Vec<u8>,
    /// No statement: the client leaves.
    pub(super) is_quit: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The greeting comes next.
    Greeting,
    /// The client's answer to it comes next.
    Login,
    /// Commands follow each other.
    Commands,
    /// The capture begins or has lost something before this: a command may begin with a
    /// segment.
    Searching,
    /// Nothing that can be read.
    Closed,
}

#[derive(Debug)]
pub(super) struct Connection {
    /// The packet in which it began.
    pub(super) begun: u64,
    pub(super) ends: (SocketAddr, SocketAddr),
    pub(super) client: Option<Side>,
    phase: Phase,
    from_client: Stream,
    pub(super) from_server: Stream,
    strange: u32,
    finished: u8,
    pub(super) greeting: Option<Greeting>,
    pub(super) has_attributes: Option<bool>,
    pub(super) user: Vec<u8>,
    pub(super) database: Vec<u8>,
    pub(super) prepared: PreparedStatements,
    /// A statement whose preparation the server has not confirmed.
    pub(super) preparing: Option<Vec<u8>>,
    /// A statement that the server has not answered.
    pub(super) waiting: Option<Ready>,
}

impl Connection {
    pub(super) fn new(begun: u64, first: SocketAddr, second: SocketAddr) -> Self {
        Connection {
            begun,
            ends: (first, second),
            client: None,
            phase: Phase::Searching,
            from_client: Stream::default(),
            from_server: Stream::default(),
            strange: 0,
            finished: 0,
            greeting: None,
            has_attributes: None,
            user: Vec::new(),
            database: Vec::new(),
            prepared: PreparedStatements::default(),
            preparing: None,
            waiting: None,
        }
    }

    /// Bytes that it holds.
    pub(super) fn memory(&self) -> usize {
        let waiting = self
            .waiting
            .as_ref()
            .map_or(0, |ready| ready.statement.len());
        self.from_client.memory() + self.from_server.memory() + self.prepared.memory() + waiting
    }

    pub(super) fn has_ended(&self) -> bool {
        self.finished >= 2
    }

    /// The statement that the server has not answered.
    pub(super) fn finish(&mut self, left_out: &mut LeftOut) -> Option<Ready> {
        let is_cut = self.phase == Phase::Commands && !self.from_client.unread().is_empty();
        left_out.cut += u64::from(is_cut);
        self.phase = Phase::Closed;
        self.waiting.take()
    }

    pub(super) fn take(
        &mut self,
        side: Side,
        packet: u64,
        time: Option<Timestamp>,
        segment: &Segment<'_>,
        ready: &mut VecDeque<Ready>,
        left_out: &mut LeftOut,
    ) {
        if segment.begins {
            let client = if segment.acknowledges {
                side.other()
            } else {
                side
            };
            self.begin(client, side, segment.sequence.wrapping_add(1));
        }
        if segment.resets {
            self.finished = 2;
        }
        self.finished = self.finished.saturating_add(u8::from(segment.ends));
        if self.phase == Phase::Closed || segment.payload.is_empty() {
            return;
        }
        let Some(client) = self
            .client
            .or_else(|| self.guess_client(side, segment.payload))
        else {
            self.note_strange(left_out);
            return;
        };
        self.client = Some(client);
        self.skip_what_was_received(side, segment, left_out);
        if side == client {
            self.take_from_client(packet, time, segment, ready, left_out);
        } else {
            self.take_from_server(time, segment, ready, left_out);
        }
    }

    fn begin(&mut self, client: Side, side: Side, sequence: u32) {
        if self.client.is_none() {
            self.phase = Phase::Greeting;
        }
        self.client = Some(client);
        match side == client {
            true => self.from_client.begin(sequence),
            false => self.from_server.begin(sequence),
        }
    }

    /// Which end is the client where its beginning was not captured.
    fn guess_client(&self, side: Side, payload: &[u8]) -> Option<Side> {
        let ports = (self.ends.0.port(), self.ends.1.port());
        match ports {
            (PORT, other) if other != PORT => return Some(Side::Second),
            (other, PORT) if other != PORT => return Some(Side::First),
            _ => {}
        }
        if payload.get(4..).and_then(Greeting::read).is_some() {
            return Some(side.other());
        }
        begins_command(payload).then_some(side)
    }

    /// Goes on after bytes that the other end acknowledges and the capture does not have.
    fn skip_what_was_received(
        &mut self,
        side: Side,
        segment: &Segment<'_>,
        left_out: &mut LeftOut,
    ) {
        let is_from_client = self.client == Some(side);
        let stream = match is_from_client {
            true => &mut self.from_server,
            false => &mut self.from_client,
        };
        let is_cut = !stream.unread().is_empty();
        let is_gap = segment.acknowledges && stream.skip_received(segment.acknowledged);
        if is_gap && !is_from_client {
            left_out.gaps += 1;
            left_out.cut += u64::from(is_cut);
            self.phase = Phase::Searching;
        }
    }

    fn note_strange(&mut self, left_out: &mut LeftOut) {
        self.strange += 1;
        if self.strange > MOST_STRANGE {
            left_out.foreign_connections += 1;
            self.close();
        }
    }

    fn close(&mut self) {
        self.phase = Phase::Closed;
        self.from_client.forget();
        self.from_server.forget();
        self.prepared.clear();
    }

    /// Drops what is incomplete, and looks for the next command.
    pub(super) fn lose_track(&mut self, left_out: &mut LeftOut) {
        if self.phase == Phase::Closed {
            return;
        }
        left_out.gaps += 1;
        left_out.cut += u64::from(!self.from_client.unread().is_empty());
        self.from_client.forget();
        self.from_server.forget();
        self.preparing = None;
        self.phase = Phase::Searching;
    }

    fn take_from_server(
        &mut self,
        time: Option<Timestamp>,
        segment: &Segment<'_>,
        ready: &mut VecDeque<Ready>,
        left_out: &mut LeftOut,
    ) {
        if let Some(mut answered) = self.waiting.take() {
            answered.duration = answered.time.zip(time).and_then(|(from, to)| {
                let micros = to.as_micros().checked_sub(from.as_micros())?;
                u64::try_from(micros).ok().map(Duration::from_micros)
            });
            ready.push_back(answered);
        }
        let is_greeting = matches!(self.phase, Phase::Greeting | Phase::Searching);
        self.from_server.add(segment.sequence, segment.payload);
        if is_greeting {
            let unread = self.from_server.unread();
            let found = unread.get(3) == Some(&0);
            let greeting = unread.get(4..).filter(|_| found).and_then(Greeting::read);
            if greeting.is_some() {
                self.greeting = greeting;
                self.phase = Phase::Login;
            } else if self.phase == Phase::Greeting && unread.len() >= 5 {
                // Another protocol, or an error: too many connections.
                left_out.foreign_connections += u64::from(!is_error(unread));
                return self.close();
            }
        } else if self.preparing.is_some()
            && let Some(frame) = self.from_server.frame()
        {
            self.confirm_preparation(&frame);
        }
        if self.preparing.is_none() && self.phase != Phase::Greeting {
            self.from_server.forget();
        }
        if segment.missing > 0 {
            self.from_server.skip(segment.missing);
        }
    }

    /// Reads `COM_STMT_PREPARE_OK`.
    fn confirm_preparation(&mut self, frame: &Frame) {
        let Some(text) = self.preparing.take() else {
            return;
        };
        let mut bytes = Bytes(&frame.payload);
        if bytes.byte() == Some(0)
            && let Some(id) = bytes.number(4)
        {
            self.prepared.add(id as u32, text);
        }
    }

    fn take_from_client(
        &mut self,
        packet: u64,
        time: Option<Timestamp>,
        segment: &Segment<'_>,
        ready: &mut VecDeque<Ready>,
        left_out: &mut LeftOut,
    ) {
        if self.from_client.add(segment.sequence, segment.payload) == Added::AfterGap {
            left_out.gaps += 1;
            self.phase = Phase::Searching;
        }
        match self.phase {
            Phase::Greeting if segment.payload.get(3) == Some(&1) => self.phase = Phase::Login,
            // The server speaks first.
            Phase::Greeting => {
                left_out.foreign_connections += 1;
                return self.close();
            }
            Phase::Searching => {
                let unread = self.from_client.unread();
                let is_login = self.begins_login(unread);
                if is_login || begins_command(unread) {
                    self.phase = if is_login {
                        Phase::Login
                    } else {
                        Phase::Commands
                    };
                } else if is_encrypted(unread) {
                    left_out.encrypted_connections += 1;
                    return self.close();
                } else {
                    self.from_client.forget();
                    return self.note_strange(left_out);
                }
            }
            Phase::Login | Phase::Commands => {}
            Phase::Closed => return,
        }
        while self.phase != Phase::Closed
            && let Some(frame) = self.from_client.frame()
        {
            let sent = Sent { packet, time };
            self.take_frame(frame, sent, ready, left_out);
        }
        if self.from_client.memory() > LONGEST_STATEMENT + (1 << 20) {
            left_out.too_long += 1;
            self.from_client.forget();
            self.phase = Phase::Searching;
        }
        if segment.missing > 0 {
            self.lose_track(left_out);
            self.from_client.skip(segment.missing);
        }
    }

    /// Whether bytes are the answer to a greeting.
    fn begins_login(&self, bytes: &[u8]) -> bool {
        bytes.get(3) == Some(&1) && self.greeting.is_some()
    }

    fn take_frame(
        &mut self,
        frame: Frame,
        sent: Sent,
        ready: &mut VecDeque<Ready>,
        left_out: &mut LeftOut,
    ) {
        match (self.phase, frame.number) {
            (Phase::Login, 1) => self.log_in(&frame.payload, left_out),
            (Phase::Login, 0) if self.greeting.is_none() && begins_frame(&frame) => {
                self.phase = Phase::Commands;
                self.take_command(&frame.payload, sent, ready, left_out);
            }
            (Phase::Login, _) => {
                left_out.foreign_connections += 1;
                self.close();
            }
            (Phase::Commands, 0) => self.take_command(&frame.payload, sent, ready, left_out),
            // Parts of a login, or of a file that the client sends.
            _ => {}
        }
    }

    fn log_in(&mut self, payload: &[u8], left_out: &mut LeftOut) {
        match Login::read(payload, self.greeting.as_ref()) {
            Some(Login::Encrypted) => {
                left_out.encrypted_connections += 1;
                self.close();
            }
            Some(Login::Plain {
                is_compressed: true,
                ..
            }) => {
                left_out.compressed_connections += 1;
                self.close();
            }
            Some(Login::Plain {
                user,
                database,
                has_attributes,
                ..
            }) => {
                self.user = user;
                self.database = database;
                self.has_attributes = Some(has_attributes);
                self.phase = Phase::Commands;
            }
            None => {
                left_out.foreign_connections += 1;
                self.close();
            }
        }
    }
}

/// When a command was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) packet: u64,
    pub(super) time: Option<Timestamp>,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Side::First => Side::Second,
            Side::Second => Side::First,
        }
    }
}

fn begins_frame(frame: &Frame) -> bool {
    frame
        .payload
        .first()
        .is_some_and(|command| is_command(*command))
}

/// Whether a server's first packet is an error.
fn is_error(bytes: &[u8]) -> bool {
    bytes.get(3) == Some(&0) && bytes.get(4) == Some(&0xff)
}

/// Whether bytes begin a record of TLS.
fn is_encrypted(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 3, 1..=4, ..])
}
