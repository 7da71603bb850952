//! Captures made for tests: packets of a client and a server, in a file.

use etherparse::PacketBuilder;

/// Ends of a connection in a test.
pub(super) const CLIENT: u8 = 1;
pub(super) const SERVER: u8 = 2;

const LINK_ETHERNET: u32 = 1;

/// A connection whose segments go into a capture.
pub(super) struct Wire {
    pub(super) packets: Vec<Vec<u8>>,
    port: u16,
    server_port: u16,
    next: [u32; 2],
    is_v6: bool,
}

impl Wire {
    pub(super) fn new(port: u16) -> Self {
        Wire {
            packets: Vec::new(),
            port,
            server_port: 3306,
            next: [1000, u32::MAX - 50],
            is_v6: false,
        }
    }

    pub(super) fn v6(mut self) -> Self {
        self.is_v6 = true;
        self
    }

    pub(super) fn on_port(mut self, port: u16) -> Self {
        self.server_port = port;
        self
    }

    fn packet(&self, from: u8, sequence: u32, flags: &str, payload: &[u8]) -> Vec<u8> {
        let ports = match from {
            CLIENT => (self.port, self.server_port),
            _ => (self.server_port, self.port),
        };
        let to = CLIENT + SERVER - from;
        let link = PacketBuilder::ethernet2([from; 6], [to; 6]);
        let ip = if self.is_v6 {
            let address = |end: u8| {
                let mut address = [0; 16];
                address[15] = end;
                address
            };
            link.ipv6(address(from), address(to), 64)
        } else {
            link.ipv4([10, 0, 0, from], [10, 0, 0, to], 64)
        };
        let mut tcp = ip.tcp(ports.0, ports.1, sequence, 1000);
        if flags.contains('S') {
            tcp = tcp.syn();
        }
        if flags.contains('A') {
            let other = self.next[usize::from(to - 1)];
            tcp = tcp.ack(other);
        }
        if flags.contains('F') {
            tcp = tcp.fin();
        }
        let mut packet = Vec::new();
        tcp.write(&mut packet, payload).expect("a buffer");
        packet
    }

    /// The three segments by which a connection begins.
    pub(super) fn open(&mut self) {
        let [client, server] = self.next;
        self.packets
            .push(self.packet(CLIENT, client.wrapping_sub(1), "S", b""));
        self.packets
            .push(self.packet(SERVER, server.wrapping_sub(1), "SA", b""));
        self.packets.push(self.packet(CLIENT, client, "A", b""));
    }

    /// Bytes in one segment.
    pub(super) fn bytes(&mut self, from: u8, payload: &[u8]) {
        let next = &mut self.next[usize::from(from - 1)];
        let sequence = *next;
        *next = next.wrapping_add(payload.len() as u32);
        self.packets.push(self.packet(from, sequence, "A", payload));
    }

    /// A packet of MySQL's protocol.
    pub(super) fn send(&mut self, from: u8, number: u8, payload: &[u8]) {
        self.bytes(from, &frame(number, payload));
    }

    /// A command, and an answer to it.
    pub(super) fn command(&mut self, command: u8, argument: &[u8]) {
        self.send(CLIENT, 0, &[&[command], argument].concat());
        self.send(SERVER, 1, b"\0\0\0\x02\0\0\0");
    }

    pub(super) fn greet(&mut self, capabilities: u32) {
        let [a, b, c, d] = capabilities.to_le_bytes();
        let mut greeting = b"\x0a8.0.36\0\x2a\0\0\0abcdefgh\0".to_vec();
        greeting.extend([a, b, 255, 2, 0, c, d, 21]);
        greeting.extend([0; 10]);
        greeting.extend(b"abcdefghijkl\0");
        self.send(SERVER, 0, &greeting);
    }

    pub(super) fn log_in(&mut self, capabilities: u32, user: &str, database: &str) {
        let mut login = capabilities.to_le_bytes().to_vec();
        login.extend([0; 28]);
        login.extend(user.as_bytes());
        login.extend(b"\0\x04auth");
        login.extend(database.as_bytes());
        login.extend(b"\0mysql_native_password\0");
        self.send(CLIENT, 1, &login);
        self.send(SERVER, 2, b"\0\0\0\x02\0\0\0");
    }

    pub(super) fn close(&mut self) {
        let [client, server] = self.next;
        self.packets.push(self.packet(CLIENT, client, "FA", b""));
        self.packets.push(self.packet(SERVER, server, "FA", b""));
    }
}

pub(super) fn frame(number: u8, payload: &[u8]) -> Vec<u8> {
    let [a, b, c, _] = (payload.len() as u32).to_le_bytes();
    [&[a, b, c, number], payload].concat()
}

/// A pcap with a packet each millisecond.
pub(super) fn pcap(packets: &[Vec<u8>]) -> Vec<u8> {
    pcap_of(LINK_ETHERNET, packets, usize::MAX)
}

/// A pcap of a link type, with at most so many bytes of each packet.
pub(super) fn pcap_of(link: u32, packets: &[Vec<u8>], most: usize) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    file.extend([0; 8]);
    file.extend(262_144_u32.to_le_bytes());
    file.extend(link.to_le_bytes());
    for (number, packet) in packets.iter().enumerate() {
        let captured = packet.len().min(most);
        file.extend(1_795_810_500_u32.to_le_bytes());
        file.extend((number as u32 * 1000).to_le_bytes());
        file.extend((captured as u32).to_le_bytes());
        file.extend((packet.len() as u32).to_le_bytes());
        file.extend(&packet[..captured]);
    }
    file
}

/// A pcapng with nanoseconds.
pub(super) fn pcapng(packets: &[Vec<u8>]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let length = (body.len().next_multiple_of(4) + 12) as u32;
        let mut block = kind.to_le_bytes().to_vec();
        block.extend(length.to_le_bytes());
        block.extend(body);
        block.resize(length as usize - 4, 0);
        block.extend(length.to_le_bytes());
        block
    };
    let mut file = block(
        0x0a0d_0d0a,
        &[
            0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        ],
    );
    file.extend(block(
        1,
        &[1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0],
    ));
    for (number, packet) in packets.iter().enumerate() {
        let nanos = 1_795_810_500_000_000_000_u64 + number as u64 * 1_000_000;
        let mut body = vec![0; 4];
        body.extend(((nanos >> 32) as u32).to_le_bytes());
        body.extend((nanos as u32).to_le_bytes());
        body.extend((packet.len() as u32).to_le_bytes());
        body.extend((packet.len() as u32).to_le_bytes());
        body.extend(packet);
        file.extend(block(6, &body));
    }
    file
}
