//! An error that a file expects: any, one by its SQLSTATE, or one by its text.

use std::sync::LazyLock;

use regex::Regex;

use crate::outcome::SqlError;
use crate::sql_text::unescape_bytes;

/// An error that a record expects.
#[derive(Debug, Clone)]
pub enum ErrorPattern {
    /// Any.
    Any,
    /// One that matches the text after `error`.
    Text(ErrorText),
    /// One with this message.
    Exact(String),
    /// One with this SQLSTATE.
    State(String),
}

impl ErrorPattern {
    /// Reads the text after `error`; an empty text accepts any error.
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        let state = text
            .strip_prefix('(')
            .and_then(|text| text.strip_suffix(')'));
        let is_state = |state: &&str| {
            let is_part = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
            state.len() == 5 && state.bytes().all(is_part)
        };
        match state.filter(is_state) {
            Some(state) => ErrorPattern::State(state.to_owned()),
            None if text.is_empty() => ErrorPattern::Any,
            None => ErrorPattern::Text(ErrorText::read(text)),
        }
    }

    /// Whether an error is the expected one.
    pub fn accepts(&self, refusal: &SqlError) -> bool {
        match self {
            ErrorPattern::Any => true,
            ErrorPattern::Text(text) => text.accepts(refusal),
            ErrorPattern::Exact(text) => {
                let text = without_line_ends(&without_place(text));
                text == without_line_ends(&refusal.message)
                    || text == without_line_ends(&refusal.to_string())
            }
            ErrorPattern::State(state) => *state == refusal.state,
        }
    }

    /// A description of the expected error.
    pub fn describe(&self) -> String {
        match self {
            ErrorPattern::Any => "an error".to_owned(),
            ErrorPattern::Text(text) => format!("an error that matches `{}`", text.text),
            ErrorPattern::Exact(text) => text.clone(),
            ErrorPattern::State(state) => format!("an error with SQLSTATE {state}"),
        }
    }
}

/// A text to find in an error as the classic client shows it (`ERROR 1146 (42S02): …`):
/// literally, or as a regular expression.
#[derive(Debug, Clone)]
pub struct ErrorText {
    text: String,
    /// The text with white space collapsed, and without the line number that the client
    /// adds in batch mode.
    literal: String,
    /// A number alone is an error number, or a word of the message.
    number: Option<u16>,
    /// `None` if the text is not a valid regular expression.
    regex: Option<Regex>,
}

impl ErrorText {
    fn read(text: &str) -> Self {
        let number = text.parse().ok();
        let pattern = std::str::from_utf8(&unescape_bytes(text))
            .ok()
            .and_then(|text| Regex::new(text).ok());
        ErrorText {
            literal: one_spaced(&without_place(text)),
            number,
            regex: pattern.filter(|_| number.is_none()),
            text: text.to_owned(),
        }
    }

    fn accepts(&self, refusal: &SqlError) -> bool {
        if let Some(number) = self.number {
            let is_word = |word: &str| word == self.text;
            let mut words = refusal
                .message
                .split(|letter: char| !letter.is_alphanumeric());
            return number == refusal.code || words.any(is_word);
        }
        let shown = refusal.to_string();
        let matches = |regex: &Regex| regex.is_match(&shown) || regex.is_match(&refusal.message);
        one_spaced(&shown).contains(&self.literal) || self.regex.as_ref().is_some_and(matches)
    }
}

/// Removes the place in the input, which the client adds in batch mode: `ERROR 1064
/// (42000) at line 3: …`.
fn without_place(text: &str) -> String {
    static PLACE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\s*(ERROR \d+ \([0-9A-Z]{5}\)) at line \d+(?: in file: '[^']*')?:")
            .expect("the pattern is well formed")
    });
    PLACE.replace(text, "$1:").into_owned()
}

fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Removes blanks at the ends of lines, which readers of a file cannot see.
fn without_line_ends(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: u16, state: &str, message: &str) -> SqlError {
        SqlError {
            code,
            state: state.to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_pasted_error_matches_itself() {
        for message in [
            "You have an error; check near 'a (b' at line 1",
            "FUNCTION f(x) [y] * z? + a|b \\ 'quoted' \"twice\" does not exist",
            "two  blanks\tand a tab",
            "{1 ^ $",
        ] {
            let error = refusal(1064, "42000", message);
            let shown = error.to_string();
            let in_batch = shown.replacen("):", ") at line 12:", 1);
            for text in [&shown, &in_batch, &message.to_owned()] {
                assert!(ErrorPattern::read(text).accepts(&error), "{text}");
            }
            let other = refusal(
                1064,
                "42000",
                &message.replace('e', "o").replace("  ", " x "),
            );
            if other.message != message {
                assert!(!ErrorPattern::read(&shown).accepts(&other), "{message}");
            }
        }
    }

    #[test]
    fn a_text_is_a_regular_expression_too() {
        let error = refusal(1146, "42S02", "Table 'a.nowhere' doesn't exist");
        for text in [
            "Table '.*nowhere' doesn't exist",
            "^ERROR 1146 .42S02.:",
            "^Table .* exist$",
            r"ERROR 1146 \(42S02\): Table",
        ] {
            assert!(ErrorPattern::read(text).accepts(&error), "{text}");
        }
        assert!(!ErrorPattern::read("Table '.*somewhere'").accepts(&error));
    }

    #[test]
    fn a_number_or_a_state_alone_is_that_of_the_error() {
        let error = refusal(1146, "42S02", "Table 'a.t12' doesn't exist at 77");
        for (text, is_accepted) in [
            ("1146", true),
            ("114", false),
            ("146", false),
            ("12", false),
            ("77", true),
            ("(42S02)", true),
            ("42S02", true),
            ("(42000)", false),
            ("", true),
        ] {
            let pattern = ErrorPattern::read(text);
            assert_eq!(pattern.accepts(&error), is_accepted, "{text:?}");
        }
    }

    #[test]
    fn a_whole_message_is_compared_line_by_line() {
        let error = refusal(1644, "45000", "first line\n\nthird line");
        let exact = |text: &str| ErrorPattern::Exact(text.to_owned()).accepts(&error);
        assert!(exact("first line\n\nthird line"));
        assert!(exact("ERROR 1644 (45000): first line\n\nthird line"));
        assert!(exact(
            "ERROR 1644 (45000) at line 9: first line\n\nthird line"
        ));
        assert!(!exact("first line"));
        assert!(!exact("first line\nthird line"));
    }
}
