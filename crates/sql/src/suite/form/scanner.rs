//! Tokens of a statement, as places in its text.

use memchr::{memchr, memchr2, memmem};

use super::{Token, find_keyword};

/// The comment by which a form says that there are several rows.
const FURTHER_ROWS: &[u8] = b"/* , ... */";

/// Reads tokens from a statement.
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Scanner { text, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    pub(super) fn next_token(&mut self) -> Option<Token> {
        if self.skip_blanks() {
            return Some(Token::FurtherRows);
        }
        let first = *self.text.get(self.at)?;
        Some(match CLASSES[usize::from(first)] {
            Class::Word => self.word(),
            Class::Digit => self.number(),
            _ => match first {
                b'\'' | b'"' => self.string(first),
                b'`' => self.quoted_name(),
                b'.' if self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit) => self.number(),
                _ => self.mark(first),
            },
        })
    }

    /// Skips blanks and comments; reads the content of a versioned comment (`/*!50000 …
    /// */`, `/*M! … */`) as ordinary text. True for the comment that says that there are
    /// several rows.
    fn skip_blanks(&mut self) -> bool {
        loop {
            while self.text.get(self.at).is_some_and(|byte| is_blank(*byte)) {
                self.at += 1;
            }
            let rest = self.rest();
            let length = match rest {
                [b'/', b'*', b'!', ..] => 3 + count_digits(&rest[3..]),
                [b'/', b'*', b'M', b'!', ..] => 4 + count_digits(&rest[4..]),
                [b'/', b'*', ..] if rest.starts_with(FURTHER_ROWS) => {
                    self.at += FURTHER_ROWS.len();
                    return true;
                }
                [b'/', b'*', comment @ ..] => {
                    memmem::find(comment, b"*/").map_or(rest.len(), |end| end + 4)
                }
                [b'*', b'/', ..] => 2,
                [b'#', ..] => line_length(rest),
                [b'-', b'-', ..] if is_dashes(rest) => line_length(rest),
                _ => return false,
            };
            self.at += length;
        }
    }

    fn string(&mut self, quote: u8) -> Token {
        self.skip_quoted(quote, true);
        Token::Value
    }

    fn quoted_name(&mut self) -> Token {
        let from = self.at + 1;
        let is_closed = self.skip_quoted(b'`', false);
        let to = self.at - usize::from(is_closed);
        Token::Quoted { from, to }
    }

    /// Skips a quoted text to its closing quote; a doubled quote does not close it. False
    /// where there is no closing quote.
    fn skip_quoted(&mut self, quote: u8, has_escapes: bool) -> bool {
        let mut at = self.at + 1;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let found = match has_escapes {
                true => memchr2(quote, b'\\', rest),
                false => memchr(quote, rest),
            };
            let Some(found) = found else {
                self.at = self.text.len();
                return false;
            };
            at += found + 1;
            if self.text[at - 1] != quote || self.text.get(at) == Some(&quote) {
                at += 1;
            } else {
                self.at = at;
                return true;
            }
        }
    }

    /// Reads a number; a word that begins with digits, such as `1st`, is a name.
    fn number(&mut self) -> Token {
        let rest = self.rest();
        let digits = |from: usize| from + count_digits(&rest[from..]);
        let mut end = digits(0);
        if rest.get(end) == Some(&b'.') {
            end = digits(end + 1);
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let last = digits(end + 1 + sign);
            if last > end + 1 + sign {
                end = last;
            }
        }
        let word = word_length(rest);
        if word > end && !is_hex_or_bits(&rest[..word]) {
            return self.word();
        }
        self.at += end.max(word);
        Token::Value
    }

    fn word(&mut self) -> Token {
        let rest = self.rest();
        let length = word_length(rest);
        if let [b'x' | b'X' | b'b' | b'B' | b'n' | b'N', b'\'', ..] = rest {
            self.at += 1;
            return self.string(b'\'');
        }
        let from = self.at;
        self.at += length;
        let word = &rest[..length];
        if word.eq_ignore_ascii_case(b"NULL") {
            return Token::Null;
        }
        let to = self.at;
        find_keyword(word).map_or(Token::Name { from, to }, Token::Keyword)
    }

    fn mark(&mut self, first: u8) -> Token {
        const LONG: [&str; 16] = [
            "...", "<=>", "->>", "<=", ">=", "<>", "!=", ":=", "||", "&&", "<<", ">>", "->", "@@",
            "==", "**",
        ];
        let rest = self.rest();
        // The second byte of each of them.
        if let Some(b'.' | b'=' | b'>' | b'|' | b'&' | b'<' | b'@' | b'*') = rest.get(1) {
            let long = LONG.iter().find(|mark| rest.starts_with(mark.as_bytes()));
            if let Some(mark) = long {
                self.at += mark.len();
                return match *mark {
                    // Of a form, which has a form too: its own.
                    "..." => Token::Values,
                    mark => Token::LongMark(mark),
                };
            }
        }
        self.at += 1;
        match first {
            b'?' => Token::Value,
            mark => Token::Mark(mark),
        }
    }
}

/// What a byte begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Digit,
    Blank,
    Mark,
}

/// The class of each byte. Those above ASCII are letters, as in the servers' lexers.
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Mark; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => Class::Digit,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' | 0x80.. => Class::Word,
            b' ' | b'\t'..=b'\r' => Class::Blank,
            _ => Class::Mark,
        };
        byte += 1;
    }
    classes
};

fn is_blank(byte: u8) -> bool {
    CLASSES[usize::from(byte)] == Class::Blank
}

fn count_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn word_length(text: &[u8]) -> usize {
    let is_of_word = |byte: &u8| matches!(CLASSES[usize::from(*byte)], Class::Word | Class::Digit);
    text.iter()
        .position(|byte| !is_of_word(byte))
        .unwrap_or(text.len())
}

fn line_length(text: &[u8]) -> usize {
    memchr(b'\n', text).unwrap_or(text.len())
}

/// Two dashes begin a comment if a blank or the end follows.
fn is_dashes(text: &[u8]) -> bool {
    text.get(2)
        .is_none_or(|byte| is_blank(*byte) || byte.is_ascii_control())
}

fn is_hex_or_bits(word: &[u8]) -> bool {
    let has = |prefix: &[u8], is: fn(&u8) -> bool| {
        let digits = word.strip_prefix(prefix);
        digits.is_some_and(|digits| !digits.is_empty() && digits.iter().all(is))
    };
    has(b"0x", u8::is_ascii_hexdigit) || has(b"0b", |byte| matches!(byte, b'0' | b'1'))
}
