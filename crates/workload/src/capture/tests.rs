mod wire;

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use crate::{Command, Format, LeftOut, Log, Place, Warning};
use wire::{CLIENT, SERVER, Wire, frame, pcap, pcap_of, pcapng};

/// Protocol 4.1, a database, a password with its length.
const PLAIN: u32 = 1 << 3 | 1 << 9 | 1 << 15;
const COMPRESS: u32 = 1 << 5;
const SSL: u32 = 1 << 11;
const ATTRIBUTES: u32 = 1 << 27;

#[derive(Debug, PartialEq)]
struct Seen {
    packet: u64,
    user: String,
    database: String,
    statement: String,
}

struct Found {
    all: Vec<Seen>,
    durations: Vec<Option<Duration>>,
    left_out: LeftOut,
    warnings: Vec<Warning>,
}

fn read(file: Vec<u8>) -> Found {
    let mut log = Log::from_reader(std::io::Cursor::new(file), Path::new("x")).expect("a log");
    assert_eq!(log.format(), Format::Capture);
    let (mut all, mut durations) = (Vec::new(), Vec::new());
    while let Some(entry) = log.next_entry().expect("an entry") {
        let Place::Packet(packet) = entry.place else {
            panic!("a packet");
        };
        durations.push(entry.duration);
        all.push(Seen {
            packet,
            user: entry.user.unwrap_or_default().into_owned(),
            database: entry.database.unwrap_or_default().into_owned(),
            statement: String::from_utf8_lossy(&entry.statement).into_owned(),
        });
    }
    Found {
        all,
        durations,
        left_out: *log.left_out(),
        warnings: log.warnings().to_vec(),
    }
}

fn statements(found: &Found) -> Vec<&str> {
    found.all.iter().map(|seen| &*seen.statement).collect()
}

/// A connection of user `app` in database `shop`.
fn logged_in(port: u16) -> Wire {
    let mut wire = Wire::new(port);
    wire.open();
    wire.greet(PLAIN);
    wire.log_in(PLAIN, "app", "shop");
    wire
}

#[test]
fn reads_statements_with_their_user_database_and_time() {
    let mut wire = logged_in(5000);
    wire.command(3, b"select 1;");
    wire.command(2, b"other");
    wire.command(3, b"select 2");
    wire.command(3, b"use `third`");
    wire.command(3, b"select 3");
    wire.send(CLIENT, 0, b"\x01");
    wire.close();
    let seen = |packet, database: &str, statement: &str| Seen {
        packet,
        user: "app".to_owned(),
        database: database.to_owned(),
        statement: statement.to_owned(),
    };
    for file in [pcap(&wire.packets), pcapng(&wire.packets)] {
        let found = read(file);
        assert_eq!(
            found.all,
            [
                seen(7, "shop", "select 1"),
                seen(11, "other", "select 2"),
                seen(13, "other", "use `third`"),
                seen(15, "third", "select 3"),
            ]
        );
        assert_eq!(found.durations, [Some(Duration::from_millis(1)); 4]);
        assert_eq!(found.left_out.administrator_commands, 2);
        assert_eq!(found.warnings, []);
    }
}

#[test]
fn an_entry_has_its_time_host_and_connection() {
    let mut wire = logged_in(5000).v6();
    wire.command(3, b"select 1");
    let file = pcapng(&wire.packets);
    let mut log = Log::from_reader(std::io::Cursor::new(file), Path::new("x")).expect("a log");
    let entry = log.next_entry().expect("an entry").expect("an entry");
    assert_eq!(
        entry.time.map(|time| time.to_string()).as_deref(),
        Some("2026-11-27T20:15:00.006000Z")
    );
    assert_eq!(entry.host.as_deref(), Some("::1"));
}

#[test]
fn a_statement_in_many_segments_in_any_order_is_put_together() {
    let mut wire = logged_in(5000);
    let begin = wire.packets.len();
    let long = format!("select '{}'", "x".repeat(5000));
    for piece in frame(0, &[b"\x03", long.as_bytes()].concat()).chunks(700) {
        wire.bytes(CLIENT, piece);
    }
    wire.packets[begin..].reverse();
    let again = wire.packets[begin].clone();
    wire.packets.push(again);
    wire.send(SERVER, 1, b"\0\0\0");
    wire.command(3, b"select 2");
    let found = read(pcap(&wire.packets));
    assert_eq!(statements(&found), [&*long, "select 2"]);
}

