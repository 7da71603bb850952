//! The frames of a relay: kind, connection, length, bytes. `relay.pl` has the other end.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes before those of the payload.
const HEAD: usize = 9;
/// The largest payload of either side.
pub(super) const CHUNK: usize = 64 * 1024;

/// What a frame says of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The relay is there; of no connection.
    Hello,
    /// Connect to the target in the payload.
    Open,
    /// It is connected.
    Opened,
    /// Bytes.
    Data,
    /// No more bytes follow in this direction.
    Ended,
    /// It has ended in both directions, for the reason in the payload.
    Reset,
    /// That many more bytes may be sent.
    Window,
}

const KINDS: [Kind; 7] = [
    Kind::Hello,
    Kind::Open,
    Kind::Opened,
    Kind::Data,
    Kind::Ended,
    Kind::Reset,
    Kind::Window,
];

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) connection: u32,
    pub(super) bytes: Bytes,
}

impl Frame {
    pub(super) fn new(kind: Kind, connection: u32, bytes: impl Into<Bytes>) -> Self {
        Frame {
            kind,
            connection,
            bytes: bytes.into(),
        }
    }

    /// Extends the other side's window.
    pub(super) fn window(connection: u32, count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Frame::new(Kind::Window, connection, count.to_be_bytes().to_vec())
    }

    /// By how much the other side extends the window.
    pub(super) fn count(&self) -> usize {
        let count = self.bytes.first_chunk().copied().map(u32::from_be_bytes);
        count.map_or(0, |count| count as usize)
    }

    /// Appends its bytes.
    pub(super) fn write(&self, to: &mut BytesMut) {
        to.reserve(HEAD + self.bytes.len());
        to.put_u8(self.kind as u8);
        to.put_u32(self.connection);
        to.put_u32(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
        to.put_slice(&self.bytes);
    }

    /// Takes the first whole frame; `None` if more bytes must come before.
    ///
    /// # Errors
    /// What was found instead of a frame.
    pub(super) fn take(from: &mut BytesMut) -> Result<Option<Self>, String> {
        let Some(head) = from.first_chunk::<HEAD>().copied() else {
            return Ok(None);
        };
        let [kind, a, b, c, d, e, f, g, h] = head;
        let connection = u32::from_be_bytes([a, b, c, d]);
        let length = u32::from_be_bytes([e, f, g, h]) as usize;
        let known = KINDS.get(usize::from(kind)).copied();
        let Some(kind) = known.filter(|_| length <= CHUNK) else {
            let start = &from[..from.len().min(80)];
            return Err(format!("`{}`", String::from_utf8_lossy(start).trim()));
        };
        if from.len() < HEAD + length {
            return Ok(None);
        }
        from.advance(HEAD);
        Ok(Some(Frame {
            kind,
            connection,
            bytes: Bytes::from(from.split_to(length)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_whatever_their_pieces() {
        let frames = [
            Frame::new(Kind::Hello, 0, ""),
            Frame::new(Kind::Data, 7, "bytes"),
            Frame::window(u32::MAX, 70_000),
        ];
        let mut written = BytesMut::new();
        frames.iter().for_each(|frame| frame.write(&mut written));
        for size in 1..written.len() {
            let (mut left, mut read) = (BytesMut::new(), Vec::new());
            for piece in written.chunks(size) {
                left.extend_from_slice(piece);
                while let Some(frame) = Frame::take(&mut left).expect("frames") {
                    read.push(frame);
                }
            }
            assert_eq!(read, frames, "{size}");
        }
        assert_eq!(frames[2].count(), 70_000);
    }

    #[test]
    fn what_is_no_frame_is_shown() {
        let mut said = BytesMut::from("sh: perl: not found");
        let told = Frame::take(&mut said).expect_err("a line of a shell");
        assert_eq!(told, "`sh: perl: not found`");
        let mut long = BytesMut::new();
        Frame::new(Kind::Data, 1, vec![0; CHUNK + 1]).write(&mut long);
        Frame::take(&mut long).expect_err("a frame that no relay sends");
    }

    #[test]
    fn the_program_has_the_same_kinds() {
        let program = include_str!("relay.pl");
        let kinds = KINDS.map(|kind| {
            let name = format!("{kind:?}").to_uppercase();
            format!("{name} => {}", kind as u8)
        });
        assert!(program.contains(&kinds.join(", ")), "{kinds:?}");
    }
}
