//! Character sets of the client: determines the length of a character.
//!
//! In some of them the second byte of a character can look like a quote or a backslash.

/// A character set that the `charset` command can choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charset {
    /// The servers' name for it.
    pub(super) name: &'static str,
    bytes: Bytes,
}

/// The encoding of characters of more than one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bytes {
    Single,
    Utf8,
    Big5,
    Euc,
    EucKr,
    Gb2312,
    Gb18030,
    Gbk,
    Sjis,
}

const SINGLE: [&str; 32] = [
    "armscii8", "ascii", "binary", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852",
    "cp866", "dec8", "geostd8", "greek", "hebrew", "hp8", "keybcs2", "koi8r", "koi8u", "latin1",
    "latin2", "latin5", "latin7", "macce", "macroman", "swe7", "tis620",
    // Not single bytes; servers reject them as a client's character set.
    "ucs2", "utf16", "utf16le", "utf32", "filename", "utf32le",
];

const SEVERAL: [(&str, Bytes); 11] = [
    ("utf8mb4", Bytes::Utf8),
    ("utf8mb3", Bytes::Utf8),
    ("big5", Bytes::Big5),
    ("ujis", Bytes::Euc),
    ("eucjpms", Bytes::Euc),
    ("euckr", Bytes::EucKr),
    ("gb2312", Bytes::Gb2312),
    ("gb18030", Bytes::Gb18030),
    ("gbk", Bytes::Gbk),
    ("sjis", Bytes::Sjis),
    ("cp932", Bytes::Sjis),
];

impl Default for Charset {
    fn default() -> Self {
        Charset {
            name: "utf8mb4",
            bytes: Bytes::Utf8,
        }
    }
}

impl Charset {
    /// Finds a character set by name, in any case; `utf8` is what servers call `utf8mb3`.
    pub(super) fn find(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = if name == "utf8" { "utf8mb3" } else { &name };
        let single = SINGLE.iter().map(|single| (*single, Bytes::Single));
        SEVERAL
            .into_iter()
            .chain(single)
            .find(|(known, _)| *known == name)
            .map(|(name, bytes)| Charset { name, bytes })
    }

    /// Bytes of the first character of a text, which must not be empty.
    pub(super) fn length(self, text: &[u8]) -> usize {
        let at = |at: usize| text.get(at).copied().unwrap_or(0);
        let (first, second) = (at(0), at(1));
        let double = match self.bytes {
            Bytes::Single => false,
            Bytes::Utf8 => return utf8_length(text),
            Bytes::Big5 => {
                matches!(first, 0xA1..=0xF9) && matches!(second, 0x40..=0x7E | 0xA1..=0xFE)
            }
            Bytes::Euc => {
                let kana = first == 0x8E && matches!(second, 0xA0..=0xDF);
                if first == 0x8F && matches!((second, at(2)), (0xA1..=0xFE, 0xA1..=0xFE)) {
                    return 3;
                }
                kana || matches!((first, second), (0xA1..=0xFE, 0xA1..=0xFE))
            }
            Bytes::EucKr => {
                matches!(first, 0x81..=0xFE)
                    && matches!(second, 0x41..=0x5A | 0x61..=0x7A | 0x81..=0xFE)
            }
            Bytes::Gb2312 => matches!((first, second), (0xA1..=0xF7, 0xA1..=0xFE)),
            Bytes::Gb18030 => {
                if matches!((first, second), (0x81..=0xFE, 0x30..=0x39))
                    && matches!((at(2), at(3)), (0x81..=0xFE, 0x30..=0x39))
                {
                    return 4;
                }
                matches!(first, 0x81..=0xFE) && matches!(second, 0x40..=0x7E | 0x80..=0xFE)
            }
            Bytes::Gbk => {
                matches!(first, 0x81..=0xFE) && matches!(second, 0x40..=0x7E | 0x80..=0xFE)
            }
            Bytes::Sjis => {
                matches!(first, 0x81..=0x9F | 0xE0..=0xFC)
                    && matches!(second, 0x40..=0x7E | 0x80..=0xFC)
            }
        };
        if double { 2 } else { 1 }
    }
}

/// Bytes of a well-formed character, else 1.
fn utf8_length(text: &[u8]) -> usize {
    let length = match text[0] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return 1,
    };
    match text.get(..length) {
        Some(letter) if std::str::from_utf8(letter).is_ok() => length,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_byte_belongs_to_its_character() {
        for (name, text, length) in [
            ("GBK", &b"\xb1\x5c'"[..], 2),
            ("sjis", b"\x83\x5c'", 2),
            ("big5", b"\xa5\x5c'", 2),
            ("gb18030", b"\x81\x30\x81\x30'", 4),
            ("ujis", b"\x8f\xa1\xa1", 3),
            ("utf8", "é'".as_bytes(), 2),
            ("utf8mb4", b"\xc3'", 1),
            ("latin1", b"\xb1\x5c'", 1),
            ("gbk", b"\xb1", 1),
        ] {
            let charset = Charset::find(name).expect("it is known");
            assert_eq!(charset.length(text), length, "{name}");
        }
        assert_eq!(Charset::find("nosuch"), None);
    }
}
