//! Forms of statements, which abstract from their values.
//!
//! The rules are those of the servers' statement digests (`STATEMENT_DIGEST_TEXT` of
//! MySQL, `DIGEST_TEXT` of the Performance Schema of both): a literal becomes `?`, a row
//! or list of literals `(...)`, further rows a comment; comments are removed, and blanks
//! and the case of keywords do not matter. Unlike there, names keep their case and lose
//! their quotes, and a statement that ends in the middle of a string has a form too.
//!
//! A log of gigabytes passes through here: tokens are places in the statement, and
//! [`FormReader`] keeps its memory from one statement to the next.

mod keywords;
mod scanner;

use keywords::{Keyword, find_keyword};
use scanner::Scanner;

use crate::sql_text::fingerprint;

/// Bytes of a form: the servers' default for a digest (`max_digest_length`).
const LONGEST: usize = 1024;

/// Tokens after which the rest does not show in a form: each takes a byte at least, and
/// the last ones may still be merged.
const MOST_TOKENS: usize = LONGEST + 64;

/// A token of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// A keyword, by its number.
    Keyword(Keyword),
    /// A name, by its place in the statement.
    Name { from: usize, to: usize },
    /// A name in backticks, by the place between them.
    Quoted { from: usize, to: usize },
    /// An operator or a mark of one byte.
    Mark(u8),
    /// An operator of several bytes.
    LongMark(&'static str),
    /// A literal.
    Value,
    /// `NULL` that is no literal: `IS NULL`, or of a column.
    Null,
    /// Literals separated by commas.
    Values,
    /// One literal in brackets; true if there are several such rows.
    Row(bool),
    /// Several literals in brackets; true if there are several such rows.
    LongRow(bool),
    /// The comment by which a form says that there are several rows.
    FurtherRows,
}

/// The form of a statement, on one line.
pub fn statement_form(statement: &str) -> String {
    let mut reader = FormReader::default();
    String::from_utf8_lossy(reader.form(statement.as_bytes())).into_owned()
}

/// Finds the forms of many statements, and allocates for none of them once it has grown.
#[derive(Debug, Default)]
pub struct FormReader {
    tokens: Vec<Token>,
    form: Vec<u8>,
}

impl FormReader {
    /// The form of a statement in any encoding whose letters are ASCII's or bytes above.
    pub fn form(&mut self, statement: &[u8]) -> &[u8] {
        self.tokens.clear();
        let mut scanner = Scanner::new(statement);
        while let Some(token) = scanner.next_token() {
            push(&mut self.tokens, token);
            if self.tokens.len() >= MOST_TOKENS {
                break;
            }
        }
        while self.tokens.last() == Some(&Token::Mark(b';')) {
            self.tokens.pop();
        }
        self.form.clear();
        write_form(statement, &self.tokens, &mut self.form);
        &self.form
    }

    /// A number that statements of the same form share. It is the same in each process
    /// and on each machine.
    pub fn fingerprint(&mut self, statement: &[u8]) -> u64 {
        fingerprint(self.form(statement))
    }
}

/// Appends a token, and merges what it completes.
fn push(tokens: &mut Vec<Token>, token: Token) {
    match token {
        Token::Value => {
            drop_signs(tokens);
            push_value(tokens, Token::Value);
        }
        Token::Null if is_literal_next(tokens) => push_value(tokens, Token::Value),
        Token::Values => push_value(tokens, token),
        Token::Mark(b')') => close(tokens),
        Token::FurtherRows => {
            if let Some(Token::Row(several) | Token::LongRow(several)) = tokens.last_mut() {
                *several = true;
            }
        }
        token => tokens.push(token),
    }
}

/// Whether `NULL` after these tokens is a literal: it is none after `IS` and `NOT`, and
/// after the type of a column.
fn is_literal_next(tokens: &[Token]) -> bool {
    match tokens.last() {
        None | Some(Token::LongMark(_)) => true,
        Some(Token::Keyword(word)) => !matches!(word.text(), "IS" | "NOT"),
        Some(Token::Mark(mark)) => *mark != b')',
        Some(_) => false,
    }
}

