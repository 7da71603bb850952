//! Forms of statements, which abstract from their values.
//!
//! The rules are those of the servers' statement digests (`STATEMENT_DIGEST_TEXT` of
//! MySQL, `DIGEST_TEXT` of the Performance Schema of both): a literal becomes `?`, a row
//! or list of literals `(...)`, further rows a comment; comments are removed, and blanks
//! and the case of keywords do not matter. Unlike there, names keep their case and lose
//! their quotes, and a statement that ends in the middle of a string has a form too.

mod keywords;

use keywords::is_keyword;

/// Bytes of a form: the servers' default for a digest (`max_digest_length`).
const LONGEST: usize = 1024;

/// A token of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A name or a keyword.
    Word(String),
    /// An operator or a mark.
    Mark(String),
    /// A literal.
    Value,
    /// `NULL`, which ends a list of literals and is a literal only within it.
    Null,
    /// Literals separated by commas.
    Values,
    /// One literal in brackets; true if there are several such rows.
    Row(bool),
    /// Several literals in brackets; true if there are several such rows.
    LongRow(bool),
}

/// The form of a statement, on one line.
pub fn statement_form(statement: &str) -> String {
    let mut tokens = Vec::new();
    let mut scanner = Scanner {
        text: statement,
        at: 0,
    };
    while let Some(token) = scanner.next_token() {
        push(&mut tokens, token);
    }
    while tokens.last().is_some_and(|last| is_mark(last, ";")) {
        tokens.pop();
    }
    write_form(&tokens)
}

fn is_mark(token: &Token, mark: &str) -> bool {
    matches!(token, Token::Mark(found) if found == mark)
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found == word)
}

/// Appends a token, and merges what it completes.
fn push(tokens: &mut Vec<Token>, token: Token) {
    match token {
        Token::Value => {
            drop_signs(tokens);
            push_value(tokens, Token::Value);
        }
        Token::Null => push_value(tokens, Token::Null),
        Token::Mark(mark) if mark == ")" => close(tokens),
        token => tokens.push(token),
    }
}

/// Merges a sign with its number, unless it is an operator between two numbers.
fn drop_signs(tokens: &mut Vec<Token>) {
    loop {
        let [before @ .., last] = tokens.as_slice() else {
            return;
        };
        if !is_mark(last, "-") && !is_mark(last, "+") {
            return;
        }
        let is_sign = match before.last() {
            None => true,
            Some(Token::Mark(mark)) => mark != ")",
            Some(Token::Word(word)) => is_keyword(word),
            Some(_) => false,
        };
        if !is_sign {
            return;
        }
        tokens.pop();
    }
}

fn push_value(tokens: &mut Vec<Token>, value: Token) {
    if let [.., before, comma] = tokens.as_slice()
        && is_mark(comma, ",")
        && matches!(before, Token::Value | Token::Null | Token::Values)
    {
        tokens.truncate(tokens.len() - 2);
        tokens.push(Token::Values);
    } else {
        tokens.push(value);
    }
}

/// Closes a bracket: around literals only it forms a row, or a list after `IN`.
fn close(tokens: &mut Vec<Token>) {
    let row = match tokens.as_slice() {
        [.., open, Token::Value] if is_mark(open, "(") => Token::Row(false),
        [.., open, Token::Values] if is_mark(open, "(") => Token::LongRow(false),
        _ => return tokens.push(Token::Mark(")".to_owned())),
    };
    tokens.truncate(tokens.len() - 2);
    if tokens.last().is_some_and(|last| is_word(last, "IN")) {
        return tokens.push(Token::LongRow(false));
    }
    let [.., before, comma] = tokens.as_slice() else {
        return tokens.push(row);
    };
    let joined = match (&row, before) {
        (Token::Row(_), Token::Row(_)) => Token::Row(true),
        (Token::LongRow(_), Token::LongRow(_)) => Token::LongRow(true),
        _ => return tokens.push(row),
    };
    if !is_mark(comma, ",") {
        return tokens.push(row);
    }
    tokens.truncate(tokens.len() - 2);
    tokens.push(joined);
}

fn write_form(tokens: &[Token]) -> String {
    let mut form = String::new();
    let mut before: Option<&Token> = None;
    for token in tokens {
        if before.is_some_and(|before| is_apart(before, token)) {
            form.push(' ');
        }
        form.push_str(match token {
            Token::Word(text) | Token::Mark(text) => text,
            Token::Value => "?",
            Token::Null => "NULL",
            Token::Values => "?, ...",
            Token::Row(false) => "(?)",
            Token::Row(true) => "(?) /* , ... */",
            Token::LongRow(false) => "(...)",
            Token::LongRow(true) => "(...) /* , ... */",
        });
        if form.len() > LONGEST {
            let mut end = LONGEST;
            while !form.is_char_boundary(end) {
                end -= 1;
            }
            form.truncate(end);
            form.push('…');
            return form;
        }
        before = Some(token);
    }
    form
}

/// Whether a blank separates two tokens, for readability.
fn is_apart(before: &Token, token: &Token) -> bool {
    if ["(", ".", "@", "@@"]
        .iter()
        .any(|mark| is_mark(before, mark))
    {
        return false;
    }
    if [")", ",", ";", "."].iter().any(|mark| is_mark(token, mark)) {
        return false;
    }
    let opens = is_mark(token, "(") || matches!(token, Token::Row(_) | Token::LongRow(_));
    match before {
        Token::Word(word) if opens => is_keyword(word),
        _ => true,
    }
}

