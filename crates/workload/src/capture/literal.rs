//! Values of the binary protocol, written as literals of SQL.

use super::bytes::Bytes;

/// Types of values (`enum_field_types`).
mod kind {
    pub(super) const DECIMAL: u8 = 0;
    pub(super) const TINY: u8 = 1;
    pub(super) const SHORT: u8 = 2;
    pub(super) const LONG: u8 = 3;
    pub(super) const FLOAT: u8 = 4;
    pub(super) const DOUBLE: u8 = 5;
    pub(super) const NULL: u8 = 6;
    pub(super) const TIMESTAMP: u8 = 7;
    pub(super) const LONGLONG: u8 = 8;
    pub(super) const INT24: u8 = 9;
    pub(super) const DATE: u8 = 10;
    pub(super) const TIME: u8 = 11;
    pub(super) const DATETIME: u8 = 12;
    pub(super) const YEAR: u8 = 13;
    pub(super) const NEWDECIMAL: u8 = 246;
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) kind: u8,
    pub(super) is_unsigned: bool,
}

/// Takes a value from a packet and writes it as a literal.
pub(super) fn write_value(bytes: &mut Bytes<'_>, of: Kind, target: &mut Vec<u8>) -> Option<()> {
    let text = match of.kind {
        kind::TINY => integer(bytes, 1, of.is_unsigned)?,
        kind::SHORT | kind::YEAR => integer(bytes, 2, of.is_unsigned)?,
        kind::LONG | kind::INT24 => integer(bytes, 4, of.is_unsigned)?,
        kind::LONGLONG => integer(bytes, 8, of.is_unsigned)?,
        kind::FLOAT => {
            let value = f32::from_bits(bytes.number(4)? as u32);
            float(value.is_finite().then(|| format!("{value:e}")))
        }
        kind::DOUBLE => {
            let value = f64::from_bits(bytes.number(8)?);
            float(value.is_finite().then(|| format!("{value:e}")))
        }
        kind::NULL => "NULL".to_owned(),
        kind::DATE | kind::DATETIME | kind::TIMESTAMP => date(bytes, of.kind)?,
        kind::TIME => time(bytes)?,
        kind::DECIMAL | kind::NEWDECIMAL => {
            let text = bytes.sized_text()?;
            let is_number = text.iter().any(u8::is_ascii_digit)
                && text
                    .iter()
                    .all(|byte| byte.is_ascii_digit() || b"+-.".contains(byte));
            match is_number {
                true => target.extend_from_slice(text),
                false => write_text(text, target),
            }
            return Some(());
        }
        _ => {
            write_text(bytes.sized_text()?, target);
            return Some(());
        }
    };
    target.extend_from_slice(text.as_bytes());
    Some(())
}

/// A number with an exponent, which servers read as one of floating point.
fn float(text: Option<String>) -> String {
    text.unwrap_or_else(|| "NULL".to_owned())
}

fn integer(bytes: &mut Bytes<'_>, length: usize, is_unsigned: bool) -> Option<String> {
    let value = bytes.number(length)?;
    if is_unsigned {
        return Some(value.to_string());
    }
    let unused = 64 - 8 * length as u32;
    Some((((value << unused) as i64) >> unused).to_string())
}

fn date(bytes: &mut Bytes<'_>, of: u8) -> Option<String> {
    let length = bytes.byte()?;
    let mut part = Bytes(bytes.take(length.into())?);
    let mut next = |length: usize| part.number(length).unwrap_or(0);
    let (year, month, day) = (next(2), next(1), next(1));
    let date = format!("{year:04}-{month:02}-{day:02}");
    if of == kind::DATE {
        return Some(format!("'{date}'"));
    }
    let (hour, minute, second, micros) = (next(1), next(1), next(1), next(4));
    let fraction = if length > 7 {
        format!(".{micros:06}")
    } else {
        String::new()
    };
    Some(format!(
        "'{date} {hour:02}:{minute:02}:{second:02}{fraction}'"
    ))
}

fn time(bytes: &mut Bytes<'_>) -> Option<String> {
    let length = bytes.byte()?;
    let mut part = Bytes(bytes.take(length.into())?);
    let mut next = |length: usize| part.number(length).unwrap_or(0);
    let sign = if next(1) == 1 { "-" } else { "" };
    let hours = next(4) * 24 + next(1);
    let (minute, second, micros) = (next(1), next(1), next(4));
    let fraction = if length > 8 {
        format!(".{micros:06}")
    } else {
        String::new()
    };
    Some(format!(
        "'{sign}{hours:02}:{minute:02}:{second:02}{fraction}'"
    ))
}

/// Writes a text in quotes, or in hexadecimal digits where it is no UTF-8.
pub(super) fn write_text(text: &[u8], target: &mut Vec<u8>) {
    if std::str::from_utf8(text).is_err() {
        target.extend_from_slice(b"x'");
        for byte in text {
            let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
            target.extend([digit(byte >> 4), digit(byte & 15)]);
        }
        return target.push(b'\'');
    }
    target.push(b'\'');
    for &byte in text {
        match byte {
            b'\'' => target.extend_from_slice(b"''"),
            b'\\' => target.extend_from_slice(b"\\\\"),
            0 => target.extend_from_slice(b"\\0"),
            b'\n' => target.extend_from_slice(b"\\n"),
            b'\r' => target.extend_from_slice(b"\\r"),
            26 => target.extend_from_slice(b"\\Z"),
            byte => target.push(byte),
        }
    }
    target.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: u8, is_unsigned: bool, bytes: &[u8]) -> String {
        let mut text = Vec::new();
        let kind = Kind { kind, is_unsigned };
        write_value(&mut Bytes(bytes), kind, &mut text).expect("a value");
        String::from_utf8(text).expect("UTF-8")
    }

    #[test]
    fn values_of_each_type_are_literals() {
        for (kind, is_unsigned, bytes, text) in [
            (1, false, &b"\xff"[..], "-1"),
            (1, true, b"\xff", "255"),
            (2, false, b"\x00\x80", "-32768"),
            (3, false, b"\x2a\0\0\0", "42"),
            (
                8,
                true,
                b"\xff\xff\xff\xff\xff\xff\xff\xff",
                "18446744073709551615",
            ),
            (8, false, b"\xff\xff\xff\xff\xff\xff\xff\xff", "-1"),
            (4, false, b"\0\0\x20\x40", "2.5e0"),
            (5, false, b"\0\0\0\0\0\0\xf8\x7f", "NULL"),
            (6, false, b"", "NULL"),
            (10, false, b"\x04\xea\x07\x0b\x1b", "'2026-11-27'"),
            (12, false, b"\x04\xea\x07\x0b\x1b", "'2026-11-27 00:00:00'"),
            (
                12,
                false,
                b"\x0b\xea\x07\x0b\x1b\x14\x0f\x01\x01\0\0\0",
                "'2026-11-27 20:15:01.000001'",
            ),
            (11, false, b"\0", "'00:00:00'"),
            (11, false, b"\x08\x01\x01\0\0\0\x02\x03\x04", "'-26:03:04'"),
            (246, false, b"\x05-1.50", "-1.50"),
            (253, false, b"\x06it's\\\n", "'it''s\\\\\\n'"),
            (252, false, b"\x02\xff\x00", "x'FF00'"),
        ] {
            assert_eq!(written(kind, is_unsigned, bytes), text);
        }
    }
}
