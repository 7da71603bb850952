//! `SET`: what may be changed in a read-only session.

use super::NotReading;
use super::query::check_values;
use super::rules::begins;
use super::token::{SAFE_CHARSETS, Token};

/// Session variables that affect how it reads, but neither whether it may write nor how
/// its statements are split into tokens.
const VARIABLES: [&str; 43] = [
    "AUTOCOMMIT",
    "BIG_TABLES",
    "BLOCK_ENCRYPTION_MODE",
    "COLLATION_CONNECTION",
    "CTE_MAX_RECURSION_DEPTH",
    "DEFAULT_WEEK_FORMAT",
    "DIV_PRECISION_INCREMENT",
    "EQ_RANGE_INDEX_DIVE_LIMIT",
    "GROUP_CONCAT_MAX_LEN",
    "INFORMATION_SCHEMA_STATS_EXPIRY",
    "INNODB_LOCK_WAIT_TIMEOUT",
    "INTERNAL_TMP_MEM_STORAGE_ENGINE",
    "JOIN_BUFFER_SIZE",
    "JOIN_CACHE_LEVEL",
    "LC_MESSAGES",
    "LC_TIME_NAMES",
    "LOCK_WAIT_TIMEOUT",
    "MAX_EXECUTION_TIME",
    "MAX_HEAP_TABLE_SIZE",
    "MAX_JOIN_SIZE",
    "MAX_LENGTH_FOR_SORT_DATA",
    "MAX_RECURSIVE_ITERATIONS",
    "MAX_SEEKS_FOR_KEY",
    "MAX_SORT_LENGTH",
    "MAX_STATEMENT_TIME",
    "OPTIMIZER_PRUNE_LEVEL",
    "OPTIMIZER_SEARCH_DEPTH",
    "OPTIMIZER_SWITCH",
    "OPTIMIZER_TRACE",
    "PROFILING",
    "RANGE_OPTIMIZER_MAX_MEM_SIZE",
    "READ_BUFFER_SIZE",
    "READ_RND_BUFFER_SIZE",
    "SORT_BUFFER_SIZE",
    "SQL_AUTO_IS_NULL",
    "SQL_BIG_SELECTS",
    "SQL_SAFE_UPDATES",
    "SQL_SELECT_LIMIT",
    "TIMESTAMP",
    "TIME_ZONE",
    "TMP_TABLE_SIZE",
    "TRANSACTION_ISOLATION",
    "TX_ISOLATION",
];

/// Modes that do not change quotes and allow no writes.
const SQL_MODES: [&str; 24] = [
    "",
    "ALLOW_INVALID_DATES",
    "EMPTY_STRING_IS_NULL",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "HIGH_NOT_PRECEDENCE",
    "IGNORE_SPACE",
    "NO_AUTO_CREATE_USER",
    "NO_AUTO_VALUE_ON_ZERO",
    "NO_DIR_IN_CREATE",
    "NO_ENGINE_SUBSTITUTION",
    "NO_UNSIGNED_SUBTRACTION",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "ONLY_FULL_GROUP_BY",
    "PAD_CHAR_TO_FULL_LENGTH",
    "PIPES_AS_CONCAT",
    "REAL_AS_FLOAT",
    "SIMULTANEOUS_ASSIGNMENT",
    "STRICT_ALL_TABLES",
    "STRICT_TRANS_TABLES",
    "TIME_ROUND_FRACTIONAL",
    "TIME_TRUNCATE_FRACTIONAL",
    "TRADITIONAL",
    "NO_TABLE_OPTIONS",
];