/// Reads tokens from a statement.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next_token(&mut self) -> Option<Token> {
        self.skip_blanks();
        let first = self.rest().chars().next()?;
        Some(match first {
            '\'' | '"' => self.string(first),
            '`' => self.quoted_name(),
            '0'..='9' => self.number(),
            '.' if self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            _ if is_of_word(first) => self.word(),
            _ => self.mark(first),
        })
    }

    /// Skips blanks and comments; reads the content of a versioned comment (`/*!50000 …
    /// */`, `/*M! … */`) as ordinary text.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start().len();
            let rest = &rest[blanks..];
            let length = if rest.starts_with("/*!") || rest.starts_with("/*M!") {
                let mark = rest.find('!').map_or(0, |at| at + 1);
                let digits = rest[mark..].bytes().take_while(u8::is_ascii_digit);
                mark + digits.count()
            } else if let Some(comment) = rest.strip_prefix("/*") {
                comment.find("*/").map_or(rest.len(), |end| end + 4)
            } else if rest.starts_with("*/") {
                2
            } else if rest.starts_with('#') || is_dashes(rest) {
                rest.find('\n').unwrap_or(rest.len())
            } else {
                0
            };
            self.at += blanks + length;
            if length == 0 {
                return;
            }
        }
    }

    fn string(&mut self, quote: char) -> Token {
        self.skip_quoted(quote, true);
        Token::Value
    }

    fn quoted_name(&mut self) -> Token {
        let from = self.at;
        self.skip_quoted('`', false);
        let name = self.text[from..self.at].trim_matches('`');
        Token::Word(name.replace("``", "`"))
    }

    /// Skips a quoted text to its closing quote; a doubled quote does not close it.
    fn skip_quoted(&mut self, quote: char, has_escapes: bool) {
        let mut letters = self.rest().char_indices().skip(1).peekable();
        let mut end = self.rest().len();
        while let Some((at, letter)) = letters.next() {
            if letter == '\\' && has_escapes {
                letters.next();
            } else if letter == quote {
                match letters.peek() {
                    Some((_, next)) if *next == quote => {
                        letters.next();
                    }
                    _ => {
                        end = at + letter.len_utf8();
                        break;
                    }
                }
            }
        }
        self.at += end;
    }

    /// Reads a number; a word that begins with digits, such as `1st`, is a name.
    fn number(&mut self) -> Token {
        let rest = self.rest();
        let digits = |from: usize| {
            let digits = rest[from..].bytes().take_while(u8::is_ascii_digit);
            from + digits.count()
        };
        let mut end = digits(0);
        if rest[end..].starts_with('.') {
            end = digits(end + 1);
        }
        if rest[end..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
            let last = digits(end + 1 + sign);
            if last > end + 1 + sign {
                end = last;
            }
        }
        let word: usize = rest
            .chars()
            .take_while(|c| is_of_word(*c))
            .map(char::len_utf8)
            .sum();
        if word > end && !is_hex_or_bits(&rest[..word]) {
            return self.word();
        }
        self.at += end.max(word);
        Token::Value
    }

    fn word(&mut self) -> Token {
        let rest = self.rest();
        let length: usize = rest
            .chars()
            .take_while(|c| is_of_word(*c))
            .map(char::len_utf8)
            .sum();
        let word = rest[..length].to_owned();
        let is_prefix = matches!(word.as_str(), "x" | "X" | "b" | "B" | "n" | "N");
        if is_prefix && rest[length..].starts_with('\'') {
            self.at += length;
            return self.string('\'');
        }
        self.at += length;
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "NULL" => Token::Null,
            _ if is_keyword(&upper) => Token::Word(upper),
            _ => Token::Word(word),
        }
    }

    fn mark(&mut self, first: char) -> Token {
        const LONG: [&str; 15] = [
            "<=>", "->>", "<=", ">=", "<>", "!=", ":=", "||", "&&", "<<", ">>", "->", "@@", "==",
            "**",
        ];
        let rest = self.rest();
        let long = LONG.iter().find(|mark| rest.starts_with(**mark));
        let mark = long.map_or_else(|| first.to_string(), |mark| (*mark).to_owned());
        self.at += mark.len();
        match mark.as_str() {
            "?" => Token::Value,
            _ => Token::Mark(mark),
        }
    }
}

/// Two dashes begin a comment if a blank or the end follows.
fn is_dashes(text: &str) -> bool {
    let rest = text.strip_prefix("--");
    rest.is_some_and(|rest| {
        rest.chars()
            .next()
            .is_none_or(|c| c.is_whitespace() || c.is_control())
    })
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric()
        || letter == '_'
        || letter == '$'
        || !letter.is_ascii() && !letter.is_whitespace()
}

fn is_hex_or_bits(word: &str) -> bool {
    let has = |prefix: &str, is: fn(&u8) -> bool| {
        let digits = word.strip_prefix(prefix);
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| is(&byte)))
    };
    has("0x", u8::is_ascii_hexdigit) || has("0b", |byte| matches!(byte, b'0' | b'1'))
}

#[cfg(test)]
mod tests;
