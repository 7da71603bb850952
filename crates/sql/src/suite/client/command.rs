//! Commands of the client itself: by name at the start of a line, or as a backslash with
//! a letter.

use super::charset::Charset;
use super::comment::{find, is_space};

/// A command of the client that the caller must handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `use`, `\u`: the statement to send for it.
    Use(Vec<u8>),
    /// `charset`, `\C`: the statement to send for it.
    Charset(&'static str),
    /// `source`, `\.`: a file's name.
    Source(Vec<u8>),
    /// `connect`, `\r`: a new session, optionally in another database.
    Connect(Option<Vec<u8>>),
    /// `resetconnection`, `\x`.
    ResetConnection,
    /// `quit`, `exit`, `\q`: the end of the file.
    Quit,
    /// `help`, `?`, `\h`.
    Help,
    /// `status`, `\s`.
    Status,
    /// `warnings`, `\W` and `nowarning`, `\w`.
    Warnings(bool),
}

/// The client's response to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Charset,
    Clear,
    Connect,
    Delimiter,
    Go {
        vertical: bool,
    },
    Help,
    /// It affects only the client's output.
    Nothing,
    Quit,
    Refused,
    ResetConnection,
    Source,
    Status,
    Use,
    Warnings(bool),
}

/// A line in the output of the clients' `help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// Follows a backslash; NUL if there is none.
    letter: u8,
    pub(super) verb: Verb,
    pub(super) takes_words: bool,
}

const fn entry(name: &'static str, letter: u8, verb: Verb, takes_words: bool) -> Entry {
    Entry {
        name,
        letter,
        verb,
        takes_words,
    }
}

/// Those of both clients, `mysql` 9.7 and `mariadb` 11.8.
const COMMANDS: [Entry; 28] = [
    entry("?", b'?', Verb::Help, true),
    entry("charset", b'C', Verb::Charset, true),
    entry("clear", b'c', Verb::Clear, false),
    entry("connect", b'r', Verb::Connect, true),
    entry("delimiter", b'd', Verb::Delimiter, true),
    entry("edit", b'e', Verb::Refused, false),
    entry("ego", b'G', Verb::Go { vertical: true }, false),
    entry("exit", b'q', Verb::Quit, false),
    entry("go", b'g', Verb::Go { vertical: false }, false),
    entry("help", b'h', Verb::Help, true),
    entry("nopager", b'n', Verb::Nothing, false),
    entry("notee", b't', Verb::Nothing, false),
    entry("nowarning", b'w', Verb::Warnings(false), false),
    entry("pager", b'P', Verb::Refused, true),
    entry("print", b'p', Verb::Nothing, false),
    entry("prompt", b'R', Verb::Nothing, true),
    entry("query_attributes", 0, Verb::Refused, true),
    entry("quit", b'q', Verb::Quit, false),
    entry("rehash", b'#', Verb::Nothing, false),
    entry("resetconnection", b'x', Verb::ResetConnection, false),
    entry("sandbox", b'-', Verb::Nothing, false),
    entry("source", b'.', Verb::Source, true),
    entry("ssl_session_data_print", 0, Verb::Refused, true),
    entry("status", b's', Verb::Status, false),
    entry("system", b'!', Verb::Refused, true),
    entry("tee", b'T', Verb::Refused, true),
    entry("use", b'u', Verb::Use, true),
    entry("warnings", b'W', Verb::Warnings(true), false),
];

/// The command for a letter after a backslash.
pub(super) fn by_letter(letter: u8) -> Option<Entry> {
    let mut all = COMMANDS.into_iter();
    all.find(|entry| letter != 0 && entry.letter == letter)
}

/// The command at the start of a text: a line, or everything before a delimiter. A line
/// that contains a delimiter or `\g` is read letter by letter instead.
pub(super) fn by_name(text: &[u8], delimiter: &[u8]) -> Option<Entry> {
    let text = trim_start(text);
    let cuts = find(text, b"\\g").is_some()
        || (find(text, delimiter).is_some() && !is_delimiter_command(text));
    if cuts {
        return None;
    }
    let end = text.iter().position(|byte| b" \t".contains(byte));
    let word = &text[..end.unwrap_or(text.len())];
    let has_words = !trim_start(&text[word.len()..]).is_empty();
    let mut all = COMMANDS.into_iter();
    all.find(|entry| {
        entry.name.as_bytes().eq_ignore_ascii_case(word) && (!has_words || entry.takes_words)
    })
}

