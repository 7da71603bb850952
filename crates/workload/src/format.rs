//! Formats of logs, recognised by content.

use std::fmt;

use crate::binlog::DELIMITER;
use crate::error::{Place, Problem, excerpt};
use crate::general::read_head;
use crate::rows::{Columns, Dialect, Table, fields_of, table_of_json};
use crate::slow::{is_banner, is_header};
use crate::statements::statement_of;

/// Bytes in which the format shows.
pub(crate) const HEAD: usize = 64 << 10;

/// A kind of log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A slow log, as a file or as rows of `mysql.slow_log`.
    SlowLog,
    /// A general log, as a file or as rows of `mysql.general_log`.
    GeneralLog,
    /// Statements, one a line.
    Statements,
    /// What `mysqlbinlog` prints.
    Binlog,
    /// Rows of the Performance Schema's tables of statements, or of views of `sys`.
    Digests,
    /// A capture of network traffic.
    Capture,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::SlowLog => "slow log",
            Format::GeneralLog => "general log",
            Format::Statements => "statements, one a line",
            Format::Binlog => "output of mysqlbinlog",
            Format::Digests => "table of digests",
            Format::Capture => "network capture",
        })
    }
}

/// How a file is read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Detected {
    Slow,
    General,
    Statements,
    Binlog,
    Delimited {
        dialect: Dialect,
        table: Table,
        columns: Columns,
        has_heading: bool,
    },
    Json(Table),
    Capture,
}

impl Detected {
    pub(crate) fn format(&self) -> Format {
        match self {
            Detected::Slow => Format::SlowLog,
            Detected::General => Format::GeneralLog,
            Detected::Statements => Format::Statements,
            Detected::Binlog => Format::Binlog,
            Detected::Delimited { table, .. } | Detected::Json(table) => match table {
                Table::General => Format::GeneralLog,
                Table::Slow => Format::SlowLog,
                Table::Digests => Format::Digests,
            },
            Detected::Capture => Format::Capture,
        }
    }
}

/// Recognises a file by its first bytes.
pub(crate) fn detect(head: &[u8]) -> Result<Detected, Problem> {
    let at = |line: u64, message: String| Err(Problem::At(Place::Line(line), message));
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if is_capture(head) {
        return Ok(Detected::Capture);
    }
    if text.trim_ascii().is_empty() {
        return at(1, format!("expected {EXPECTED}; found an empty file"));
    }
    if let Some(found) = unreadable(head) {
        return at(1, format!("expected {EXPECTED}; found {found}"));
    }
    if begins_json(text) {
        return table_of_json(text).map(Detected::Json).map_or_else(
            || {
                let found = excerpt(text);
                at(1, format!("expected JSON with {COLUMNS}; found `{found}`"))
            },
            Ok,
        );
    }
    if let Some(found) = detect_delimited(text) {
        return Ok(found);
    }
    let lines = || {
        text.split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii_end)
    };
    for line in lines() {
        let number = line.strip_prefix(b"# at ").unwrap_or_default();
        if line.strip_prefix(b"DELIMITER ") == Some(DELIMITER)
            || number.first().is_some_and(u8::is_ascii_digit)
        {
            return Ok(Detected::Binlog);
        }
        if is_header(line) {
            return Ok(Detected::Slow);
        }
        if read_head(line).is_some() {
            return Ok(Detected::General);
        }
    }
    let numbered = (1..).zip(lines());
    let mut numbered = numbered.filter(|(_, line)| !line.is_empty());
    match numbered
        .clone()
        .find(|(_, line)| statement_of(line).is_some())
    {
        Some((_, line)) if is_banner(line) => Ok(Detected::General),
        Some((_, line)) if is_statement(line) => Ok(Detected::Statements),
        Some((number, line)) => {
            let found = excerpt(line);
            at(number, format!("expected {EXPECTED}; found `{found}`"))
        }
        None => {
            let found = numbered.next().map(|(_, line)| excerpt(line));
            let found = found.unwrap_or_default();
            at(1, format!("expected {EXPECTED}; found `{found}`"))
        }
    }
}

const EXPECTED: &str = "a slow log, a general log, statements one a line, the output of \
     mysqlbinlog, rows of `performance_schema` or `sys` as CSV or JSON, or a capture";

