//! Values as sqllogictest writes them, sorted and hashed.

use md5::{Digest, Md5};

use crate::outcome::{Column, RowSet};
use crate::sql_text::{escape_bytes, unescape_bytes};

/// The format of a column in a `query` record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letter {
    /// `T`, and any other letter: as text.
    Text,
    /// `I`: as an integer without its fraction. Text is written as the integer that it
    /// begins with, or 0, as the classic runner gets it from `sqlite3_column_int` or
    /// `atol`.
    Integer,
    /// `R`: with three decimals; the same applies to text.
    Real,
}

impl Letter {
    /// Reads a letter of a `query` line.
    pub fn read(letter: char) -> Self {
        match letter {
            'I' => Letter::Integer,
            'R' => Letter::Real,
            _ => Letter::Text,
        }
    }
}

/// The order in which results are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortMode {
    /// Unsorted.
    #[default]
    NoSort,
    /// By rows of written values.
    RowSort,
    /// By written values, across rows.
    ValueSort,
}

/// Written values in order, `width` per row, in one buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormattedRows {
    text: String,
    /// The end of each value in `text`.
    ends: Vec<usize>,
    /// Values per row.
    pub width: usize,
    /// The same with unconverted text, if a numeric column contains any.
    with_text: Option<Box<FormattedRows>>,
}

impl FormattedRows {
    /// Writes and sorts a result set. Columns beyond `letters` are text.
    pub fn of(rows: &RowSet, letters: &[Letter], sort: SortMode) -> Self {
        let mut written = FormattedRows::empty(rows.columns.len());
        let mut with_text: Option<FormattedRows> = None;
        for row in rows.rows.iter() {
            for (at, value) in row.iter().enumerate() {
                let letter = letters.get(at).copied().unwrap_or(Letter::Text);
                let begin = written.text.len();
                let is_number = write_value(&mut written.text, value, letter, &rows.columns[at]);
                if !is_number && with_text.is_none() {
                    let mut so_far = written.clone();
                    so_far.text.truncate(begin);
                    with_text = Some(so_far);
                }
                written.ends.push(written.text.len());
                if let Some(other) = &mut with_text {
                    match (is_number, value) {
                        (false, Some(bytes)) => plain(&mut other.text, &escape_bytes(bytes)),
                        _ => other.text.push_str(&written.text[begin..]),
                    }
                    other.ends.push(other.text.len());
                }
            }
        }
        let mut sorted = written.in_order(sort);
        sorted.with_text = with_text.map(|other| Box::new(other.in_order(sort)));
        sorted
    }

    fn empty(width: usize) -> Self {
        FormattedRows {
            text: String::new(),
            ends: Vec::new(),
            width,
            with_text: None,
        }
    }

    fn in_order(self, sort: SortMode) -> Self {
        match sort {
            SortMode::NoSort => self,
            SortMode::RowSort => self.sorted(self.width.max(1)),
            SortMode::ValueSort => self.sorted(1),
        }
    }

    /// The values with unconverted text, which numeric columns lose: two texts are not
    /// equal because both are written as `0`.
    pub fn with_text(&self) -> Option<&FormattedRows> {
        self.with_text.as_deref()
    }

    /// The same, sorted in groups of `size` values.
    fn sorted(&self, size: usize) -> Self {
        let group = |at: usize| (at..at + size).map(|at| self.value(at));
        let mut order: Vec<usize> = (0..self.len()).step_by(size).collect();
        order.sort_unstable_by(|a, b| group(*a).cmp(group(*b)));
        let mut sorted = FormattedRows::empty(self.width);
        sorted.text.reserve(self.text.len());
        sorted.ends.reserve(self.ends.len());
        for value in order.into_iter().flat_map(group) {
            sorted.text.push_str(value);
            sorted.ends.push(sorted.text.len());
        }
        sorted
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn value(&self, at: usize) -> &str {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..self.ends[at]]
    }

    /// The values, row after row.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.value(at))
    }

    /// Appends each row to `line`, with values joined by `by`, and passes it to `see`.
    pub(super) fn each_row(&self, by: char, mut see: impl FnMut(&str)) {
        let mut line = String::new();
        let width = self.width.max(1);
        for (at, value) in self.values().enumerate() {
            line.push_str(value);
            if (at + 1) % width == 0 {
                see(&line);
                line.clear();
            } else {
                line.push(by);
            }
        }
    }

    /// One line per row, values joined by a space.
    pub fn row_lines(&self) -> Vec<String> {
        let mut lines = Vec::with_capacity(self.len() / self.width.max(1));
        self.each_row(' ', |line| lines.push(line.to_owned()));
        lines
    }

    /// `N values hashing to MD5`: over each value and a newline. A byte of invalid UTF-8
    /// counts as `@`.
    pub fn hashed(&self) -> String {
        self.hashed_as(|bytes, digest| {
            for chunk in bytes.utf8_chunks() {
                digest.update(chunk.valid());
                chunk.invalid().iter().for_each(|_| digest.update(b"@"));
            }
        })
    }

    /// As in the classic runner, where all bytes beyond ASCII are `@`.
    pub(super) fn hashed_in_ascii(&self) -> String {
        self.hashed_as(|bytes, digest| {
            let ascii = |byte: &u8| if byte.is_ascii() { *byte } else { b'@' };
            digest.update(bytes.iter().map(ascii).collect::<Vec<u8>>());
        })
    }

    fn hashed_as(&self, feed: impl Fn(&[u8], &mut Md5)) -> String {
        let mut digest = Md5::new();
        for value in self.values() {
            feed(&unescape_bytes(value), &mut digest);
            digest.update(b"\n");
        }
        let mut hashed = format!("{} values hashing to ", self.len());
        for byte in digest.finalize() {
            for half in [byte >> 4, byte & 15] {
                hashed.extend(char::from_digit(half.into(), 16));
            }
        }
        hashed
    }
}