/// Whether a text begins with the one command that may contain a delimiter.
pub(super) fn is_delimiter_command(text: &[u8]) -> bool {
    const NAME: &[u8] = b"delimiter";
    text.get(..NAME.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(NAME))
}

/// The part of a command that the caller must handle.
pub(super) fn read(entry: Entry, text: &[u8]) -> Result<Command, String> {
    Ok(match entry.verb {
        Verb::Connect => read_connect(text)?,
        Verb::Help => Command::Help,
        Verb::Quit => Command::Quit,
        Verb::ResetConnection => Command::ResetConnection,
        Verb::Source => read_source(text)?,
        Verb::Status => Command::Status,
        Verb::Use => read_use(text)?,
        Verb::Warnings(shown) => Command::Warnings(shown),
        _ => {
            return Err(format!(
                "expected statements and commands about them; found the client's command `{}`, which is not obeyed here",
                entry.name
            ));
        }
    })
}

/// Significant letters of a delimiter.
const DELIMITER_LENGTH: usize = 15;

/// Reads a `delimiter` command.
pub(super) fn read_delimiter(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut word = first_word(text)
        .ok_or("expected what is to end a statement after `delimiter`, such as `//`")?;
    if word.contains(&b'\\') {
        return Err("expected a delimiter without a backslash".to_owned());
    }
    word.truncate(DELIMITER_LENGTH);
    Ok(word)
}

/// The statement to send for a `use` command.
pub(super) fn read_use(text: &[u8]) -> Result<Command, String> {
    // If it contains quotes, the client lets the server read the whole line.
    let is_quoted = text.iter().any(|byte| b"'`\"".contains(byte));
    if is_quoted && !text.starts_with(b"\\") {
        return Ok(Command::Use(text.trim_ascii_end().to_vec()));
    }
    let word = first_word(text).ok_or("expected a database's name after `use`")?;
    let mut sql = b"USE `".to_vec();
    for byte in word {
        sql.push(byte);
        if byte == b'`' {
            sql.push(byte);
        }
    }
    sql.push(b'`');
    Ok(Command::Use(sql))
}

/// Reads a `charset` command.
pub(super) fn read_charset(text: &[u8]) -> Result<Charset, String> {
    let word = first_word(text).ok_or("expected a character set after `charset`")?;
    let word = String::from_utf8_lossy(&word).into_owned();
    Charset::find(&word).ok_or_else(|| {
        format!("expected a character set after `charset`, such as `latin1`; found `{word}`")
    })
}

/// Reads a `connect` command, which may name a database.
pub(super) fn read_connect(text: &[u8]) -> Result<Command, String> {
    let mut words = words(text).into_iter();
    let database = words.next();
    match words.next() {
        None => Ok(Command::Connect(database)),
        Some(host) => Err(format!(
            "expected `connect` with a database at most; found the host `{}`, and a file runs on its own server",
            String::from_utf8_lossy(&host)
        )),
    }
}

/// The file's name in a `source` command: everything after the first blank.
pub(super) fn read_source(text: &[u8]) -> Result<Command, String> {
    let text = trim_start(text);
    let blank = text.iter().position(|byte| *byte == b' ');
    let name = blank.map_or(&b""[..], |at| &text[at..]);
    let mut name = trim_start(name);
    while let Some((last, rest)) = name.split_last()
        && (is_space(*last) || last.is_ascii_control())
    {
        name = rest;
    }
    if name.is_empty() {
        return Err("expected a file's name after `source`".to_owned());
    }
    Ok(Command::Source(name.to_vec()))
}

fn trim_start(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| is_space(**byte)).count();
    &text[blanks..]
}

fn first_word(text: &[u8]) -> Option<Vec<u8>> {
    words(text).into_iter().next()
}

