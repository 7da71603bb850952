//! Splits a statement into tokens, in every way in which a server may do so.
//!
//! Servers read quotes, backslashes, dollars and comments with code (`/*! … */`)
//! differently, depending on version, family and mode. A text is split in all ways that
//! are possible in its session; everything that no server accepts for certain is
//! rejected.

use super::NotReading;

/// How a session reads quotes; `None` if unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// Whether a backslash in a string is an ordinary letter.
    pub no_backslash_escapes: Option<bool>,
    /// Whether `"` encloses names.
    pub ansi_quotes: Option<bool>,
}

impl Modes {
    /// The modes of a session with this `@@sql_mode`.
    pub fn of_sql_mode(text: &str) -> Self {
        let has = |name: &str| text.split(',').any(|one| one.eq_ignore_ascii_case(name));
        Modes {
            no_backslash_escapes: Some(has("NO_BACKSLASH_ESCAPES")),
            ansi_quotes: Some(has("ANSI_QUOTES")),
        }
    }
}

/// One way to split a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lexing {
    /// Whether a backslash escapes in `'…'`.
    escapes: bool,
    /// The same in `"…"`.
    escapes_double: bool,
    /// Whether `$tag$ … $tag$` is a string.
    dollar_quotes: bool,
    /// Whether the content of each `/*! … */` is code, one bit each.
    code: u8,
}

/// Limit of comments with code in a text; more are rejected, since each may be code or
/// not independently.
const MOST_CODE: usize = 4;