pub(super) fn check_set(rest: &[Token<'_>]) -> Result<(), NotReading> {
    let scoped = match rest {
        [scope, tail @ ..] if scope.is_word("SESSION") || scope.is_word("LOCAL") => tail,
        all => all,
    };
    if begins(scoped, &["TRANSACTION"]) {
        return check_transaction(&scoped[1..]);
    }
    for part in parts(rest) {
        check_part(part)?;
    }
    Ok(())
}

/// The assignments, split at commas outside of parentheses.
fn parts<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut depth = 0usize;
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign(b'(') => depth += 1,
            Token::Sign(b')') => depth = depth.saturating_sub(1),
            Token::Sign(b',') if depth == 0 => {
                parts.push(&tokens[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[from..]);
    parts
}

fn check_part(part: &[Token<'_>]) -> Result<(), NotReading> {
    match part {
        [names, tail @ ..] if names.is_word("NAMES") => check_names(tail),
        [character, set, tail @ ..] if character.is_word("CHARACTER") && set.is_word("SET") => {
            check_names(tail)
        }
        [charset, tail @ ..] if charset.is_word("CHARSET") => check_names(tail),
        [Token::Variable, Token::Sign(b'='), value @ ..]
        | [
            Token::Variable,
            Token::Sign(b':'),
            Token::Sign(b'='),
            value @ ..,
        ] => check_values(value),
        [Token::System, scope, Token::Sign(b'.'), tail @ ..]
            if scope.is_word("SESSION") || scope.is_word("LOCAL") =>
        {
            check_variable(tail)
        }
        [Token::System, tail @ ..] => check_variable(tail),
        [scope, tail @ ..] if scope.is_word("SESSION") || scope.is_word("LOCAL") => {
            check_variable(tail)
        }
        all => check_variable(all),
    }
}

/// `name = value`.
fn check_variable(tokens: &[Token<'_>]) -> Result<(), NotReading> {
    let (name, value) = match tokens {
        [Token::Word(name), Token::Sign(b'='), value @ ..]
        | [
            Token::Word(name),
            Token::Sign(b':'),
            Token::Sign(b'='),
            value @ ..,
        ] => (name.to_ascii_uppercase(), value),
        [Token::Word(name), ..] => return Err(NotReading::may_write(&format!("SET {name}"))),
        _ => return Err(NotReading::may_write("SET")),
    };
    if name == "SQL_MODE" {
        return check_sql_mode(value);
    }
    match VARIABLES.contains(&name.as_str()) {
        true => check_values(value),
        false => Err(NotReading::may_write(&format!("SET {name}"))),
    }
}

fn check_sql_mode(value: &[Token<'_>]) -> Result<(), NotReading> {
    let modes = match value {
        [Token::Text(modes)] | [Token::Word(modes)] => modes.to_ascii_uppercase(),
        _ => return Err(NotReading::may_write("SET sql_mode to what is no literal")),
    };
    match modes.split(',').find(|mode| !SQL_MODES.contains(mode)) {
        None => Ok(()),
        Some(mode) => Err(NotReading::may_write(&format!("SET sql_mode = {mode}"))),
    }
}

/// A character set in which no byte of a character can be a quote.
fn check_names(tail: &[Token<'_>]) -> Result<(), NotReading> {
    let text = |token: &Token<'_>| match token {
        Token::Word(name) | Token::Text(name) | Token::Quoted(name) => name.to_ascii_lowercase(),
        _ => String::new(),
    };
    let is_safe = |token: &Token<'_>| SAFE_CHARSETS.contains(&text(token).as_str());
    match tail {
        [charset] if is_safe(charset) => Ok(()),
        [charset, collate, name] if is_safe(charset) && collate.is_word("COLLATE") => {
            match text(name).is_empty() {
                true => Err(NotReading::may_write("SET NAMES")),
                false => Ok(()),
            }
        }
        _ => Err(NotReading::may_write("SET NAMES")),
    }
}

fn check_transaction(tail: &[Token<'_>]) -> Result<(), NotReading> {
    for part in tail.split(|token| token.is_sign(b',')) {
        let words: Vec<&str> = part.iter().filter_map(|token| token.word()).collect();
        let text = words.join(" ").to_ascii_uppercase();
        let is_known = words.len() == part.len()
            && (text == "READ ONLY" || text.starts_with("ISOLATION LEVEL "));
        if !is_known {
            return Err(NotReading::may_write(&format!("SET TRANSACTION {text}")));
        }
    }
    Ok(())
}