/// The words after the name of a command. A quoted word ends with its quote; in other
/// words a backslash is dropped, and only a blank ends them.
fn words(text: &[u8]) -> Vec<Vec<u8>> {
    let text = trim_start(text);
    let name = match text.first() {
        Some(b'\\') => 2.min(text.len()),
        _ => text.iter().take_while(|byte| !is_space(**byte)).count(),
    };
    let mut rest = trim_start(&text[name..]);
    let mut words = Vec::new();
    while !rest.is_empty() {
        let (word, length) = first_of(rest);
        if word.is_empty() {
            break;
        }
        words.push(word);
        rest = trim_start(&rest[length..]);
    }
    words
}

fn first_of(text: &[u8]) -> (Vec<u8>, usize) {
    if let Some(quote) = text.first().filter(|byte| b"'\"`".contains(byte)) {
        let inside = &text[1..];
        let end = inside.iter().position(|byte| byte == quote);
        let word = inside[..end.unwrap_or(inside.len())].to_vec();
        return (word, end.map_or(text.len(), |end| end + 2));
    }
    let mut word = Vec::new();
    let mut at = 0;
    while at < text.len() && text[at] != b' ' {
        if text[at] == b'\\' && at + 1 < text.len() {
            at += 1;
        }
        word.push(text[at]);
        at += 1;
    }
    while word.last().is_some_and(|byte| b"\n\r".contains(byte)) {
        word.pop();
    }
    (word, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<&'static str> {
        by_name(text.as_bytes(), b";").map(|entry| entry.name)
    }

    #[test]
    fn commands_are_known_by_their_whole_name_in_any_case() {
        for (text, found) in [
            ("use w", Some("use")),
            ("  USE\tw", Some("use")),
            ("use\nw", None),
            ("used w", None),
            ("use w;", None),
            ("DeLiMiTeR ;;", Some("delimiter")),
            ("delimiters ;;", None),
            ("go", Some("go")),
            ("go on", None),
            ("status \\g", None),
            ("help me", Some("help")),
        ] {
            assert_eq!(name(text), found, "{text}");
        }
    }

    #[test]
    fn a_delimiter_is_a_word() {
        let read = |text: &str| read_delimiter(text.as_bytes());
        for (text, found) in [
            ("delimiter '$$' x", "$$"),
            ("DELIMITER \"//\"", "//"),
            ("DELIMITER // ;", "//"),
            ("DELIMITER /*!*/;", "/*!*/;"),
            ("\\d //", "//"),
            ("delimiter a\\b", "ab"),
            ("delimiter 1234567890123456", "123456789012345"),
        ] {
            assert_eq!(read(text), Ok(found.as_bytes().to_vec()), "{text}");
        }
        for text in ["delimiter", "delimiter ", "delimiter \\\\", "delimiter ''"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn use_is_a_statement_for_the_server() {
        let sql = |text: &str| match read_use(text.as_bytes()) {
            Ok(Command::Use(sql)) => String::from_utf8(sql).expect("text"),
            other => panic!("{other:?}"),
        };
        assert_eq!(sql("use w"), "USE `w`");
        assert_eq!(sql("\\u my-db more"), "USE `my-db`");
        assert_eq!(sql("USE `a b` "), "USE `a b`");
        assert!(read_use(b"use ").is_err());
    }

    #[test]
    fn a_file_is_named_to_the_end_of_the_line() {
        let source = |text: &str| read_source(text.as_bytes());
        assert_eq!(
            source("source a b.sql \t"),
            Ok(Command::Source(b"a b.sql".to_vec()))
        );
        assert_eq!(source("\\. x"), Ok(Command::Source(b"x".to_vec())));
        assert!(source("source").is_err());
    }

    #[test]
    fn a_new_session_may_name_a_database_and_no_host() {
        assert_eq!(read_connect(b"connect"), Ok(Command::Connect(None)));
        assert_eq!(
            read_connect(b"\\r w"),
            Ok(Command::Connect(Some(b"w".to_vec())))
        );
        assert!(read_connect(b"connect w host").is_err());
    }
}
