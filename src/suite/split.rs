//! SQL text as statements, as the classic client cuts it.

use crate::sql_text::{Sql, escape_bytes};

/// What some editors write at the head of a file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// One statement and the line where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Line of its first character that is neither blank nor comment, from 1.
    pub line: usize,
    /// Without the delimiter.
    pub sql: Sql,
    /// Whether `\G` ended it: its rows are wanted as a line a column.
    pub vertical: bool,
    /// Comment lines (`-- …`) that stand directly before it, without the dashes.
    pub remarks: Vec<(usize, String)>,
}

/// Cuts `text` into statements: at `;`, at what a `DELIMITER` line says, and
/// at `\g` and `\G`; never inside quotes or comments. A comment goes with the
/// statement in which it stands; one before a statement is left out, unless it
/// is one that servers execute (`/*! … */`, `/*+ … */`).
pub fn split(text: &[u8]) -> Vec<Statement> {
    let mut splitter = Splitter::default();
    let mut rest = text;
    std::iter::from_fn(|| {
        let (statement, length) = splitter.cut(rest, true)?;
        rest = &rest[length..];
        Some(statement)
    })
    .collect()
}

/// Cuts a text that comes in pieces, as [`split`] does.
#[derive(Debug, Clone)]
pub struct Splitter {
    delimiter: Vec<u8>,
    /// The line of what comes next.
    line: usize,
}

impl Default for Splitter {
    fn default() -> Self {
        Splitter {
            delimiter: b";".to_vec(),
            line: 1,
        }
    }
}

impl Splitter {
    /// What ends a statement.
    pub fn delimiter(&self) -> &[u8] {
        &self.delimiter
    }

    /// As a `DELIMITER` line does.
    pub fn set_delimiter(&mut self, word: &[u8]) {
        word.clone_into(&mut self.delimiter);
    }

    /// The first statement of `text`, which goes on where the last one ended,
    /// and how many bytes it takes up. `None` where it may not be whole, or,
    /// where nothing follows `text`, there is none.
    pub fn cut(&mut self, text: &[u8], is_last: bool) -> Option<(Statement, usize)> {
        let mut cutter = Cutter {
            rest: match self.line {
                1 => text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
                _ => text,
            },
            splitter: self.clone(),
            statement: Vec::new(),
            begun: 1,
            remarks: Vec::new(),
            vertical: false,
            done: None,
        };
        while cutter.done.is_none() && !cutter.rest.is_empty() {
            cutter.take_piece();
        }
        if cutter.done.is_none() && is_last {
            cutter.finish();
        }
        let statement = cutter.done?;
        *self = cutter.splitter;
        Some((statement, text.len() - cutter.rest.len()))
    }
}

/// Cuts one statement. What it took is forgotten where the text ends before
/// the statement does.
struct Cutter<'a> {
    rest: &'a [u8],
    splitter: Splitter,
    statement: Vec<u8>,
    begun: usize,
    remarks: Vec<(usize, String)>,
    vertical: bool,
    done: Option<Statement>,
}

impl Cutter<'_> {
    /// Takes what comes next: a quoted piece, a comment, a delimiter, a letter.
    fn take_piece(&mut self) {
        let blank = self.statement.trim_ascii().is_empty();
        if blank && self.take_delimiter_line() {
            return;
        }
        if self.rest.starts_with(&self.splitter.delimiter) {
            self.advance(self.splitter.delimiter.len());
            self.finish();
        } else if self.rest.starts_with(b"\\g") || self.rest.starts_with(b"\\G") {
            self.vertical = self.rest.starts_with(b"\\G");
            self.advance(2);
            self.finish();
        } else if let Some(length) = line_comment(self.rest) {
            let comment = self.rest[..length].trim_ascii_end();
            if blank {
                if let Some(remark) = comment.strip_prefix(b"--") {
                    self.remarks.push((
                        self.splitter.line,
                        escape_bytes(remark.trim_ascii()).into_owned(),
                    ));
                }
            } else {
                self.statement.extend_from_slice(comment);
            }
            self.advance(length);
        } else if let Some(length) = block_comment(self.rest) {
            let executed = self.rest.starts_with(b"/*!")
                || self.rest.starts_with(b"/*+")
                || self.rest.starts_with(b"/*M!");
            if blank && !executed {
                self.advance(length);
            } else {
                self.keep(length);
            }
        } else {
            self.keep(quoted(self.rest).unwrap_or(1));
        }
    }

    /// A line `DELIMITER //`: the client's own command, in any case.
    fn take_delimiter_line(&mut self) -> bool {
        const WORD: &[u8] = b"delimiter";
        let Some(head) = self.rest.get(..WORD.len()) else {
            return false;
        };
        let tail = &self.rest[WORD.len()..];
        if !head.eq_ignore_ascii_case(WORD) || !tail.starts_with(b" ") && !tail.starts_with(b"\t") {
            return false;
        }
        let end = find(self.rest, b"\n").map_or(self.rest.len(), |at| at + 1);
        if let Some(word) = self.rest[WORD.len()..end]
            .split(u8::is_ascii_whitespace)
            .find(|word| !word.is_empty())
        {
            self.splitter.delimiter = word.to_owned();
        }
        self.advance(end);
        true
    }

    /// Moves `length` bytes into the statement.
    fn keep(&mut self, length: usize) {
        let piece = &self.rest[..length];
        if self.statement.is_empty() {
            if piece.trim_ascii().is_empty() {
                self.advance(length);
                return;
            }
            self.begun = self.splitter.line;
        }
        self.statement.extend_from_slice(piece);
        self.advance(length);
    }

    fn advance(&mut self, length: usize) {
        let (passed, rest) = self.rest.split_at(length);
        self.splitter.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.rest = rest;
    }

    fn finish(&mut self) {
        let remarks = std::mem::take(&mut self.remarks);
        let text = std::mem::take(&mut self.statement);
        let text = text.trim_ascii();
        let vertical = std::mem::take(&mut self.vertical);
        if !text.is_empty() {
            self.done = Some(Statement {
                line: self.begun,
                sql: text.to_vec().into(),
                vertical,
                remarks,
            });
        }
    }
}

