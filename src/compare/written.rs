//! Values as sqllogictest writes them, sorted and hashed.

use md5::{Digest, Md5};

use crate::outcome::{RowSet, Value};

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

/// Written values in their order, `width` a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The values, row after row.
    pub values: Vec<String>,
    /// Values in a row.
    pub width: usize,
}

impl Written {
    /// Writes and sorts a result set. Columns beyond `letters` are text.
    pub fn of(rows: &RowSet, letters: &[Letter], sort: SortMode) -> Self {
        let width = rows.columns.len();
        let letter = |at: usize| letters.get(at).copied().unwrap_or(Letter::Text);
        let write_row = |row: &Vec<Value>| -> Vec<String> {
            let values = row.iter().enumerate();
            values
                .map(|(at, value)| written(value.as_deref(), letter(at)))
                .collect()
        };
        let mut rows: Vec<Vec<String>> = rows.rows.iter().map(write_row).collect();
        if sort == SortMode::RowSort {
            rows.sort_unstable();
        }
        let mut values: Vec<String> = rows.into_iter().flatten().collect();
        if sort == SortMode::ValueSort {
            values.sort_unstable();
        }
        Written { values, width }
    }

    /// The rows, in their order.
    pub fn rows(&self) -> impl Iterator<Item = &[String]> {
        self.values.chunks(self.width.max(1))
    }

    /// A line a row, values joined by a space.
    pub fn row_lines(&self) -> Vec<String> {
        self.rows().map(|row| row.join(" ")).collect()
    }

    /// `N values hashing to MD5`: over each value and a newline.
    pub fn hashed(&self) -> String {
        let mut digest = Md5::new();
        for value in &self.values {
            digest.update(value.as_bytes());
            digest.update(b"\n");
        }
        let hex: String = digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{} values hashing to {hex}", self.values.len())
    }
}

/// One value as it stands in a file. Control characters and bytes that are no
/// UTF-8 become `@`; the original also replaces all that is not ASCII, which
/// would hide what character sets do.
pub fn written(value: Option<&[u8]>, letter: Letter) -> String {
    let Some(bytes) = value else {
        return "NULL".to_owned();
    };
    let text = String::from_utf8_lossy(bytes);
    match letter {
        Letter::Integer => integer(&text),
        Letter::Real => real(&text),
        Letter::Text => plain(&text),
    }
}

fn integer(text: &str) -> String {
    let whole = text.split('.').next().unwrap_or_default();
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse::<f64>() {
            Ok(number) => format!("{:.0}", number.trunc()),
            Err(_) => plain(text),
        };
    }
    match digits.trim_start_matches('0') {
        "" => "0".to_owned(),
        _ => whole.to_owned(),
    }
}

fn real(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(number) => format!("{number:.3}"),
        Err(_) => plain(text),
    }
}

fn plain(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let shown = |c: char| {
        if c.is_control() || c == '\u{fffd}' {
            '@'
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(text: &str, letter: Letter) -> String {
        written(Some(text.as_bytes()), letter)
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
        let written = Written {
            values: vec!["1".to_owned(), "2".to_owned()],
            width: 1,
        };
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
            let rows = RowSet {
                columns: vec![crate::outcome::Column { name: "a".to_owned(), kind: String::new() }],
                rows: values.iter().map(|value| vec![Some(value.clone().into_bytes())]).collect(),
                warnings: 0,
            };
            let plain = Written::of(&rows, &[], SortMode::NoSort);
            let by_row = Written::of(&rows, &[], SortMode::RowSort);
            let by_value = Written::of(&rows, &[], SortMode::ValueSort);
            prop_assert_eq!(&by_row, &by_value);
            let mut sorted = plain.values.clone();
            sorted.sort();
            prop_assert_eq!(sorted, by_row.values);
        }
    }
}