impl Lexing {
    /// All ways in which a server may split `text`.
    pub(super) fn all(text: &str, modes: Modes) -> Result<Vec<Self>, NotReading> {
        let both = |matters: bool| {
            if matters {
                &[false, true][..]
            } else {
                &[false]
            }
        };
        let signs = ["/*!", "/*M!", "/*m!", "/*T!", "/*t!"];
        let codes: usize = signs.iter().map(|sign| text.matches(sign).count()).sum();
        if codes > MOST_CODE {
            return Err(NotReading::unclear("many comments with code"));
        }
        let escapes = match (modes.no_backslash_escapes, text.contains('\\')) {
            (Some(none), _) => vec![!none],
            (None, true) => vec![false, true],
            (None, false) => vec![true],
        };
        let mut all = Vec::new();
        for escapes in escapes {
            let double = match (modes.ansi_quotes, text.contains('\\')) {
                (Some(true), _) => vec![false],
                (Some(false), _) | (None, false) => vec![escapes],
                (None, true) => vec![false, escapes],
            };
            for escapes_double in double {
                for dollar_quotes in both(text.contains('$')) {
                    all.extend((0..1 << codes).map(|code| Lexing {
                        escapes,
                        escapes_double,
                        dollar_quotes: *dollar_quotes,
                        code,
                    }));
                }
            }
        }
        Ok(all)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword or a name.
    Word(&'a str),
    /// A name in backticks.
    Quoted(&'a str),
    /// A string or a name in double quotes, as written between its quotes.
    Text(&'a str),
    Number,
    /// `@name`.
    Variable,
    /// `@@`, followed by the name of a server variable.
    System,
    Sign(u8),
}

impl<'a> Token<'a> {
    pub(super) fn is_sign(self, sign: u8) -> bool {
        self == Token::Sign(sign)
    }

    pub(super) fn is_word(self, word: &str) -> bool {
        matches!(self, Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    pub(super) fn word(self) -> Option<&'a str> {
        match self {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// A name, with or without backticks.
    pub(super) fn name(self) -> Option<&'a str> {
        match self {
            Token::Word(name) | Token::Quoted(name) => Some(name),
            _ => None,
        }
    }
}

/// Character sets in which each ASCII byte is the ASCII character.
pub(super) const SAFE_CHARSETS: [&str; 7] = [
    "utf8mb4", "utf8mb3", "utf8", "latin1", "ascii", "binary", "default",
];

/// Splits a text in one way.
pub(super) fn tokens(text: &str, lexing: Lexing) -> Result<Vec<Token<'_>>, NotReading> {
    let mut cutter = Cutter {
        text,
        bytes: text.as_bytes(),
        at: 0,
        lexing,
        in_code: false,
        codes: 0,
        tokens: Vec::new(),
    };
    while cutter.at < cutter.bytes.len() {
        cutter.step()?;
    }
    match cutter.in_code {
        true => Err(NotReading::unclear("a comment without an end")),
        false => Ok(cutter.tokens),
    }
}

struct Cutter<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    lexing: Lexing,
    /// Within a comment whose content is code.
    in_code: bool,
    /// Number of such comments so far, code or not.
    codes: usize,
    tokens: Vec<Token<'a>>,
}

fn is_part_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

impl<'a> Cutter<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    fn push(&mut self, token: Token<'a>, length: usize) {
        self.tokens.push(token);
        self.at += length;
    }

    fn step(&mut self) -> Result<(), NotReading> {
        let rest = self.rest();
        let next = rest.get(1).copied();
        match rest[0] {
            b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r' => self.at += 1,
            b'#' => self.skip_line()?,
            b'-' if next == Some(b'-') => match rest.get(2) {
                None | Some(b' ' | b'\t' | b'\n' | b'\r') => self.skip_line()?,
                Some(_) => return Err(NotReading::unclear("`--` without a blank")),
            },
            b'/' if next == Some(b'*') => self.open_comment()?,
            b'*' if next == Some(b'/') && self.in_code => {
                self.in_code = false;
                self.at += 2;
            }
            b'\'' => self.take_text(b'\'', self.lexing.escapes)?,
            b'"' => self.take_text(b'"', self.lexing.escapes_double)?,
            b'`' => self.take_text(b'`', false)?,
            b'@' => self.take_variable(next),
            b'0'..=b'9' => self.take_number()?,
            b'.' if next.is_some_and(|byte| byte.is_ascii_digit()) && !self.follows_name() => {
                self.take_number()?;
            }
            b'$' if self.lexing.dollar_quotes && self.take_dollars()? => {}
            byte if is_part_of_word(byte) => self.take_word()?,
            b'\\' if next == Some(b'N') && !rest.get(2).copied().is_some_and(is_part_of_word) => {
                self.push(Token::Number, 2);
            }
            sign if b"()*,;.=<>+-/%&|^~!:?{}".contains(&sign) => self.push(Token::Sign(sign), 1),
            other => {
                let letter = other.escape_ascii();
                return Err(NotReading::unclear(&format!("`{letter}`")));
            }
        }
        Ok(())
    }

    fn follows_name(&self) -> bool {
        self.at > 0 && {
            let before = self.bytes[self.at - 1];
            is_part_of_word(before) || before == b'`' || before == b'"'
        }
    }

    fn skip_line(&mut self) -> Result<(), NotReading> {
        if self.in_code {
            return Err(NotReading::unclear("a comment within another"));
        }
        let rest = self.rest();
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        // Some servers end a line at a carriage return alone.
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        if line.contains(&b'\r') {
            return Err(NotReading::unclear("a carriage return in a comment"));
        }
        self.at += end;
        Ok(())
    }

    /// A comment to skip, or one whose content is code.
    fn open_comment(&mut self) -> Result<(), NotReading> {
        let rest = self.rest();
        if self.in_code {
            return Err(NotReading::unclear("a comment within another"));
        }
        let sign = match rest.get(2) {
            Some(b'!') => 3,
            Some(b'M' | b'm' | b'T' | b't') if rest.get(3) == Some(&b'!') => 4,
            _ => 0,
        };
        let end = memchr::memmem::find(&rest[2..], b"*/");
        let Some(end) = end.map(|at| at + 2) else {
            return Err(NotReading::unclear("a comment without an end"));
        };
        let content = &rest[2..end];
        if sign == 0 {
            let is_hint = content.first() == Some(&b'+');
            let lower = content.to_ascii_lowercase();
            if is_hint && memchr::memmem::find(&lower, b"set_var").is_some() {
                return Err(NotReading::may_write("a hint that sets a variable"));
            }
            if is_hint && content.iter().any(|byte| b"'\"`".contains(byte)) {
                return Err(NotReading::unclear("a hint with quotes"));
            }
            self.at += end + 2;
            return Ok(());
        }
        if memchr::memmem::find(content, b"/*").is_some() {
            return Err(NotReading::unclear("a comment within another"));
        }
        let is_code = self.lexing.code >> self.codes & 1 == 1;
        self.codes += 1;
        if !is_code {
            self.at += end + 2;
            return Ok(());
        }
        self.in_code = true;
        self.at += sign;
        self.skip_condition()
    }

    /// Skips the version or the feature that a comment with code requires.
    fn skip_condition(&mut self) -> Result<(), NotReading> {
        let rest = self.rest();
        if rest.first() == Some(&b'[') {
            let end = memchr::memchr(b']', rest);
            let end = end.ok_or_else(|| NotReading::unclear("a comment without an end"))?;
            self.at += end + 1;
            return Ok(());
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        self.at += digits.take(6).count();
        Ok(())
    }

    fn take_text(&mut self, quote: u8, escapes: bool) -> Result<(), NotReading> {
        let from = self.at + 1;
        let mut at = from;
        let end = loop {
            match self.bytes.get(at) {
                None => return Err(NotReading::unclear("a quote without an end")),
                Some(b'\\') if escapes => at += 2,
                Some(byte) if *byte == quote => match self.bytes.get(at + 1) {
                    Some(next) if *next == quote => at += 2,
                    _ => break at,
                },
                Some(_) => at += 1,
            }
        };
        let content = &self.text[from..end];
        self.tokens.push(match quote {
            b'`' => Token::Quoted(content),
            _ => Token::Text(content),
        });
        self.at = end + 1;
        Ok(())
    }

    fn take_variable(&mut self, next: Option<u8>) {
        if next == Some(b'@') {
            self.push(Token::System, 2);
            return;
        }
        let rest = &self.rest()[1..];
        let is_part = |byte: &&u8| is_part_of_word(**byte) || **byte == b'.';
        let length = rest.iter().take_while(is_part).count();
        self.push(Token::Variable, 1 + length);
    }

    /// A number whose end is the same for every server, whatever follows.
    fn take_number(&mut self) -> Result<(), NotReading> {
        let rest = self.rest();
        let count = |from: usize, is: fn(&u8) -> bool| {
            let tail = rest.get(from..).unwrap_or_default();
            from + tail.iter().take_while(|byte| is(byte)).count()
        };
        let mut end = match rest {
            [b'0', b'x', ..] => count(2, u8::is_ascii_hexdigit),
            [b'0', b'b', ..] => count(2, |byte| matches!(byte, b'0' | b'1')),
            _ => {
                let whole = count(0, u8::is_ascii_digit);
                match rest.get(whole) {
                    Some(b'.') => count(whole + 1, u8::is_ascii_digit),
                    _ => whole,
                }
            }
        };
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = matches!(rest.get(end + 1), Some(b'+' | b'-'));
            let digits = end + 1 + usize::from(sign);
            let after = count(digits, u8::is_ascii_digit);
            if after > digits {
                end = after;
            }
        }
        if rest.get(end).copied().is_some_and(is_part_of_word) {
            return Err(NotReading::unclear("a number with letters behind it"));
        }
        self.push(Token::Number, end);
        Ok(())
    }

    fn take_dollars(&mut self) -> Result<bool, NotReading> {
        let rest = self.rest();
        let is_tag = |byte: &&u8| is_part_of_word(**byte) && **byte != b'$';
        let tag = rest[1..].iter().take_while(is_tag).count() + 2;
        if rest.get(tag - 1) != Some(&b'$') {
            return Ok(false);
        }
        let (sign, content) = rest.split_at(tag);
        let end = memchr::memmem::find(content, sign);
        let end = end.ok_or_else(|| NotReading::unclear("a quote without an end"))?;
        let from = self.at + tag;
        self.tokens.push(Token::Text(&self.text[from..from + end]));
        self.at = from + end + tag;
        Ok(true)
    }

    fn take_word(&mut self) -> Result<(), NotReading> {
        let rest = self.rest();
        let length = rest.iter().take_while(|byte| is_part_of_word(**byte));
        let length = length.count();
        let word = &self.text[self.at..self.at + length];
        // A string in another character set may end elsewhere.
        if let Some(charset) = word.strip_prefix('_')
            && matches!(rest.get(length), Some(b'\'' | b'"' | b' ' | b'\t' | b'\n'))
            && !SAFE_CHARSETS.contains(&charset.to_ascii_lowercase().as_str())
            && rest[length..].trim_ascii_start().starts_with(b"'")
        {
            return Err(NotReading::unclear(&format!("`{word}`")));
        }
        self.push(Token::Word(word), length);
        Ok(())
    }
}
