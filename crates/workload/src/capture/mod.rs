//! Captures of network traffic (`tcpdump -w`), in the formats pcap and pcapng.
//!
//! `pcap-parser` reads the files and `etherparse` the headers of packets. Here streams are
//! put in order, and MySQL's protocol in plain text is read from them.

mod bytes;
mod command;
mod connection;
mod execute;
mod link;
mod literal;
mod login;
mod prepared;
mod stream;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use pcap_parser::pcapng::Block;
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Linktype, PcapBlockOwned, PcapError, create_reader};

use crate::entry::{LeftOut, Moment, Record, Text, Warning, set};
use crate::error::{Place, Problem};
use crate::timestamp::Timestamp;
use crate::window::Window;
use connection::{Connection, Ready, Side};
use link::Segment;

/// Bytes that the reader of files holds: several of the longest packets, which are of
/// 256 KiB (`tcpdump -s 0`).
const BUFFER: usize = 768 << 10;

/// Connections that are followed at a time; of more the oldest ends.
const MOST_CONNECTIONS: usize = 65_536;

/// Bytes of statements that are incomplete, of all connections together.
const MOST_HELD: usize = 256 << 20;

/// The two ends of a connection, the smaller one first.
type Ends = (SocketAddr, SocketAddr);

pub(crate) struct CaptureReader {
    reader: Box<dyn PcapReaderIterator + Send>,
    /// The packet that was read last, from 1.
    packet: u64,
    /// Of a pcap.
    is_nanoseconds: bool,
    /// Interfaces of a section of a pcapng; a pcap has one.
    interfaces: Vec<Interface>,
    connections: HashMap<Ends, Connection>,
    /// In the order in which they began; some may have ended.
    ages: VecDeque<(u64, Ends)>,
    held: usize,
    ready: VecDeque<Ready>,
    is_at_end: bool,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: Linktype,
    /// Units a second.
    resolution: u64,
    offset: i64,
}

impl CaptureReader {
    pub(crate) fn open(window: Window) -> Result<Self, Problem> {
        let reader = create_reader(BUFFER, window).map_err(|error| {
            let found = described(&error);
            let message = format!("expected the header of a capture; found {found}");
            Problem::At(Place::Packet(0), message)
        })?;
        Ok(CaptureReader {
            reader,
            packet: 0,
            is_nanoseconds: false,
            interfaces: Vec::new(),
            connections: HashMap::new(),
            ages: VecDeque::new(),
            held: 0,
            ready: VecDeque::new(),
            is_at_end: false,
        })
    }

    pub(crate) fn read(
        &mut self,
        record: &mut Record,
        left_out: &mut LeftOut,
        warnings: &mut Vec<Warning>,
    ) -> Result<bool, Problem> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                write_record(ready, record);
                return Ok(true);
            }
            if self.is_at_end {
                return Ok(false);
            }
            self.read_block(left_out, warnings)?;
        }
    }

    fn read_block(
        &mut self,
        left_out: &mut LeftOut,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), Problem> {
        let (length, block) = match self.reader.next() {
            Ok(next) => next,
            Err(PcapError::Incomplete(_)) => {
                let refilled = self.reader.refill();
                return refilled
                    .map_err(|_| Problem::Read(std::io::ErrorKind::UnexpectedEof.into()));
            }
            Err(error) => {
                let found = described(&error);
                let is_end = matches!(error, PcapError::Eof)
                    || matches!(error, PcapError::UnexpectedEof) && self.reader.data().is_empty();
                if !is_end {
                    warnings.push(Warning {
                        place: Place::Packet(self.packet + 1),
                        message: format!("expected a packet; found {found}: the rest is not read"),
                    });
                }
                self.finish(left_out);
                return Ok(());
            }
        };
        let found = match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.is_nanoseconds = header.is_nanosecond_precision();
                self.interfaces = vec![Interface {
                    link: header.network,
                    resolution: 1_000_000,
                    offset: 0,
                }];
                None
            }
            PcapBlockOwned::Legacy(packet) => {
                let fraction = if self.is_nanoseconds { 1000 } else { 1 };
                let micros =
                    i64::from(packet.ts_sec) * 1_000_000 + i64::from(packet.ts_usec / fraction);
                Some((
                    0,
                    Some(Timestamp::from_micros(micros)),
                    packet.origlen,
                    packet.data,
                ))
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.interfaces.clear();
                None
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                self.interfaces.push(Interface {
                    link: interface.linktype,
                    resolution: interface.ts_resolution().unwrap_or(1_000_000).max(1),
                    offset: interface.ts_offset(),
                });
                None
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let number = packet.if_id as usize;
                let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let interface = self.interfaces.get(number);
                let time = interface.and_then(|interface| interface.time(units));
                let data = packet.data;
                let data = &data[..data.len().min(packet.caplen as usize)];
                Some((number, time, packet.origlen, data))
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let origlen = packet.origlen;
                let data = packet.data;
                let data = &data[..data.len().min(origlen as usize)];
                Some((0, None, origlen, data))
            }
            PcapBlockOwned::NG(_) => None,
        };
        if let Some((interface, time, original, data)) = found {
            self.packet += 1;
            if let Some(interface) = self.interfaces.get(interface) {
                let missing = (original as usize).saturating_sub(data.len());
                if let Some(segment) = link::segment(interface.link, data, missing) {
                    let follower = Follower {
                        packet: self.packet,
                        connections: &mut self.connections,
                        ages: &mut self.ages,
                        held: &mut self.held,
                        ready: &mut self.ready,
                    };
                    let before = *left_out;
                    follower.take(time, &segment, left_out);
                    warn_of_hidden(&before, left_out, self.packet, warnings);
                } else if !link::is_known(interface.link) {
                    warn_of_link(interface.link, self.packet, warnings);
                }
            }
        }
        self.reader.consume(length);
        Ok(())
    }

    /// Ends all connections, and what they wait for.
    fn finish(&mut self, left_out: &mut LeftOut) {
        self.is_at_end = true;
        let mut last = Vec::new();
        for (_, mut connection) in self.connections.drain() {
            last.extend(connection.finish(left_out));
        }
        last.sort_by_key(|ready| ready.packet);
        self.ready.extend(last);
    }
}

