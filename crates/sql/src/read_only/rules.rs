//! Classifies a statement by its first words.

use super::query::{check_query, check_values};
use super::session::check_set;
use super::token::{Modes, Token};
use super::{NotReading, check};

/// Checks one statement of a text; an empty one passes.
pub(super) fn check_statement(tokens: &[Token<'_>], modes: Modes) -> Result<(), NotReading> {
    let Some((first, rest)) = tokens.split_first() else {
        return Ok(());
    };
    if first.is_sign(b'(') {
        return check_query(tokens);
    }
    let Some(verb) = first.word() else {
        return Err(NotReading::may_write("it begins with no word"));
    };
    match verb.to_ascii_uppercase().as_str() {
        "SELECT" | "WITH" | "VALUES" | "TABLE" => check_query(tokens),
        "SHOW" | "DO" | "HELP" => check_values(rest),
        "DESCRIBE" | "DESC" | "EXPLAIN" => check_explain(rest),
        // MariaDB's; it runs the statement that it explains.
        "ANALYZE" if !begins(rest, &["TABLE"]) && !begins(rest, &["LOCAL"]) => check_explain(rest),
        "USE" if rest.len() == 1 && rest[0].name().is_some() => Ok(()),
        "BEGIN" if rest.is_empty() || is_words(rest, &["WORK"]) => Ok(()),
        "START" => check_start(rest),
        "COMMIT" | "ROLLBACK" => check_end(rest, verb),
        "SAVEPOINT" if rest.len() == 1 && rest[0].name().is_some() => Ok(()),
        "RELEASE" if begins(rest, &["SAVEPOINT"]) && rest.len() == 2 => Ok(()),
        "SET" => check_set(rest),
        "PREPARE" => check_prepare(rest, modes),
        "EXECUTE" => check_execute(rest, modes),
        "DEALLOCATE" | "DROP" if begins(rest, &["PREPARE"]) && rest.len() == 2 => Ok(()),
        "HANDLER" => check_handler(rest),
        "CHECKSUM" if begins(rest, &["TABLE"]) || begins(rest, &["TABLES"]) => check_values(rest),
        "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "TRUNCATE" | "LOAD" | "IMPORT" | "CREATE"
        | "ALTER" | "DROP" | "RENAME" | "GRANT" | "REVOKE" => Err(NotReading::writes(verb)),
        other => Err(NotReading::may_write(other)),
    }
}

/// Whether tokens begin with these words.
pub(super) fn begins(tokens: &[Token<'_>], words: &[&str]) -> bool {
    tokens.len() >= words.len() && is_words(&tokens[..words.len()], words)
}

/// Whether tokens are these words.
fn is_words(tokens: &[Token<'_>], words: &[&str]) -> bool {
    let mut pairs = tokens.iter().zip(words);
    tokens.len() == words.len() && pairs.all(|(token, word)| token.is_word(word))
}

/// The explained statement may be run, so it must read.
fn check_explain(mut rest: &[Token<'_>]) -> Result<(), NotReading> {
    loop {
        rest = match rest {
            [word, tail @ ..]
                if ["ANALYZE", "EXTENDED", "PARTITIONS"]
                    .iter()
                    .any(|one| word.is_word(one)) =>
            {
                tail
            }
            [word, Token::Sign(b'='), _, tail @ ..] if word.is_word("FORMAT") => tail,
            _ => break,
        };
    }
    match rest {
        [first, ..]
            if first.is_sign(b'(')
                || ["SELECT", "WITH", "VALUES", "TABLE"]
                    .iter()
                    .any(|verb| first.is_word(verb)) =>
        {
            check_query(rest)
        }
        [first, connection, Token::Number]
            if first.is_word("FOR") && connection.is_word("CONNECTION") =>
        {
            Ok(())
        }
        _ => check_columns_of(rest),
    }
}

/// A table, optionally with a column or a pattern of it.
fn check_columns_of(rest: &[Token<'_>]) -> Result<(), NotReading> {
    let writing = ["INSERT", "UPDATE", "DELETE", "REPLACE"];
    if let Some(verb) = writing.iter().find(|verb| begins(rest, &[verb])) {
        return Err(NotReading::writes(verb));
    }
    let is_plain = |token: &Token<'_>| {
        token.name().is_some() || matches!(token, Token::Text(_) | Token::Sign(b'.'))
    };
    match (1..=4).contains(&rest.len()) && rest.iter().all(is_plain) {
        true => Ok(()),
        false => Err(NotReading::may_write("what it explains")),
    }
}

fn check_start(rest: &[Token<'_>]) -> Result<(), NotReading> {
    let Some(tail) = begins(rest, &["TRANSACTION"]).then(|| &rest[1..]) else {
        return Err(NotReading::may_write("START"));
    };
    if tail.is_empty() {
        return Ok(());
    }
    for part in tail.split(|token| token.is_sign(b',')) {
        let is_known = is_words(part, &["READ", "ONLY"])
            || is_words(part, &["WITH", "CONSISTENT", "SNAPSHOT"]);
        if is_words(part, &["READ", "WRITE"]) {
            return Err(NotReading::may_write("READ WRITE"));
        }
        if !is_known {
            return Err(NotReading::may_write("START TRANSACTION"));
        }
    }
    Ok(())
}

/// `COMMIT` and `ROLLBACK`, with their options; the latter also to a savepoint.
fn check_end(rest: &[Token<'_>], verb: &str) -> Result<(), NotReading> {
    let words = ["WORK", "AND", "NO", "CHAIN", "RELEASE"];
    let is_known = |token: &Token<'_>| words.iter().any(|word| token.is_word(word));
    let to_savepoint = match rest {
        [head @ .., name] => {
            name.name().is_some() && {
                let head: Vec<&str> = head.iter().filter_map(|token| token.word()).collect();
                let head = head.join(" ").to_ascii_uppercase();
                ["TO", "WORK TO", "TO SAVEPOINT", "WORK TO SAVEPOINT"].contains(&head.as_str())
            }
        }
        [] => false,
    };
    match rest.iter().all(is_known) || to_savepoint {
        true => Ok(()),
        false => Err(NotReading::may_write(verb)),
    }
}

/// Prepared statements are checked here, so that every executed one has been checked.
fn check_prepare(rest: &[Token<'_>], modes: Modes) -> Result<(), NotReading> {
    match rest {
        [name, from, Token::Text(text)] if name.name().is_some() && from.is_word("FROM") => {
            check_literal(text, modes)
        }
        _ => Err(NotReading::may_write("PREPARE of what is no literal")),
    }
}

fn check_execute(rest: &[Token<'_>], modes: Modes) -> Result<(), NotReading> {
    match rest {
        [immediate, Token::Text(text), tail @ ..] if immediate.is_word("IMMEDIATE") => {
            check_literal(text, modes)?;
            check_using(tail)
        }
        [immediate, ..] if immediate.is_word("IMMEDIATE") => {
            Err(NotReading::may_write("EXECUTE of what is no literal"))
        }
        [name, tail @ ..] if name.name().is_some() => check_using(tail),
        _ => Err(NotReading::may_write("EXECUTE")),
    }
}

fn check_using(tail: &[Token<'_>]) -> Result<(), NotReading> {
    match tail {
        [] => Ok(()),
        [using, values @ ..] if using.is_word("USING") => check_values(values),
        _ => Err(NotReading::may_write("EXECUTE")),
    }
}

/// A statement in a string. If it contains quotes or backslashes, the server sees another
/// text.
fn check_literal(text: &str, modes: Modes) -> Result<(), NotReading> {
    if text.contains(['\\', '\'', '"']) {
        return Err(NotReading::unclear("a statement in a string with quotes"));
    }
    check(text.as_bytes(), modes)
}

fn check_handler(rest: &[Token<'_>]) -> Result<(), NotReading> {
    let verbs = ["OPEN", "READ", "CLOSE"];
    let mut words = rest.iter().filter(|token| !token.is_sign(b'.'));
    let names_verb = words
        .by_ref()
        .take(3)
        .any(|token| verbs.iter().any(|verb| token.is_word(verb)));
    match names_verb {
        true => check_values(rest),
        false => Err(NotReading::may_write("HANDLER")),
    }
}