#[test]
fn prepared_statements_are_written_with_their_parameters() {
    let mut wire = logged_in(5000);
    wire.send(
        CLIENT,
        0,
        b"\x16select ?, '?', `?` /* ? */ from t where a = ? and b = ?",
    );
    wire.send(SERVER, 1, b"\0\x07\0\0\0\x03\0\x03\0\0\0\0");
    wire.command(
        0x17,
        b"\x07\0\0\0\0\x01\0\0\0\0\x01\x08\0\xfd\0\x03\x80\x05\0\0\0\0\0\0\0\x04it's\x2a\0\0\0",
    );
    // The types of the time before, a NULL, and a value that was sent before.
    wire.send(CLIENT, 0, b"\x18\x07\0\0\0\x01\0lo");
    wire.send(CLIENT, 0, b"\x18\x07\0\0\0\x01\0ng");
    wire.command(0x17, b"\x07\0\0\0\0\x01\0\0\0\x04\0\x06\0\0\0\0\0\0\0");
    wire.send(CLIENT, 0, b"\x19\x07\0\0\0");
    wire.command(0x17, b"\x07\0\0\0\0\x01\0\0\0\x04\0\x06\0\0\0\0\0\0\0");
    let found = read(pcap(&wire.packets));
    assert_eq!(
        statements(&found),
        [
            "select 5, '?', `?` /* ? */ from t where a = 'it''s' and b = 42",
            "select 6, '?', `?` /* ? */ from t where a = 'long' and b = NULL",
        ]
    );
    assert_eq!(
        (
            found.left_out.prepared,
            found.left_out.executions_without_text
        ),
        (1, 1)
    );
}

#[test]
fn attributes_of_queries_are_skipped() {
    let mut wire = Wire::new(5000);
    wire.open();
    wire.greet(PLAIN | ATTRIBUTES);
    wire.log_in(PLAIN | ATTRIBUTES, "app", "shop");
    wire.command(3, b"\0\x01select 1");
    wire.command(3, b"\x01\x01\0\x01\xfd\0\x04name\x05valueselect 2");
    wire.send(CLIENT, 0, b"\x16select ?");
    wire.send(SERVER, 1, b"\0\x07\0\0\0\x01\0\x01\0\0\0\0");
    wire.command(0x17, b"\x07\0\0\0\x08\x01\0\0\0\x01\0\x01\x01\0\0\x09");
    let found = read(pcap(&wire.packets));
    assert_eq!(statements(&found), ["select 1", "select 2", "select 9"]);
}

#[test]
fn encryption_and_compression_are_counted() {
    let mut encrypted = Wire::new(5000);
    encrypted.open();
    encrypted.greet(PLAIN | SSL);
    encrypted.send(
        CLIENT,
        1,
        &[&(PLAIN | SSL).to_le_bytes()[..], &[0; 28]].concat(),
    );
    encrypted.bytes(CLIENT, b"\x16\x03\x01\x02\0garbage");
    let mut compressed = Wire::new(5001);
    compressed.open();
    compressed.greet(PLAIN | COMPRESS);
    compressed.log_in(PLAIN | COMPRESS, "app", "shop");
    compressed.bytes(CLIENT, b"\x0a\0\0\0\0\0\0\x06\0\0\0\x03select");
    let mut other = logged_in(5002);
    other.command(3, b"select 1");
    let packets = [encrypted.packets, compressed.packets, other.packets].concat();
    let found = read(pcap(&packets));
    assert_eq!(statements(&found), ["select 1"]);
    assert_eq!(found.left_out.encrypted_connections, 1);
    assert_eq!(found.left_out.compressed_connections, 1);
    let places: Vec<Place> = found.warnings.iter().map(|warning| warning.place).collect();
    assert_eq!(places, [Place::Packet(5), Place::Packet(11)]);
    assert!(found.warnings[0].message.contains("found TLS"));
}

#[test]
fn a_connection_without_its_beginning_is_used() {
    let mut known = Wire::new(5000);
    known.bytes(SERVER, b"the end of a result");
    known.bytes(CLIENT, b"the end of a statement");
    known.command(3, b"select 1");
    let mut unknown = Wire::new(5001).on_port(4000);
    unknown.command(3, b"select 2");
    unknown.command(3, b"\0\x01select 3");
    unknown.command(0x17, b"\x07\0\0\0\0\x01\0\0\0");
    let found = read(pcap(&[known.packets, unknown.packets].concat()));
    assert_eq!(statements(&found), ["select 1", "select 2", "select 3"]);
    assert_eq!(found.left_out.executions_without_text, 1);
}

#[test]
fn an_encrypted_connection_without_its_beginning_is_counted() {
    let mut wire = Wire::new(5000);
    wire.bytes(CLIENT, b"\x17\x03\x03\x01\x00garbage");
    wire.bytes(CLIENT, b"\x17\x03\x03\x01\x00garbage");
    let found = read(pcap(&wire.packets));
    assert_eq!(
        (found.all.len(), found.left_out.encrypted_connections),
        (0, 1)
    );
}

#[test]
fn what_speaks_no_mysql_is_left_out() {
    let mut web = Wire::new(5000).on_port(80);
    web.open();
    web.bytes(CLIENT, b"GET / HTTP/1.1\r\n\r\n");
    web.bytes(SERVER, b"HTTP/1.1 200 OK\r\n\r\n");
    web.bytes(CLIENT, b"GET / HTTP/1.1\r\n\r\n");
    let found = read(pcap(&web.packets));
    assert_eq!(
        (found.all.len(), found.left_out.foreign_connections),
        (0, 1)
    );
}