const COLUMNS: &str = "a column `SQL_TEXT`, `QUERY_SAMPLE_TEXT`, `DIGEST_TEXT`, `query` or \
     `argument`";

fn is_capture(head: &[u8]) -> bool {
    matches!(
        head,
        [0xa1, 0xb2, 0xc3, 0xd4, ..]
            | [0xd4, 0xc3, 0xb2, 0xa1, ..]
            | [0xa1, 0xb2, 0x3c, 0x4d, ..]
            | [0x4d, 0x3c, 0xb2, 0xa1, ..]
            | [0xa1, 0xb2, 0xcd, 0x34, ..]
            | [0x34, 0xcd, 0xb2, 0xa1, ..]
            | [0x0a, 0x0d, 0x0d, 0x0a, ..]
    )
}

/// What a file is that can be turned into a log.
fn unreadable(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [0xfe, b'b', b'i', b'n', ..] => "a binary log: give what `mysqlbinlog FILE` prints",
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => "a file compressed by xz: unpack it by `xz -d`",
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => {
            "a file compressed by bzip2: unpack it by `bzip2 -d`"
        }
        [b'P', b'K', 3, 4, ..] => "a ZIP archive: unpack it",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "a text in UTF-16: convert it to UTF-8",
        _ => return None,
    })
}

/// Whether a text begins as JSON does: an object, or an array of objects.
fn begins_json(text: &[u8]) -> bool {
    let (first, rest) = text
        .trim_ascii_start()
        .split_at_checked(1)
        .unwrap_or_default();
    matches!(
        (first, rest.trim_ascii_start()),
        (b"[", [b'{' | b']', ..]) | (b"{", [b'"' | b'}', ..])
    )
}

/// Recognises rows by the first one.
fn detect_delimited(text: &[u8]) -> Option<Detected> {
    for separator in [b'\t', b','] {
        // A heading comes from programs, which double quotes; the client's has tabs.
        let plain = Dialect {
            separator,
            has_escapes: separator == b'\t',
        };
        let names = fields_of(text, plain);
        let is_heading = !names.is_empty() && names.iter().all(|name| is_name(name));
        let found = Columns::from_names(names.iter().map(Vec::as_slice));
        if let (true, Some((columns, table))) = (is_heading, found) {
            return Some(Detected::Delimited {
                dialect: plain,
                table,
                columns,
                has_heading: true,
            });
        }
        let dialect = Dialect {
            separator,
            has_escapes: true,
        };
        let values = fields_of(text, dialect);
        let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        if let Some((columns, table)) = Columns::from_values(&values) {
            return Some(Detected::Delimited {
                dialect,
                table,
                columns,
                has_heading: false,
            });
        }
    }
    None
}

/// Whether a text may be the name of a column.
fn is_name(text: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    !text.is_empty() && text.trim_ascii().iter().all(is_letter)
}

/// Words by which statements begin.
const FIRST_WORDS: &[&str] = &[
    "ALTER",
    "ANALYZE",
    "BEGIN",
    "CALL",
    "CHANGE",
    "CHECK",
    "CHECKSUM",
    "COMMIT",
    "CREATE",
    "DEALLOCATE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DO",
    "DROP",
    "EXECUTE",
    "EXPLAIN",
    "FLUSH",
    "GET",
    "GRANT",
    "HANDLER",
    "INSERT",
    "INSTALL",
    "KILL",
    "LOAD",
    "LOCK",
    "OPTIMIZE",
    "PREPARE",
    "PURGE",
    "RELEASE",
    "RENAME",
    "REPAIR",
    "REPLACE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "SHOW",
    "SIGNAL",
    "START",
    "STOP",
    "TABLE",
    "TRUNCATE",
    "UNINSTALL",
    "UNLOCK",
    "UPDATE",
    "USE",
    "VALUES",
    "WITH",
    "XA",
];

fn is_statement(line: &[u8]) -> bool {
    let text = line.trim_ascii_start();
    let is_open = |byte: &u8| *byte == b'(' || byte.is_ascii_whitespace();
    let open = text.iter().take_while(|byte| is_open(byte)).count();
    let text = &text[open..];
    let letters = text
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let word = &text[..letters];
    text.starts_with(b"/*")
        || FIRST_WORDS
            .iter()
            .any(|first| first.as_bytes().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
