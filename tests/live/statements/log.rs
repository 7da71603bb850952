//! A server's general log as what each file had it asked.
//!
//! The log is a file, since in a table MariaDB and MySQL 5.6 convert what is not
//! of the session's character set. Both server families write an entry's head at
//! the start of a line: a time or two tabs, the session's number, the command.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::CASES;

static HEAD: LazyLock<Regex> = LazyLock::new(|| {
    let time = r"(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-][\d:]+)\t|\d{6} [ \d]\d:\d\d:\d\d\t|\t\t)";
    Regex::new(&format!(r"^{time} *(\d+) ([A-Z][A-Za-z ]*)\t")).expect("a pattern")
});

/// What a client asks of its own accord, and dbmatrix beside a file's statements.
const OWN: [&str; 8] = [
    "show warnings",
    "SHOW WARNINGS",
    "SELECT DATABASE()",
    "select @@version_comment limit 1",
    "select $$",
    "select DATABASE(), USER() limit 1",
    "select @@character_set_client, @@character_set_connection, @@character_set_server, @@character_set_database limit 1",
    "select @@character_set_client, @@character_set_connection, @@character_set_results, @@character_set_server, @@character_set_database limit 1",
];
/// The driver's first statement in a session of dbmatrix.
const LOGIN: &[u8] = b"SET NAMES utf8mb4";

/// One thing that a server was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A statement, without comments before it.
    Statement(Vec<u8>),
    /// Another default database.
    Use(Vec<u8>),
    /// A session as new.
    Reset,
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Asked::Statement(text) => write!(f, "{}", text.escape_ascii()),
            Asked::Use(name) => write!(f, "(use {})", name.escape_ascii()),
            Asked::Reset => f.write_str("(reset of the session)"),
        }
    }
}

struct Entry {
    session: u64,
    command: Vec<u8>,
    argument: Vec<u8>,
}

fn read_entries(log: &[u8]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        if let Some(head) = HEAD.captures(line) {
            if let Some(last) = entries.last_mut() {
                last.argument.pop();
            }
            let number = std::str::from_utf8(&head[1]).expect("digits are UTF-8");
            entries.push(Entry {
                session: number.parse().expect("a session's number"),
                command: head[2].to_vec(),
                argument: line[head[0].len()..].to_vec(),
            });
        } else if let Some(last) = entries.last_mut() {
            last.argument.extend_from_slice(line);
        }
    }
    if let Some(last) = entries.last_mut() {
        last.argument.pop();
    }
    entries
}

/// What was asked in each database whose name begins with `prefix`, in the order
/// in which the databases came into use.
///
/// Left out are comments without a statement, the statements that make and enter
/// the database, and the clients' own ones.
pub(crate) fn asked_by_database(log: &[u8], prefix: &str) -> Vec<Vec<Asked>> {
    let mut order: Vec<(Vec<u8>, Vec<Asked>)> = Vec::new();
    // The database of a session, and whether it has been asked something since.
    let mut sessions: HashMap<u64, (usize, bool)> = HashMap::new();
    for entry in read_entries(log) {
        let entered = match entry.command.as_slice() {
            b"Connect" => named_in_login(&entry.argument, prefix),
            b"Query" if !sessions.contains_key(&entry.session) => {
                used(&entry.argument).filter(|name| name.starts_with(prefix.as_bytes()))
            }
            _ => None,
        };
        if let Some(name) = entered {
            let at = order.iter().position(|(known, _)| *known == name);
            let at = at.unwrap_or_else(|| {
                order.push((name, Vec::new()));
                order.len() - 1
            });
            let is_login = entry.command == b"Connect";
            sessions.insert(entry.session, (at, !is_login));
            continue;
        }
        let Some((at, has_begun)) = sessions.get_mut(&entry.session) else {
            continue;
        };
        let asked = match entry.command.as_slice() {
            b"Query" => {
                let is_first = !std::mem::replace(has_begun, true);
                let is_login = is_first && prefix == CASES && entry.argument == LOGIN;
                match used(&entry.argument) {
                    Some(name) => Some(Asked::Use(name)),
                    None => own_text(&entry.argument)
                        .filter(|_| !is_login)
                        .map(|text| Asked::Statement(text.to_vec())),
                }
            }
            b"Init DB" => Some(Asked::Use(entry.argument)),
            b"Reset Connection" | b"Reset connection" => Some(Asked::Reset),
            _ => None,
        };
        order[*at].1.extend(asked);
    }
    let all = order.into_iter();
    all.map(|(_, asked)| without_passing_uses(asked)).collect()
}

/// Of several changes of the default database in a row the last one counts: the
/// client of MySQL 9.7 goes back and forth where the name stands in quotes.
fn without_passing_uses(asked: Vec<Asked>) -> Vec<Asked> {
    let mut left: Vec<Asked> = Vec::new();
    for one in asked {
        if matches!((left.last(), &one), (Some(Asked::Use(_)), Asked::Use(_))) {
            left.pop();
        }
        left.push(one);
    }
    left
}

/// `user@host on DATABASE using …`
fn named_in_login(argument: &[u8], prefix: &str) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(argument).into_owned();
    let rest = text.split_once(" on ")?.1;
    let name = rest.split(' ').next()?;
    name.starts_with(prefix).then(|| name.as_bytes().to_vec())
}

fn used(statement: &[u8]) -> Option<Vec<u8>> {
    static USE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^(?i:use)\s+`?([\w.-]+)`?$").expect("a pattern"));
    USE.captures(statement).map(|found| found[1].to_vec())
}

/// A statement without comments and blanks before it; `None` where it is nothing
/// but that, or not the file's.
fn own_text(statement: &[u8]) -> Option<&[u8]> {
    let mut rest = statement.trim_ascii_start();
    loop {
        let is_dashes =
            rest.starts_with(b"--") && rest.get(2).is_none_or(|byte| byte.is_ascii_whitespace());
        let is_hidden = rest.starts_with(b"/*")
            && ![b"/*!".as_slice(), b"/*+", b"/*M!"]
                .iter()
                .any(|executed| rest.starts_with(executed));
        let end = if is_dashes || rest.starts_with(b"#") {
            rest.iter().position(|byte| *byte == b'\n')
        } else if is_hidden {
            let end = rest[2..].windows(2).position(|pair| pair == b"*/");
            end.map(|at| at + 4)
        } else {
            break;
        };
        rest = end.map_or(&b""[..], |at| &rest[at..]).trim_ascii_start();
    }
    let is_own = OWN.iter().any(|own| own.as_bytes() == rest);
    (!rest.is_empty() && !is_own).then_some(rest)
}
