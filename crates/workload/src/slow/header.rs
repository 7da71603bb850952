//! Lines of a slow log's headers.

use std::sync::LazyLock;
use std::time::Duration;

use memchr::memmem::{Finder, FinderRev};
use memchr::{memchr, memmem};

use crate::entry::{Moment, Record, set};
use crate::timestamp::Timestamp;

/// The longest line of a banner.
const LONGEST_BANNER: usize = 1024;

/// The largest `log_slow_rate_limit` of Percona Server.
const HIGHEST_RATE: u64 = 1000;

/// Statements of this time are logged whatever the rate, by the default of Percona Server's
/// `slow_query_log_always_write_time`. A log does not say its value.
const ALWAYS_LOGGED: Duration = Duration::from_secs(10);

/// Whether a line begins the header of an entry.
pub(crate) fn is_header(line: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 5] = [
        b"# User@Host: ",
        b"# Query_time: ",
        b"# Time: ",
        b"# Thread_id: ",
        b"# Schema: ",
    ];
    BEGINNINGS.iter().any(|begin| line.starts_with(begin))
}

/// Whether a line is one of those that a server writes when it opens a log:
///
/// ```text
/// /usr/sbin/mysqld, Version: 8.0.36 (MySQL Community Server - GPL). started with:
/// Tcp port: 3306  Unix socket: /run/mysqld/mysqld.sock
/// Time                 Id Command    Argument
/// ```
pub(crate) fn is_banner(line: &[u8]) -> bool {
    if line.len() > LONGEST_BANNER {
        return false;
    }
    let line = line.trim_ascii_end();
    if line.starts_with(b"Time") {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let wanted: [&[u8]; 4] = [b"Time", b"Id", b"Command", b"Argument"];
        return wanted.iter().all(|word| words.next() == Some(word)) && words.next().is_none();
    }
    line.ends_with(b"started with:") && memmem::find(line, b", Version: ").is_some()
        || (line.starts_with(b"Tcp port: ") || line.starts_with(b"TCP Port: "))
            && (memmem::find(line, b"Unix socket: ").is_some()
                || memmem::find(line, b"Named Pipe: ").is_some())
}

/// Reads what a line of a header says.
pub(super) fn read_line(line: &[u8], record: &mut Record) {
    let Some(line) = line.strip_prefix(b"# ") else {
        return;
    };
    if let Some(rest) = line.strip_prefix(b"User@Host: ") {
        read_user(rest, record);
    } else if let Some(time) = line.strip_prefix(b"Time: ") {
        record.time = Timestamp::read_first(time.trim_ascii()).map(|(time, _)| time);
        record.moment = record.time.map(Moment::Ended);
    } else if line.starts_with(b"Query_time: ") {
        read_fields(line, record);
    } else if line.starts_with(b"Thread_id: ") || line.starts_with(b"Schema: ") {
        read_schema(line, record);
        read_fields(line, record);
    } else if let Some(rest) = line.strip_prefix(b"Log_slow_rate_type: ") {
        record.count = read_rate(rest, record.duration);
    }
}

/// For how many statements one stands, of which Percona Server logged one of so many:
/// `query  Log_slow_rate_limit: 10`.
fn read_rate(text: &[u8], duration: Option<Duration>) -> u64 {
    const LIMIT: &[u8] = b"Log_slow_rate_limit: ";
    let found = memmem::find(text, LIMIT).map(|at| first_word(&text[at + LIMIT.len()..]));
    let rate = found.and_then(number).unwrap_or(1);
    let is_rated = duration.is_none_or(|duration| duration <= ALWAYS_LOGGED);
    match is_rated && (1..=HIGHEST_RATE).contains(&rate) {
        true => rate,
        false => 1,
    }
}

/// Reads `granted[user] @ host [address]  Id: 8`.
fn read_user(text: &[u8], record: &mut Record) {
    // Names may hold any of the marks: the last `] @ ` ends them.
    let Some(middle) = AT.rfind(text) else {
        return;
    };
    let (users, rest) = (&text[..middle], &text[middle + 4..]);
    let user = memchr(b'[', users).map_or(users, |at| match &users[at + 1..] {
        b"" => &users[..at],
        user => user,
    });
    set(&mut record.user, user);
    let open = memchr(b'[', rest).unwrap_or(rest.len());
    let name = rest[..open].trim_ascii();
    let address = rest.get(open + 1..).unwrap_or_default();
    let close = memchr(b']', address).unwrap_or(address.len());
    let host = if name.is_empty() {
        &address[..close]
    } else {
        name
    };
    set(&mut record.host, host);
    let after = address.get(close..).unwrap_or_default();
    if let Some(id) = ID.find(after) {
        record.connection = number(after[id + 3..].trim_ascii());
    }
}

/// Reads `name: value` pairs.
fn read_fields(line: &[u8], record: &mut Record) {
    if let Some(time) = line.strip_prefix(b"Query_time: ") {
        record.duration = duration(first_word(time));
    }
    // Of `log_slow_extra` and MariaDB. The start is finer than the line of seconds that follows.
    if let Some(found) = THREAD.find(line) {
        let value = first_word(&line[found + THREAD.needle().len()..]);
        record.connection = number(value).or(record.connection);
    }
    if let Some(found) = START.find(line) {
        let value = first_word(&line[found + START.needle().len()..]);
        let start = Timestamp::read(value);
        record.time = start.or(record.time);
        record.moment = start.map(Moment::Began).or(record.moment);
    }
}

/// Searches that each entry needs, prepared once.
static THREAD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"Thread_id: "));
static START: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"Start: "));
static AT: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new(b"] @ "));
static ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"Id:"));

/// Reads the database of Percona Server and MariaDB, which may be none.
fn read_schema(line: &[u8], record: &mut Record) {
    let Some(found) = memmem::find(line, b"Schema: ") else {
        return;
    };
    let rest = &line[found + b"Schema: ".len()..];
    // Two blanks or one precede the next field: a name may have blanks, its colon ends a field.
    let end = [
        &b"  Last_errno: "[..],
        b"  QC_hit: ",
        b" Last_errno: ",
        b" QC_hit: ",
    ]
    .iter()
    .find_map(|next| memmem::find(rest, next))
    .unwrap_or(rest.len());
    set(&mut record.database, rest[..end].trim_ascii());
}

fn first_word(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace);
    &text[..end.unwrap_or(text.len())]
}

fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0, |number: u64, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u64::from(byte - b'0'))
    })
}

/// Reads seconds with a fraction.
pub(super) fn duration(text: &[u8]) -> Option<Duration> {
    let dot = memchr(b'.', text).unwrap_or(text.len());
    let seconds = number(&text[..dot])?;
    let digits = text.get(dot + 1..).unwrap_or_default();
    let digits = &digits[..digits.len().min(9)];
    let fraction = if digits.is_empty() {
        0
    } else {
        number(digits)?
    };
    let nanos = fraction * 10_u64.pow(9 - digits.len() as u32);
    Some(Duration::new(seconds, nanos as u32))
}
