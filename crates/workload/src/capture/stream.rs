//! One direction of a connection: segments put in order, and packets of MySQL's protocol
//! in them.

/// Bytes and segments that wait for an earlier one; beyond them it is taken to be lost.
const MOST_WAITING: usize = 1 << 20;
const MOST_SEGMENTS: usize = 1024;

/// The length of a packet that another one continues.
const FULL: usize = 0xff_ffff;

/// Bytes in order, as far as they are there.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The number of the next byte.
    next: Option<u32>,
    /// Segments beyond it, with the numbers of their first bytes.
    waiting: Vec<(u32, Vec<u8>)>,
    waiting_bytes: usize,
    /// Bytes that were not read as packets yet.
    bytes: Vec<u8>,
    /// Bytes at the front of them that were read.
    read: usize,
}

/// What came of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// Bytes follow on those before.
    InOrder,
    /// Bytes before these are lost.
    AfterGap,
    /// No new bytes.
    Nothing,
}

/// A packet of MySQL's protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its number within an exchange.
    pub(super) number: u8,
    pub(super) payload: Vec<u8>,
}

impl Stream {
    /// Begins before a byte.
    pub(super) fn begin(&mut self, sequence: u32) {
        *self = Stream {
            next: Some(sequence),
            ..Stream::default()
        };
    }

    pub(super) fn add(&mut self, sequence: u32, payload: &[u8]) -> Added {
        if payload.is_empty() {
            return Added::Nothing;
        }
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next) as i32;
        if ahead > 0 {
            if !self.waiting.iter().any(|(own, _)| *own == sequence) {
                self.waiting_bytes += payload.len();
                self.waiting.push((sequence, payload.to_owned()));
            }
            if self.waiting_bytes <= MOST_WAITING && self.waiting.len() <= MOST_SEGMENTS {
                return Added::Nothing;
            }
            self.skip_to_waiting();
            return Added::AfterGap;
        }
        if !self.append(sequence, payload) {
            return Added::Nothing;
        }
        self.append_waiting();
        Added::InOrder
    }

    /// Skips bytes that the capture does not have.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.forget();
        self.next = self.next.map(|next| next.wrapping_add(bytes as u32));
        self.append_waiting();
    }

    /// Gives up bytes that the other end has received and that were not captured; true if
    /// later ones wait for them.
    pub(super) fn skip_received(&mut self, acknowledged: u32) -> bool {
        let is_lost = !self.waiting.is_empty()
            && self
                .next
                .is_some_and(|next| acknowledged.wrapping_sub(next) as i32 > 0);
        if is_lost {
            self.skip_to_waiting();
        }
        is_lost
    }

    /// Appends what a segment has beyond the bytes that are there.
    fn append(&mut self, sequence: u32, payload: &[u8]) -> bool {
        let next = self.next.unwrap_or(sequence);
        let known = next.wrapping_sub(sequence) as usize;
        let Some(new) = payload.get(known..).filter(|new| !new.is_empty()) else {
            return false;
        };
        self.bytes.extend_from_slice(new);
        self.next = Some(next.wrapping_add(new.len() as u32));
        true
    }

    fn append_waiting(&mut self) {
        loop {
            let next = self.next.unwrap_or(0);
            let found = self.waiting.iter();
            let found = found
                .enumerate()
                .find(|(_, (own, _))| own.wrapping_sub(next) as i32 <= 0);
            let Some((at, _)) = found else {
                return;
            };
            let (sequence, payload) = self.waiting.swap_remove(at);
            self.waiting_bytes -= payload.len();
            self.append(sequence, &payload);
        }
    }

    /// Goes on with the first segment that waits.
    fn skip_to_waiting(&mut self) {
        self.forget();
        let next = self.next.unwrap_or(0);
        let first = self
            .waiting
            .iter()
            .map(|(own, _)| own.wrapping_sub(next))
            .min();
        self.next = first.map(|ahead| next.wrapping_add(ahead));
        self.append_waiting();
    }

    /// Drops bytes that were not read.
    pub(super) fn forget(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(1 << 16);
        self.read = 0;
    }

    /// Bytes that were not read.
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes.len() + self.waiting_bytes
    }

    /// The next packet, if all of it is there.
    pub(super) fn frame(&mut self) -> Option<Frame> {
        let unread = &self.bytes[self.read..];
        let number = *unread.get(3)?;
        let mut at = 0;
        loop {
            let length = length_at(unread, at)?;
            at += 4 + length;
            unread.get(at.checked_sub(1)?)?;
            if length < FULL {
                break;
            }
        }
        let mut payload = Vec::with_capacity(at);
        let mut from = 0;
        while from < at {
            let length = length_at(unread, from)?;
            payload.extend_from_slice(&unread[from + 4..from + 4 + length]);
            from += 4 + length;
        }
        self.read += at;
        if self.read == self.bytes.len() {
            self.forget();
        } else if self.read > 1 << 16 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        Some(Frame { number, payload })
    }
}

/// The length of the packet at a place.
fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    let header = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_put_in_order() {
        let mut stream = Stream::default();
        stream.begin(u32::MAX - 2);
        assert_eq!(stream.add(3, b"ghi"), Added::Nothing);
        assert_eq!(stream.add(u32::MAX - 2, b"abc"), Added::InOrder);
        assert_eq!(stream.add(u32::MAX - 2, b"abc"), Added::Nothing);
        assert_eq!(stream.add(u32::MAX, b"cdef"), Added::InOrder);
        assert_eq!(stream.unread(), b"abcdefghi");
    }

    #[test]
    fn a_lost_segment_is_skipped_when_too_much_waits() {
        let mut stream = Stream::default();
        stream.begin(0);
        stream.add(0, b"ab");
        let long = vec![b'x'; MOST_WAITING];
        assert_eq!(stream.add(100, &long), Added::Nothing);
        assert_eq!(stream.add(100 + long.len() as u32, b"y"), Added::AfterGap);
        assert_eq!(stream.unread().len(), long.len() + 1);
    }

    #[test]
    fn long_packets_are_put_together() {
        let mut stream = Stream::default();
        let mut sent = vec![0xff, 0xff, 0xff, 0];
        sent.extend(vec![b'a'; FULL]);
        sent.extend([2, 0, 0, 1, b'b', b'c']);
        stream.add(0, &sent[..100]);
        assert_eq!(stream.frame(), None);
        stream.add(100, &sent[100..]);
        let frame = stream.frame().expect("a packet");
        assert_eq!(frame.payload.len(), FULL + 2);
        assert_eq!((frame.number, stream.unread()), (0, &b""[..]));
    }
}