/// Length of a quoted piece or a comment at the head of a text.
pub(super) fn hidden(text: &[u8]) -> Option<usize> {
    line_comment(text)
        .or_else(|| block_comment(text))
        .or_else(|| quoted(text))
}

/// Where the first `part` of a text begins.
fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Length of a comment to the end of its line: `#`, or `--` with a blank or
/// the line's end behind it.
fn line_comment(text: &[u8]) -> Option<usize> {
    let dashes = text.strip_prefix(b"--").is_some_and(|rest| {
        (rest.first()).is_none_or(|next| next.is_ascii_whitespace() || next.is_ascii_control())
    });
    if !dashes && !text.starts_with(b"#") {
        return None;
    }
    Some(find(text, b"\n").unwrap_or(text.len()))
}

fn block_comment(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"/*")?;
    Some(find(rest, b"*/").map_or(text.len(), |at| at + 4))
}

/// Length of a quoted piece, to its end or that of the text. A doubled quote
/// and, but for backticks, a backslash do not end it.
fn quoted(text: &[u8]) -> Option<usize> {
    let quote = *text.first().filter(|byte| b"'\"`".contains(byte))?;
    let mut letters = text.iter().enumerate().skip(1).peekable();
    while let Some((at, &letter)) = letters.next() {
        if letter == b'\\' && quote != b'`' {
            letters.next();
        } else if letter == quote {
            if letters.peek().is_some_and(|(_, next)| **next == quote) {
                letters.next();
            } else {
                return Some(at + 1);
            }
        }
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(sql: &str) -> Vec<String> {
        split(sql.as_bytes())
            .into_iter()
            .map(|statement| statement.sql.text().into_owned())
            .collect()
    }

    #[test]
    fn quotes_and_comments_hide_the_delimiter() {
        let sql = "SELECT ';', \"a\\\";\", `x;y`, 'it''s;' /* ; */ -- ;\n+ 1; # ;\nSELECT 2";
        let found = texts(sql);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], "SELECT 2");
    }

    #[test]
    fn a_delimiter_line_changes_what_ends_a_statement() {
        let sql = "delimiter //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\r\nDELIMITER ;\nCALL p()\\G\nSELECT 3;";
        assert_eq!(
            texts(sql),
            [
                "CREATE PROCEDURE p() BEGIN SELECT 1; END",
                "CALL p()",
                "SELECT 3"
            ]
        );
    }

    #[test]
    fn lines_and_remarks_are_those_of_the_statement() {
        let sql = "\u{feff}-- title\n\n-- onlyif mysql\n/* note */ SELECT 1;\n\n\nSELECT\n2;";
        let found = split(sql.as_bytes());
        assert_eq!((found[0].line, found[1].line), (4, 7));
        assert_eq!(
            found[0].remarks,
            [(1, "title".to_owned()), (3, "onlyif mysql".to_owned())]
        );
        assert!(found[1].remarks.is_empty());
    }

    #[test]
    fn a_comment_that_servers_execute_is_kept() {
        assert_eq!(texts("/*!50000 SELECT 1 */;"), ["/*!50000 SELECT 1 */"]);
        assert_eq!(texts("/* only a comment */;"), Vec::<String>::new());
        assert_eq!(texts("SELECT 1--1;"), ["SELECT 1--1"]);
    }

    proptest! {
        #[test]
        fn joined_statements_split_back(
            all in proptest::collection::vec("(SELECT|UPDATE) ([a-z0-9 ]|'[^'\\\\]*'|\"[^\"\\\\]*\"|`[^`]*`){1,8}x", 1..6)
        ) {
            let sql = all.join(";\n");
            prop_assert_eq!(texts(&sql), all);
        }

        #[test]
        fn any_bytes_are_split_without_a_panic(text in any::<Vec<u8>>()) {
            let lines = text.split(|byte| *byte == b'\n').count();
            prop_assert!(split(&text).iter().all(|statement| statement.line <= lines + 1));
        }
    }
}