/// Warns of the first connection whose statements are encrypted or compressed.
fn warn_of_hidden(before: &LeftOut, after: &LeftOut, packet: u64, warnings: &mut Vec<Warning>) {
    let mut warn = |message: &str| {
        warnings.push(Warning {
            place: Place::Packet(packet),
            message: message.to_owned(),
        });
    };
    if before.encrypted_connections == 0 && after.encrypted_connections > 0 {
        warn(
            "expected MySQL's protocol in plain text; found TLS: the statements of encrypted \
             connections are not read; for a capture connect without it (`--ssl-mode=DISABLED`)",
        );
    }
    if before.compressed_connections == 0 && after.compressed_connections > 0 {
        warn(
            "expected MySQL's protocol in plain text; found compression: the statements of \
             compressed connections are not read; for a capture connect without it",
        );
    }
}

fn warn_of_link(link: Linktype, packet: u64, warnings: &mut Vec<Warning>) {
    let message = format!(
        "expected packets of Ethernet, Linux cooked, loopback or IP; found link type {}: \
         its packets are not read",
        link.0
    );
    if !warnings.iter().any(|warning| warning.message == message) {
        warnings.push(Warning {
            place: Place::Packet(packet),
            message,
        });
    }
}

impl Interface {
    fn time(&self, units: u64) -> Option<Timestamp> {
        let micros = u128::from(units) * 1_000_000 / u128::from(self.resolution);
        let micros = i64::try_from(micros).ok()?;
        let offset = self.offset.checked_mul(1_000_000)?;
        Some(Timestamp::from_micros(micros.checked_add(offset)?))
    }
}

/// Where segments go.
struct Follower<'a> {
    packet: u64,
    connections: &'a mut HashMap<Ends, Connection>,
    ages: &'a mut VecDeque<(u64, Ends)>,
    held: &'a mut usize,
    ready: &'a mut VecDeque<Ready>,
}

impl Follower<'_> {
    fn take(mut self, time: Option<Timestamp>, segment: &Segment<'_>, left_out: &mut LeftOut) {
        let is_first = segment.source <= segment.target;
        let ends = match is_first {
            true => (segment.source, segment.target),
            false => (segment.target, segment.source),
        };
        let side = if is_first { Side::First } else { Side::Second };
        let begins_anew = segment.begins && !segment.acknowledges;
        if begins_anew && let Some(mut former) = self.connections.remove(&ends) {
            *self.held = self.held.saturating_sub(former.memory());
            self.ready.extend(former.finish(left_out));
        }
        if self.connections.len() >= MOST_CONNECTIONS && !self.connections.contains_key(&ends) {
            self.end_oldest(left_out);
        }
        let packet = self.packet;
        let connection = self.connections.entry(ends).or_insert_with(|| {
            self.ages.push_back((packet, ends));
            Connection::new(packet, ends.0, ends.1)
        });
        let before = connection.memory();
        connection.take(side, self.packet, time, segment, self.ready, left_out);
        let after = connection.memory();
        *self.held = (*self.held + after).saturating_sub(before);
        if *self.held > MOST_HELD {
            connection.lose_track(left_out);
            *self.held = (*self.held + connection.memory()).saturating_sub(after);
        }
        if connection.has_ended() {
            *self.held = self.held.saturating_sub(connection.memory());
            self.ready.extend(connection.finish(left_out));
            self.connections.remove(&ends);
        }
        // Most of them have ended.
        if self.ages.len() > 2 * MOST_CONNECTIONS {
            let connections = &*self.connections;
            self.ages.retain(|(begun, ends)| {
                connections
                    .get(ends)
                    .is_some_and(|connection| connection.begun == *begun)
            });
        }
    }

    fn end_oldest(&mut self, left_out: &mut LeftOut) {
        while let Some((begun, ends)) = self.ages.pop_front() {
            let is_it = |connection: &Connection| connection.begun == begun;
            if self.connections.get(&ends).is_some_and(is_it)
                && let Some(mut oldest) = self.connections.remove(&ends)
            {
                *self.held = self.held.saturating_sub(oldest.memory());
                self.ready.extend(oldest.finish(left_out));
                return;
            }
        }
    }
}

fn write_record(ready: Ready, record: &mut Record) {
    record.clear();
    record.place = ready.packet;
    record.time = ready.time;
    record.moment = ready.time.map(Moment::Began);
    record.is_quit = ready.is_quit;
    record.duration = ready.duration;
    record.connection = ready.connection;
    set(&mut record.user, &ready.user);
    set(&mut record.host, ready.host.to_string().as_bytes());
    set(&mut record.database, &ready.database);
    record.statement = Text::Own(ready.statement);
}

fn described(error: &PcapError<&[u8]>) -> &'static str {
    match error {
        PcapError::Eof => "the end of the file",
        PcapError::UnexpectedEof | PcapError::Incomplete(_) => "the end of the file within it",
        PcapError::BufferTooSmall => "one of more than 768 KiB",
        PcapError::ReadError => "an error of the system while reading",
        PcapError::HeaderNotRecognized => "something else",
        PcapError::NomError(..) | PcapError::OwnedNomError(..) => "a broken block",
    }
}

#[cfg(test)]
mod tests;
