//! Text that fits and cannot garble a terminal, and its colours.

use std::fmt::Display;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use console::Style;
use indicatif::HumanBytes;
use unicode_width::UnicodeWidthStr;

/// Whether text is coloured. No meaning depends on colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// Plain text.
    #[default]
    Never,
    /// With escape sequences.
    Always,
}

impl Colour {
    /// As stdout supports it: on a terminal with colours, unless `NO_COLOR` is set
    /// (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb {
            Colour::Always
        } else {
            Colour::Never
        }
    }

    pub(super) fn good(self, text: impl Display) -> String {
        self.styled(Style::new().green(), text)
    }

    pub(super) fn bad(self, text: impl Display) -> String {
        self.styled(Style::new().red().bold(), text)
    }

    pub(super) fn odd(self, text: impl Display) -> String {
        self.styled(Style::new().yellow(), text)
    }

    fn styled(self, style: Style, text: impl Display) -> String {
        let style = style.force_styling(self == Colour::Always);
        style.apply_to(text).to_string()
    }
}

/// Formats a text as one line, safe and cut to `width` columns.
pub fn one_line(text: &str, width: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    cut_to_width(&visible(&words.join(" ")), width)
}

/// Cuts a text to `width` columns of a terminal, and marks the cut.
pub(super) fn cut_to_width(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        // A letter may change the width of the previous ones.
        if kept.width() + 1 > width {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

/// Escapes control characters in a text: output of a server must not move the cursor.
/// Line ends and tabs stay.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() && letter != '\n' && letter != '\t' {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Indents each line by `indent`; keeps at most `most` lines and `widest` columns of
/// each, and says what is omitted.
pub(super) fn block(text: &str, indent: &str, most: usize, widest: usize) -> String {
    let total = text.lines().count();
    let mut shown = String::new();
    for line in text.lines().take(most) {
        shown.push_str(indent);
        shown.push_str(&cut_to_width(&visible(line), widest));
        shown.push('\n');
    }
    if total > most {
        shown.push_str(&format!("{indent}… {}\n", count(total - most, "more line")));
    }
    shown
}

/// Indents each line by `indent`, in full.
pub(super) fn indented(text: &str, indent: &str) -> String {
    block(text, indent, usize::MAX, usize::MAX)
}

/// `1 step`, `2 steps`.
pub(super) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The progress of a file of a setup, as `dump.sql: 34 % of 1.2 GiB`.
pub(super) fn describe_setup(file: &Path, done: u64, total: u64) -> String {
    let name = file
        .file_name()
        .unwrap_or(file.as_os_str())
        .to_string_lossy();
    let percent = done.min(total) * 100 / total.max(1);
    let name = visible(&name);
    format!("{name}: {percent} % of {}", HumanBytes(total))
}

/// The progress of measuring.
pub(super) fn describe_measuring(done: usize, total: usize) -> String {
    let total = count(total, "statement");
    format!("measuring times: {} of {total}", thousands(done))
}

/// A large number with separators: `2,260`.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A readable duration: `7.2 s`, `3 min 12 s`.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 100 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_at_letters_and_marked() {
        assert_eq!(cut_to_width("grüße", 5), "grüße");
        assert_eq!(cut_to_width("grüße!", 5), "grüß…");
        assert_eq!(cut_to_width("日本語", 5), "日本…");
        assert_eq!(one_line("\n  a\n  b\tc", 9), "a b c");
    }

    #[test]
    fn what_would_move_the_cursor_is_written_out() {
        assert_eq!(visible("a\u{1b}[2Jb\r\tc\nd"), "a\\u{1b}[2Jb\\r\tc\nd");
        assert_eq!(one_line("a\tb\u{7}", 9), "a b\\u{7}");
    }

    #[test]
    fn a_block_says_what_it_leaves_out() {
        assert_eq!(block("a\nb\nc", "  ", 2, 9), "  a\n  b\n  … 1 more line\n");
    }

    #[test]
    fn large_numbers_are_grouped() {
        let grouped = [7, 100, 1000, 22_600, 1_234_567].map(thousands);
        assert_eq!(grouped, ["7", "100", "1,000", "22,600", "1,234,567"]);
    }

    #[test]
    fn times_are_written_for_people() {
        assert_eq!(span(Duration::from_millis(7240)), "7.2 s");
        assert_eq!(span(Duration::from_secs(192)), "3 min 12 s");
    }

    #[test]
    fn colours_are_only_written_where_they_are_wanted() {
        assert_eq!(Colour::Never.bad("FAIL"), "FAIL");
        assert_eq!(
            Colour::Always.bad("FAIL"),
            "\u{1b}[31m\u{1b}[1mFAIL\u{1b}[0m"
        );
    }

    proptest! {
        #[test]
        fn a_cut_text_is_no_wider_than_asked(text in ".{0,40}", width in 1usize..30) {
            prop_assert!(cut_to_width(&visible(&text), width).width() <= width);
        }
    }
}
