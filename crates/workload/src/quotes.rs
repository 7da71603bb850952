//! Strings and comments of a statement, for those who look for something outside them.

use memchr::{memchr, memchr2, memmem};

/// The next place of a byte at or after `from`, outside strings, quoted names and comments.
/// `Err` where the text ends within one of them.
pub(crate) fn find_outside(
    text: &[u8],
    from: usize,
    wanted: Option<u8>,
) -> Result<Option<usize>, Unclosed> {
    let mut at = from;
    loop {
        let rest = &text[at..];
        let is_special = |byte: &u8| IS_SPECIAL[usize::from(*byte)] || Some(*byte) == wanted;
        let Some(plain) = rest.iter().position(is_special) else {
            return Ok(None);
        };
        at += plain;
        let rest = &text[at..];
        let byte = rest[0];
        at += match byte {
            b'\'' | b'"' | b'`' => quoted_length(rest, byte).ok_or(Unclosed)?,
            b'#' => line_length(rest),
            b'-' if is_dashes(rest) => line_length(rest),
            b'/' if rest.starts_with(b"/*!") || rest.starts_with(b"/*M!") => 3,
            b'/' if rest.starts_with(b"/*") => memmem::find(&rest[2..], b"*/").ok_or(Unclosed)? + 4,
            byte if Some(byte) == wanted => return Ok(Some(at)),
            _ => 1,
        };
    }
}

/// Bytes that may begin a string, a quoted name or a comment.
const IS_SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut at = 0;
    while at < SPECIAL.len() {
        special[SPECIAL[at] as usize] = true;
        at += 1;
    }
    special
};
const SPECIAL: &[u8] = b"'\"`#-/";

/// A text ends within a string or a comment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unclosed;

/// Whether a text ends outside strings and comments.
pub(crate) fn is_closed(text: &[u8]) -> bool {
    find_outside(text, 0, None).is_ok()
}

/// The length of a quoted text with both quotes.
fn quoted_length(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    loop {
        let rest = text.get(at..)?;
        let found = match quote {
            b'`' => memchr(quote, rest)?,
            _ => memchr2(quote, b'\\', rest)?,
        };
        at += found + 1;
        if text[at - 1] != quote || text.get(at) == Some(&quote) {
            at += 1;
        } else {
            return Some(at);
        }
    }
}

fn line_length(text: &[u8]) -> usize {
    memchr(b'\n', text).unwrap_or(text.len())
}

/// Two dashes begin a comment if a blank or the end follows.
fn is_dashes(text: &[u8]) -> bool {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_control();
    text.get(1) == Some(&b'-') && text.get(2).is_none_or(is_blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_are_closed_or_not() {
        for text in [
            "select 1",
            "'a''b' \"\\\"\" `a\\`",
            "/* ' */ -- '\n# \"\n1",
            "1--'x'",
            "/*! 1 */",
        ] {
            assert!(is_closed(text.as_bytes()), "{text}");
        }
        for text in ["'a", "'a\\'", "`a", "/* x", "'a''"] {
            assert!(!is_closed(text.as_bytes()), "{text}");
        }
    }
}