/// Whether an expected value matches the found one as the classic runner writes it, with
/// every byte beyond ASCII as `@`.
pub(super) fn is_in_ascii(expected: &str, found: &str) -> bool {
    expected.contains('@') && {
        let bytes = unescape_bytes(found);
        let ascii = bytes
            .iter()
            .map(|byte| if byte.is_ascii() { *byte } else { b'@' });
        expected.bytes().eq(ascii)
    }
}

/// Appends one value as it appears in a file. Control characters become `@`, and a byte
/// of invalid UTF-8 is written `\xHH`. Returns whether the letter loses nothing; it loses
/// text in a numeric column.
fn write_value(to: &mut String, value: Option<&[u8]>, letter: Letter, column: &Column) -> bool {
    let Some(bytes) = value else {
        to.push_str("NULL");
        return true;
    };
    match letter {
        Letter::Integer => integer(to, bytes, &column.kind),
        Letter::Real => real(to, bytes),
        Letter::Text => {
            plain(to, &escape_bytes(bytes));
            true
        }
    }
}

/// The start of a text: white space, a sign, digits, and the rest.
struct Number<'a> {
    is_negative: bool,
    digits: &'a str,
    rest: &'a [u8],
}

impl<'a> Number<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let text = bytes.trim_ascii_start();
        let is_negative = text.first() == Some(&b'-');
        let unsigned = match text.first() {
            Some(b'-' | b'+') => &text[1..],
            _ => text,
        };
        let end = unsigned.iter().position(|byte| !byte.is_ascii_digit());
        let (digits, rest) = unsigned.split_at(end.unwrap_or(unsigned.len()));
        Number {
            is_negative,
            digits: std::str::from_utf8(digits).unwrap_or_default(),
            rest,
        }
    }

    /// Whether only a fraction follows.
    fn is_whole(&self) -> bool {
        let fraction = match self.rest {
            [b'.', fraction @ ..] => fraction,
            [] => return !self.digits.is_empty(),
            _ => return false,
        };
        fraction.iter().all(u8::is_ascii_digit) && !(self.digits.is_empty() && fraction.is_empty())
    }
}

fn integer(to: &mut String, bytes: &[u8], kind: &str) -> bool {
    if kind.starts_with("BIT") && bytes.len() <= size_of::<u64>() {
        let number = bytes
            .iter()
            .fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        to.push_str(&number.to_string());
        return true;
    }
    let is_float = kind.starts_with("DOUBLE") || kind.starts_with("FLOAT");
    if is_float && let Some(number) = float(bytes) {
        // Adding zero removes the sign of a negative zero.
        to.push_str(&format!("{:.0}", number.trunc() + 0.0));
        return true;
    }
    let number = Number::read(bytes);
    match number.digits.trim_start_matches('0') {
        "" => to.push('0'),
        digits => {
            if number.is_negative {
                to.push('-');
            }
            to.push_str(digits);
        }
    }
    number.is_whole()
}

fn real(to: &mut String, bytes: &[u8]) -> bool {
    if let Some(number) = float(bytes) {
        to.push_str(&format!("{number:.3}"));
        return true;
    }
    let number = float(float_prefix(bytes)).unwrap_or_default();
    to.push_str(&format!("{number:.3}"));
    false
}

fn float(bytes: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(bytes).ok()?;
    // The names of infinity and NaN are texts here.
    let is_named = text
        .contains(|letter: char| letter.is_ascii_alphabetic() && letter != 'e' && letter != 'E');
    text.parse().ok().filter(|_| !is_named)
}

/// The longest prefix that parses as a number, without leading white space.
fn float_prefix(bytes: &[u8]) -> &[u8] {
    let text = bytes.trim_ascii_start();
    let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let most = text.iter().position(|byte| !is_part(byte));
    let most = most.unwrap_or(text.len());
    let longest = (1..=most).rev().find(|end| float(&text[..*end]).is_some());
    &text[..longest.unwrap_or(0)]
}

