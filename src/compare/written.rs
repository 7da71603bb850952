//! Values as sqllogictest writes them, sorted and hashed.

use md5::{Digest, Md5};

use crate::outcome::RowSet;

/// How a column of a `query` record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letter {
    /// `T`, and any other letter: as text.
    Text,
    /// `I`: as an integer, what follows the point is cut.
    Integer,
    /// `R`: with three decimals.
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
    /// As they came.
    #[default]
    NoSort,
    /// By rows of written values.
    RowSort,
    /// By written values, whatever row they stand in.
    ValueSort,
}

/// Written values in their order, `width` a row, in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    text: String,
    /// Where each value ends in `text`.
    ends: Vec<usize>,
    /// Values in a row.
    pub width: usize,
}

impl Written {
    /// Writes and sorts a result set. Columns beyond `letters` are text.
    pub fn of(rows: &RowSet, letters: &[Letter], sort: SortMode) -> Self {
        let mut written = Written {
            text: String::new(),
            ends: Vec::new(),
            width: rows.columns.len(),
        };
        for row in rows.rows.iter() {
            for (at, value) in row.iter().enumerate() {
                let letter = letters.get(at).copied().unwrap_or(Letter::Text);
                write_value(&mut written.text, value, letter);
                written.ends.push(written.text.len());
            }
        }
        match sort {
            SortMode::NoSort => written,
            SortMode::RowSort => written.sorted(written.width.max(1)),
            SortMode::ValueSort => written.sorted(1),
        }
    }

    /// The same with its groups of `size` values sorted.
    fn sorted(&self, size: usize) -> Self {
        let group = |at: usize| (at..at + size).map(|at| self.value(at));
        let mut order: Vec<usize> = (0..self.len()).step_by(size).collect();
        order.sort_unstable_by(|a, b| group(*a).cmp(group(*b)));
        let mut sorted = Written {
            text: String::with_capacity(self.text.len()),
            ends: Vec::with_capacity(self.ends.len()),
            width: self.width,
        };
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

    /// Whether there is none.
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

    /// Appends each row to `line`, values joined by `by`, and shows it to `see`.
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

    /// A line a row, values joined by a space.
    pub fn row_lines(&self) -> Vec<String> {
        let mut lines = Vec::with_capacity(self.len() / self.width.max(1));
        self.each_row(' ', |line| lines.push(line.to_owned()));
        lines
    }

    /// `N values hashing to MD5`: over each value and a newline.
    pub fn hashed(&self) -> String {
        let mut digest = Md5::new();
        for value in self.values() {
            digest.update(value.as_bytes());
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

/// One value as it stands in a file. Control characters and bytes that are no
/// UTF-8 become `@`; the original also replaces all that is not ASCII, which
/// would hide what character sets do.
pub fn written(value: Option<&[u8]>, letter: Letter) -> String {
    let mut text = String::new();
    write_value(&mut text, value, letter);
    text
}

fn write_value(to: &mut String, value: Option<&[u8]>, letter: Letter) {
    let Some(bytes) = value else {
        return to.push_str("NULL");
    };
    let text = String::from_utf8_lossy(bytes);
    match letter {
        Letter::Integer => integer(to, &text),
        Letter::Real => real(to, &text),
        Letter::Text => plain(to, &text),
    }
}

fn integer(to: &mut String, text: &str) {
    let whole = text.split('.').next().unwrap_or_default();
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse::<f64>() {
            Ok(number) => to.push_str(&format!("{:.0}", number.trunc())),
            Err(_) => plain(to, text),
        };
    }
    match digits.trim_start_matches('0') {
        "" => to.push('0'),
        _ => to.push_str(whole),
    }
}

fn real(to: &mut String, text: &str) {
    match text.parse::<f64>() {
        Ok(number) => to.push_str(&format!("{number:.3}")),
        Err(_) => plain(to, text),
    }
}

fn plain(to: &mut String, text: &str) {
    if text.is_empty() {
        return to.push_str("(empty)");
    }
    let is_hidden = |c: char| c.is_control() || c == '\u{fffd}';
    to.extend(text.chars().map(|c| if is_hidden(c) { '@' } else { c }));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(text: &str, letter: Letter) -> String {
        written(Some(text.as_bytes()), letter)
    }

    fn rows(values: &[impl AsRef<str>]) -> RowSet {
        let column = crate::outcome::Column {
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
        assert_eq!(write("1e3", Letter::Integer), "1000");
        assert_eq!(write("2.5", Letter::Real), "2.500");
        assert_eq!(write("-14", Letter::Real), "-14.000");
        assert_eq!(write("2.50", Letter::Text), "2.50");
        assert_eq!(written(None, Letter::Real), "NULL");
    }

    #[test]
    fn text_shows_what_can_be_shown() {
        assert_eq!(write("", Letter::Text), "(empty)");
        assert_eq!(write("a\tb", Letter::Text), "a@b");
        assert_eq!(write("é", Letter::Text), "é");
        assert_eq!(written(Some(&[b'a', 0xff]), Letter::Text), "a@");
    }

    #[test]
    fn the_hash_is_over_values_and_newlines() {
        let written = Written::of(&rows(&["1", "2"]), &[], SortMode::NoSort);
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
            let plain = Written::of(&rows, &[], SortMode::NoSort);
            let by_row = Written::of(&rows, &[], SortMode::RowSort);
            let by_value = Written::of(&rows, &[], SortMode::ValueSort);
            prop_assert_eq!(&by_row, &by_value);
            let mut sorted: Vec<&str> = plain.values().collect();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, by_row.values().collect::<Vec<_>>());
        }
    }
}
