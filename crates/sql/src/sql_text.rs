//! Statements as bytes, and bytes as reversible text.
//!
//! dbmatrix sends bytes to a server, whatever the file contains. Reports, events and
//! stored expectations are text: there a byte of invalid UTF-8 is written `\xHH`, and a
//! backslash that would read as such an escape is written `\x5C`. Everything else stays
//! unchanged.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// One statement: the bytes to send, and its displayed form.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Sql {
    bytes: Vec<u8>,
    /// The range of the statement itself, without surrounding comments.
    shown: Range<usize>,
    /// The displayed form, if it is not part of the bytes.
    written: Option<Box<[u8]>>,
}

impl Sql {
    /// A statement at `shown` among comments. The file's reader inserted a blank at each
    /// position in `padding`, which is sent and not displayed.
    pub fn within_comments(bytes: Vec<u8>, shown: Range<usize>, padding: &[usize]) -> Self {
        let end = shown.end.min(bytes.len());
        let start = shown.start.min(end);
        let text = &bytes[start..end];
        let blanks = text.len() - text.trim_ascii_end().len();
        let shown = start..end - blanks;
        let written = (!padding.is_empty()).then(|| {
            let places = shown.clone().filter(|at| !padding.contains(at));
            places.map(|at| bytes[at]).collect()
        });
        Sql {
            bytes,
            shown,
            written,
        }
    }

    /// A statement that replaces the text `written` in a file.
    pub fn in_place_of(bytes: Vec<u8>, written: &[u8]) -> Self {
        Sql {
            written: Some(written.into()),
            ..bytes.into()
        }
    }

    /// The bytes to send.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The statement without surrounding comments, in the text form, for display and
    /// storage.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.written {
            Some(written) => escape_bytes(written),
            None => escape_bytes(&self.bytes[self.shown.clone()]),
        }
    }
}

impl AsRef<[u8]> for Sql {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Vec<u8>> for Sql {
    fn from(bytes: Vec<u8>) -> Self {
        Sql {
            shown: 0..bytes.len(),
            bytes,
            written: None,
        }
    }
}

impl From<String> for Sql {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&str> for Sql {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", escape_bytes(&self.bytes))
    }
}

/// Writes bytes as text, with invalid UTF-8 as `\xHH`.
pub fn escape_bytes(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.contains("\\x")
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        escape_backslashes(chunk.valid(), &mut text);
        for byte in chunk.invalid() {
            push_escape(*byte, &mut text);
        }
    }
    Cow::Owned(text)
}

/// Converts text of [`escape_bytes`] back to the bytes.
pub fn unescape_bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.contains("\\x") {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        match read_escape(rest) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[ESCAPE_LENGTH..];
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    Cow::Owned(bytes)
}

/// A number that stands for bytes, the same in each process and on each machine: files hold
/// it. Eight bytes at a time (the mixing of `wyhash`).
pub fn fingerprint(bytes: &[u8]) -> u64 {
    const SECRET: [u64; 2] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];
    let mix = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ (product >> 64) as u64
    };
    let mut state = SECRET[0] ^ bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = mix(state ^ u64::from_le_bytes(word), SECRET[1]).rotate_left(23) ^ state;
    }
    mix(state ^ SECRET[0], state.rotate_left(32) ^ SECRET[1])
}

/// Length of `\xHH`.
const ESCAPE_LENGTH: usize = 4;

fn escape_backslashes(valid: &str, text: &mut String) {
    let mut rest = valid;
    while let Some(at) = rest.find("\\x") {
        text.push_str(&rest[..at]);
        match read_escape(&rest.as_bytes()[at..]) {
            Some(_) => push_escape(b'\\', text),
            None => text.push('\\'),
        }
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
}

fn push_escape(byte: u8, text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push_str("\\x");
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// The byte for an escape at the start of a text. Only those that [`escape_bytes`] writes
/// are escapes: `\x80` to `\xFF`, and `\x5C`.
fn read_escape(text: &[u8]) -> Option<u8> {
    let [b'\\', b'x', high, low, ..] = text else {
        return None;
    };
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let byte = digit(high)? << 4 | digit(low)?;
    (byte >= 0x80 || byte == b'\\').then_some(byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_that_are_not_utf_8_are_escaped() {
        for (bytes, text) in [
            (&b"caf\xc3\xa9 \\n \\x41 \\xff"[..], "café \\n \\x41 \\xff"),
            (b"a\xffb\xc3", "a\\xFFb\\xC3"),
            (b"\\xFF \\x5C \\x5c", "\\x5CxFF \\x5Cx5C \\x5c"),
            (b"\\\xff", "\\\\xFF"),
        ] {
            assert_eq!(escape_bytes(bytes), text);
            assert_eq!(unescape_bytes(text), bytes);
        }
    }

    #[test]
    fn comments_around_a_statement_are_sent_and_not_shown() {
        let sent = b"/* a */ SELECT 1 -- b".to_vec();
        let sql = Sql::within_comments(sent.clone(), 8..17, &[]);
        assert_eq!((sql.bytes(), &*sql.text()), (&sent[..], "SELECT 1"));
        let sql = Sql::within_comments(sent, 8..17, &[14]);
        assert_eq!(sql.text(), "SELECT1");
        let sql = Sql::in_place_of(b"USE `w`".to_vec(), b"use w");
        assert_eq!((sql.bytes(), &*sql.text()), (&b"USE `w`"[..], "use w"));
    }

    proptest! {
        #[test]
        fn the_text_form_gives_the_bytes_back(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), proptest::sample::select(b"\\x5CF89".to_vec())], 0..40)
        ) {
            let text = escape_bytes(&bytes).into_owned();
            prop_assert_eq!(unescape_bytes(&text), &bytes[..]);
        }
    }
}