/// Merges a sign with its number, unless it is an operator between two numbers.
fn drop_signs(tokens: &mut Vec<Token>) {
    while let [before @ .., Token::Mark(b'-' | b'+')] = tokens.as_slice() {
        let is_sign = match before.last() {
            None | Some(Token::Keyword(_) | Token::LongMark(_)) => true,
            Some(Token::Mark(mark)) => *mark != b')',
            Some(_) => false,
        };
        if !is_sign {
            return;
        }
        tokens.pop();
    }
}

fn push_value(tokens: &mut Vec<Token>, value: Token) {
    if let [.., Token::Value | Token::Values, Token::Mark(b',')] = tokens.as_slice() {
        tokens.truncate(tokens.len() - 2);
        tokens.push(Token::Values);
    } else {
        tokens.push(value);
    }
}

/// Closes a bracket: around literals only it forms a row, or a list after `IN`.
fn close(tokens: &mut Vec<Token>) {
    let row = match tokens.as_slice() {
        [.., Token::Mark(b'('), Token::Value] => Token::Row(false),
        [.., Token::Mark(b'('), Token::Values] => Token::LongRow(false),
        _ => return tokens.push(Token::Mark(b')')),
    };
    tokens.truncate(tokens.len() - 2);
    if tokens.last() == Some(&Token::Keyword(Keyword::IN)) {
        return tokens.push(Token::LongRow(false));
    }
    let joined = match (row, tokens.as_slice()) {
        (Token::Row(_), [.., Token::Row(_), Token::Mark(b',')]) => Token::Row(true),
        (Token::LongRow(_), [.., Token::LongRow(_), Token::Mark(b',')]) => Token::LongRow(true),
        _ => return tokens.push(row),
    };
    tokens.truncate(tokens.len() - 2);
    tokens.push(joined);
}

fn write_form(statement: &[u8], tokens: &[Token], form: &mut Vec<u8>) {
    let mut before: Option<&Token> = None;
    for token in tokens {
        if before.is_some_and(|before| is_apart(before, token)) {
            form.push(b' ');
        }
        write_token(statement, token, form);
        if form.len() > LONGEST {
            let mut end = LONGEST;
            // Not within a character.
            while end > LONGEST - 3 && form[end] & 0xC0 == 0x80 {
                end -= 1;
            }
            form.truncate(end);
            form.extend_from_slice("…".as_bytes());
            return;
        }
        before = Some(token);
    }
}

fn write_token(statement: &[u8], token: &Token, form: &mut Vec<u8>) {
    let text = match *token {
        Token::Keyword(word) => word.text(),
        Token::Name { from, to } => {
            let to = to.min(from + LONGEST + 1);
            return form.extend_from_slice(&statement[from..to]);
        }
        Token::Quoted { from, to } => {
            return write_unquoted(&statement[from..to], form);
        }
        Token::Mark(mark) => return form.push(mark),
        Token::LongMark(mark) => mark,
        Token::Value => "?",
        Token::Null => "NULL",
        Token::Values => "?, ...",
        Token::Row(false) => "(?)",
        Token::Row(true) => "(?) /* , ... */",
        Token::LongRow(false) => "(...)",
        Token::LongRow(true) => "(...) /* , ... */",
        Token::FurtherRows => "",
    };
    form.extend_from_slice(text.as_bytes());
}

/// Writes a quoted name, in which a doubled backtick stands for one.
fn write_unquoted(name: &[u8], form: &mut Vec<u8>) {
    let mut is_second = false;
    for &byte in name.iter().take(2 * LONGEST) {
        is_second = byte == b'`' && !is_second;
        if !is_second {
            form.push(byte);
        }
    }
}

/// Whether a blank separates two tokens, for readability.
fn is_apart(before: &Token, token: &Token) -> bool {
    if matches!(
        before,
        Token::Mark(b'(' | b'.' | b'@') | Token::LongMark("@@")
    ) {
        return false;
    }
    if matches!(token, Token::Mark(b')' | b',' | b';' | b'.')) {
        return false;
    }
    let opens = matches!(token, Token::Mark(b'(') | Token::Row(_) | Token::LongRow(_));
    !(opens && matches!(before, Token::Name { .. } | Token::Quoted { .. }))
}

#[cfg(test)]
mod tests;