fn plain(to: &mut String, text: &str) {
    if text.is_empty() {
        return to.push_str("(empty)");
    }
    to.extend(text.chars().map(|c| if c.is_control() { '@' } else { c }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: Option<&[u8]>, letter: Letter, kind: &str) -> String {
        let mut text = String::new();
        let column = Column {
            name: "a".to_owned(),
            kind: kind.to_owned(),
        };
        write_value(&mut text, value, letter, &column);
        text
    }

    fn write(text: &str, letter: Letter) -> String {
        written(Some(text.as_bytes()), letter, "VARCHAR")
    }

    fn rows(values: &[impl AsRef<str>]) -> RowSet {
        let column = Column {
            name: "a".to_owned(),
            kind: String::new(),
        };
        let bytes = |value: &str| [Some(value.as_bytes().to_vec())];
        RowSet {
            columns: vec![column],
            rows: values.iter().map(|value| bytes(value.as_ref())).collect(),
            warnings: 0,
        }
    }

    #[test]
    fn letters_decide_how_a_value_is_written() {
        assert_eq!(write("10.0000", Letter::Integer), "10");
        assert_eq!(write("-0.5", Letter::Integer), "0");
        assert_eq!(write("2.5", Letter::Real), "2.500");
        assert_eq!(write("-14", Letter::Real), "-14.000");
        assert_eq!(write("2.50", Letter::Text), "2.50");
        assert_eq!(written(None, Letter::Real, ""), "NULL");
    }

    #[test]
    fn text_in_a_column_of_integers_is_the_integer_that_it_begins_with() {
        for (text, integer) in [
            ("pear", "0"),
            ("", "0"),
            ("12 plums", "12"),
            ("  +7", "7"),
            ("-7", "-7"),
            ("-0", "0"),
            ("007", "7"),
            ("-0042x", "-42"),
            ("1e3", "1"),
            ("0x1A", "0"),
            (".5", "0"),
            ("- 5", "0"),
            ("99999999999999999999", "99999999999999999999"),
            ("2024-02-29", "2024"),
        ] {
            assert_eq!(write(text, Letter::Integer), integer, "{text:?}");
        }
        let float = |text: &str| written(Some(text.as_bytes()), Letter::Integer, "DOUBLE");
        assert_eq!(float("1e3"), "1000");
        assert_eq!(float("-0.5"), "0");
        assert_eq!(written(Some(&[1, 2]), Letter::Integer, "BIT"), "258");
    }

    #[test]
    fn text_in_a_column_of_reals_is_the_number_that_it_begins_with() {
        for (text, real) in [
            ("pear", "0.000"),
            ("", "0.000"),
            ("12.5 plums", "12.500"),
            (" -1e2x", "-100.000"),
            ("1.2.3", "1.200"),
            ("inf", "0.000"),
            ("2e", "2.000"),
        ] {
            assert_eq!(write(text, Letter::Real), real, "{text:?}");
        }
    }

    #[test]
    fn text_that_a_letter_loses_is_kept_beside() {
        let written = FormattedRows::of(
            &rows(&["10.0", "pear"]),
            &[Letter::Integer],
            SortMode::NoSort,
        );
        assert_eq!(written.values().collect::<Vec<_>>(), ["10", "0"]);
        let with_text = written.with_text().expect("text was lost");
        assert_eq!(with_text.values().collect::<Vec<_>>(), ["10", "pear"]);
        let numbers =
            FormattedRows::of(&rows(&["10.0", "-3"]), &[Letter::Integer], SortMode::NoSort);
        assert!(numbers.with_text().is_none());
    }

    #[test]
    fn what_the_classic_runner_writes_is_recognised() {
        assert!(is_in_ascii("caf@@", "café"));
        assert!(is_in_ascii("a@", "a\\xFF"));
        assert!(!is_in_ascii("a@", "ab"));
        assert!(!is_in_ascii("ab", "ab"));
    }

    #[test]
    fn text_shows_what_can_be_shown() {
        assert_eq!(write("", Letter::Text), "(empty)");
        assert_eq!(write("a\tb", Letter::Text), "a@b");
        assert_eq!(write("é", Letter::Text), "é");
        assert_eq!(written(Some(&[b'a', 0xff]), Letter::Text, ""), "a\\xFF");
    }

    #[test]
    fn the_hash_is_over_values_and_newlines() {
        let written = FormattedRows::of(&rows(&["1", "2"]), &[], SortMode::NoSort);
        // printf '1\n2\n' | md5sum
        assert_eq!(
            written.hashed(),
            "2 values hashing to 6ddb4095eb719e2a9f0a3f95677d24e0"
        );
    }

    proptest! {
        #[test]
        fn an_integer_is_written_as_itself(number in any::<i64>()) {
            prop_assert_eq!(write(&number.to_string(), Letter::Integer), number.to_string());
        }

        #[test]
        fn sorting_keeps_all_values(values in proptest::collection::vec("[a-c]{0,2}", 0..12)) {
            let rows = rows(&values);
            let plain = FormattedRows::of(&rows, &[], SortMode::NoSort);
            let by_row = FormattedRows::of(&rows, &[], SortMode::RowSort);
            let by_value = FormattedRows::of(&rows, &[], SortMode::ValueSort);
            prop_assert_eq!(&by_row, &by_value);
            let mut sorted: Vec<&str> = plain.values().collect();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, by_row.values().collect::<Vec<_>>());
        }
    }
}