#[test]
fn a_capture_that_was_cut_says_where() {
    let mut wire = logged_in(5000);
    wire.command(3, b"select 1");
    let mut file = pcap(&wire.packets);
    file.truncate(file.len() - 3);
    let found = read(file);
    assert_eq!(statements(&found), ["select 1"]);
    assert_eq!(found.warnings[0].place, Place::Packet(8));
    assert_eq!(
        found.warnings[0].message,
        "expected a packet; found the end of the file within it: the rest is not read"
    );
}

#[test]
fn packets_that_were_cut_lose_their_statements_alone() {
    let mut wire = logged_in(5000);
    wire.command(3, format!("select '{}'", "x".repeat(500)).as_bytes());
    wire.command(3, b"select 2");
    let found = read(pcap_of(1, &wire.packets, 200));
    assert_eq!(statements(&found), ["select 2"]);
    assert_eq!((found.left_out.cut, found.left_out.gaps), (1, 1));
}

#[test]
fn reads_packets_of_each_link_type() {
    let mut wire = logged_in(5000);
    wire.command(3, b"select 1");
    let relinked = |header: &[u8]| -> Vec<Vec<u8>> {
        let packets = wire.packets.iter();
        packets
            .map(|packet| [header, &packet[14..]].concat())
            .collect()
    };
    let mut cooked = [0; 16];
    cooked[14..].copy_from_slice(&[8, 0]);
    let mut cooked_2 = [0; 20];
    cooked_2[..2].copy_from_slice(&[8, 0]);
    for (link, header) in [
        (113, &cooked[..]),
        (276, &cooked_2),
        (0, &[2, 0, 0, 0]),
        (108, &[0, 0, 0, 2]),
        (101, &[]),
        (228, &[]),
    ] {
        let found = read(pcap_of(link, &relinked(header), usize::MAX));
        assert_eq!(statements(&found), ["select 1"], "link type {link}");
    }
    let found = read(pcap_of(147, &relinked(&[]), usize::MAX));
    assert_eq!(found.all.len(), 0);
    assert_eq!(found.warnings.len(), 1);
    assert!(
        found.warnings[0].message.contains("link type 147"),
        "{found:?}",
        found = found.warnings
    );
}

#[test]
fn a_lost_segment_costs_what_is_in_it() {
    let mut wire = logged_in(5000);
    wire.command(3, b"select 1");
    wire.command(3, b"select 2");
    wire.packets.remove(8);
    for number in 3..9 {
        wire.command(3, format!("select {number}").as_bytes());
    }
    let found = read(pcap(&wire.packets));
    assert_eq!(found.left_out.gaps, 1);
    let rest = ["select 4", "select 5", "select 6", "select 7", "select 8"];
    assert_eq!(statements(&found)[..1], ["select 1"]);
    assert_eq!(statements(&found)[found.all.len() - 5..], rest);
}

/// A capture with something of everything.
fn mixed() -> Vec<u8> {
    let mut wire = logged_in(5000);
    wire.command(3, b"select 1");
    wire.send(CLIENT, 0, b"\x16select ?");
    wire.send(SERVER, 1, b"\0\x07\0\0\0\x01\0\x01\0\0\0\0");
    wire.command(
        0x17,
        b"\x07\0\0\0\0\x01\0\0\0\0\x01\x08\0\x05\0\0\0\0\0\0\0",
    );
    wire.close();
    pcapng(&wire.packets)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_broken_capture_is_read_to_its_end(
        is_ng in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut wire = logged_in(5000);
        wire.command(3, b"select 1");
        let mut file = if is_ng { mixed() } else { pcap(&wire.packets) };
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let end = end.index(file.len());
        for length in [file.len(), end] {
            let file = file[..length].to_vec();
            if let Ok(mut log) = Log::from_reader(std::io::Cursor::new(file), Path::new("x")) {
                while let Ok(Some(_)) = log.next_entry() {}
            }
        }
    }
}

#[test]
fn connections_have_numbers_and_ends() {
    let mut wire = logged_in(5000);
    wire.command(3, b"select 1");
    wire.send(CLIENT, 0, b"\x01");
    wire.close();
    // One whose beginning was not captured.
    let mut other = Wire::new(6000);
    other.command(3, b"select 2");
    wire.packets.extend(other.packets);
    let file = pcap(&wire.packets);
    let mut log = Log::from_reader(std::io::Cursor::new(file), Path::new("x")).expect("a log");
    let mut seen = Vec::new();
    while let Some(command) = log.next_command().expect("a command") {
        seen.push(match command {
            Command::Statement(entry) => (false, entry.connection),
            Command::Quit { connection, .. } => (true, Some(connection)),
        });
    }
    let known = seen[0].1;
    assert!(known.is_some_and(|number| number < 1 << 63), "{seen:?}");
    assert_eq!(seen[1], (true, known));
    assert!(seen[2].1.is_some_and(|number| number > 1 << 63), "{seen:?}");
}
