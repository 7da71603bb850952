//! Checks queries and their expressions: calls, locks and side effects.

use super::NotReading;
use super::functions::{is_function, is_keyword};
use super::token::Token;

/// Words that are reserved in all servers, so that they cannot be names.
const WRITING: [&str; 14] = [
    "UPDATE",
    "DELETE",
    "CALL",
    "DROP",
    "CREATE",
    "ALTER",
    "GRANT",
    "REVOKE",
    "LOAD",
    "OUTFILE",
    "DUMPFILE",
    "NEXTVAL",
    "SETVAL",
    "PROCEDURE",
];
/// More of them, unless they are names of functions.
const FUNCTIONS_TOO: [&str; 2] = ["INSERT", "REPLACE"];

/// Checks a query: `SELECT`, `WITH`, `VALUES`, `TABLE`, or one in parentheses.
pub(super) fn check_query(tokens: &[Token<'_>]) -> Result<(), NotReading> {
    let reads = ["SELECT", "VALUES", "TABLE"];
    let has_verb = tokens
        .iter()
        .any(|token| reads.iter().any(|verb| token.is_word(verb)));
    for (at, token) in tokens.iter().enumerate() {
        let Some(word) = token.word() else { continue };
        let next = tokens.get(at + 1);
        let is = |word: &str| token.is_word(word);
        if WRITING.iter().any(|word| is(word)) {
            let is_lock = is("UPDATE") && at > 0 && tokens[at - 1].is_word("FOR");
            return Err(match is_lock {
                true => NotReading::locks("FOR UPDATE"),
                false => NotReading::writes(word),
            });
        }
        let calls = next.is_some_and(|next| next.is_sign(b'('));
        if FUNCTIONS_TOO.iter().any(|word| is(word)) && !calls {
            return Err(NotReading::writes(word));
        }
        let next_is = |word: &str| next.is_some_and(|next| next.is_word(word));
        if is("FOR") && (next_is("UPDATE") || next_is("SHARE")) {
            return Err(NotReading::locks("FOR UPDATE or FOR SHARE"));
        }
        if is("LOCK") {
            return Err(NotReading::locks("LOCK IN SHARE MODE"));
        }
        if is("NEXT") && next_is("VALUE") {
            return Err(NotReading::writes("NEXT VALUE FOR"));
        }
        if is("INTO") && next != Some(&Token::Variable) {
            return Err(NotReading::writes("INTO"));
        }
    }
    match has_verb {
        true => check_expressions(tokens),
        false => Err(NotReading::may_write("a query without SELECT")),
    }
}

/// Checks expressions, which may contain queries.
pub(super) fn check_values(tokens: &[Token<'_>]) -> Result<(), NotReading> {
    match tokens.iter().any(|token| token.is_word("SELECT")) {
        true => check_query(tokens),
        false => check_expressions(tokens),
    }
}

/// Checks that only known functions are called.
fn check_expressions(tokens: &[Token<'_>]) -> Result<(), NotReading> {
    for (at, pair) in tokens.windows(2).enumerate() {
        let [token, Token::Sign(b'(')] = pair else {
            continue;
        };
        let Some(name) = name_of_call(*token) else {
            continue;
        };
        let before = at.checked_sub(1).map(|before| tokens[before]);
        let is_qualified = before.is_some_and(|token| token.is_sign(b'.'));
        if !is_qualified && is_no_call(tokens, at, before) {
            continue;
        }
        let is_plain = matches!(token, Token::Word(_));
        let is_known = is_plain && !is_qualified && (is_function(name) || is_keyword(name));
        if !is_known {
            return Err(NotReading::calls(name));
        }
    }
    Ok(())
}

/// The function that a parenthesis after a token calls. With `ANSI_QUOTES` a text is a
/// name.
fn name_of_call<'a>(token: Token<'a>) -> Option<&'a str> {
    match token {
        Token::Word(name) | Token::Quoted(name) | Token::Text(name) => Some(name),
        _ => None,
    }
}

/// Whether a name before a parenthesis is a type or an alias: `AS t (a)`,
/// `(SELECT 1) t (a)`, `WITH t (a) AS (SELECT 1)`.
fn is_no_call(tokens: &[Token<'_>], at: usize, before: Option<Token<'_>>) -> bool {
    let follows = before.is_some_and(|token| token.is_word("AS") || token.is_sign(b')'));
    follows || {
        let end = closing(tokens, at + 1);
        let behind = end.and_then(|end| tokens.get(end + 1..end + 3));
        behind.is_some_and(|pair| pair[0].is_word("AS") && pair[1].is_sign(b'('))
    }
}

/// The position that closes the parenthesis at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.is_sign(b'(') {
            depth += 1;
        } else if token.is_sign(b')') {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}
