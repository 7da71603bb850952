//! The parts of a record's first line that the crate's parser loses: the text of an
//! error, the names of columns, and unknown words.

use std::sync::LazyLock;

use regex::Regex;

/// Words after the letters of a `query` line that are not labels.
const OPTIONS: [&str; 4] = ["nosort", "rowsort", "valuesort", "colnames"];
/// Options of other engines that have the form of a label.
const FOREIGN: [&str; 1] = ["round-in-strings"];

/// The first line of a record.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The line to pass to the crate's parser.
    pub(super) line: String,
    /// The text after `error`.
    pub(super) error: Option<String>,
    /// Whether the column names appear above the rows.
    pub(super) has_names: bool,
    /// Whether a command of the system must fail.
    pub(super) must_fail: bool,
    /// The form of its body.
    pub(super) body: Body,
}

/// The lines after the first one of a record.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// None.
    #[default]
    None,
    /// They end at an empty line.
    Lines,
    /// The text below `----` has paragraphs and ends at two empty lines.
    Paragraphs,
}

impl Head {
    /// Reads a line; an error says what was expected and what was found.
    pub(super) fn read(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        match words.next().unwrap_or_default() {
            "statement" => read_statement(line, &words.collect::<Vec<_>>()),
            "query" => read_query(line, &words.collect::<Vec<_>>()),
            "system" => read_system(line, &words.collect::<Vec<_>>()),
            "let" => Ok(Head {
                line: line.replace(['(', ')'], " "),
                body: Body::Lines,
                ..Head::default()
            }),
            // Some files have comments after conditions.
            "onlyif" | "skipif" => Ok(Head {
                line: line.split('#').next().unwrap_or(line).to_owned(),
                ..Head::default()
            }),
            _ => Ok(Head {
                line: line.to_owned(),
                ..Head::default()
            }),
        }
    }
}

fn read_statement(line: &str, words: &[&str]) -> Result<Head, String> {
    let rest = match words {
        ["error", ..] => return Ok(read_error(line, "statement")),
        ["ok", rest @ ..] | ["count", _, rest @ ..] => rest,
        [] | ["count"] => return Err(unknown("`ok`, `count N` or `error`", None)),
        [word, ..] => return Err(unknown("`ok`, `count N` or `error`", Some(word))),
    };
    check_retry(rest)?;
    Ok(Head {
        line: line.to_owned(),
        body: Body::Lines,
        ..Head::default()
    })
}

fn read_system(line: &str, words: &[&str]) -> Result<Head, String> {
    let (must_fail, rest) = match words {
        ["ok", rest @ ..] => (false, rest),
        ["error", rest @ ..] => (true, rest),
        [] => return Err(unknown("`ok` or `error`", None)),
        [word, ..] => return Err(unknown("`ok` or `error`", Some(word))),
    };
    check_retry(rest)?;
    Ok(Head {
        line: line.replacen("error", "ok", usize::from(must_fail)),
        must_fail,
        body: Body::Paragraphs,
        ..Head::default()
    })
}

fn read_query(line: &str, words: &[&str]) -> Result<Head, String> {
    let (letters, words) = match words {
        ["error", ..] => return Ok(read_error(line, "query")),
        [letters, words @ ..] => (*letters, words),
        [] => ("", words),
    };
    let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'?';
    if !letters.bytes().all(is_letter) {
        let expected = "a letter a column, such as `I` (integer), `R` (real) or `T` (text)";
        return Err(unknown(expected, Some(letters)));
    }
    let at = words.iter().position(|word| *word == "retry");
    let (options, retry) = words.split_at(at.unwrap_or(words.len()));
    check_retry(retry)?;
    let mut head = Head {
        body: Body::Lines,
        ..Head::default()
    };
    let (mut sort, mut label) = (None, None);
    for word in options.iter().flat_map(|words| words.split(',')) {
        let place = match word {
            "" => continue,
            "colnames" => {
                head.has_names = true;
                continue;
            }
            "nosort" | "rowsort" | "valuesort" => &mut sort,
            _ if is_label(word) => &mut label,
            _ => {
                let expected = "a sort mode (`nosort`, `rowsort` or `valuesort`), `colnames`, \
                    `retry N backoff TIME`, or a label, which has a digit, `-` or `_`";
                return Err(unknown(expected, Some(word)));
            }
        };
        if let Some(first) = place.replace(word) {
            return Err(format!(
                "expected one sort mode and one label; found `{word}` behind `{first}`"
            ));
        }
    }
    let mut parts = vec!["query"];
    parts.extend((!letters.is_empty()).then_some(letters));
    parts.extend(sort);
    parts.extend(label);
    parts.extend(retry);
    head.line = parts.join(" ");
    Ok(head)
}

/// `error` is followed by a text of any letters, and optionally by `retry N backoff
/// TIME`.
fn read_error(line: &str, record: &str) -> Head {
    static RETRY: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?:^|\s)(retry\s+\S+\s+backoff\s+\S+)\s*$")
            .expect("the pattern is well formed")
    });
    let text = line.split_once("error").map_or("", |(_, text)| text);
    let (text, retry) = match RETRY.captures(text).and_then(|found| found.get(1)) {
        Some(retry) => (&text[..retry.start()], retry.as_str()),
        None => (text, ""),
    };
    let text = text.trim();
    Head {
        line: format!("{record} error {retry}").trim_end().to_owned(),
        error: Some(text.to_owned()),
        body: match text.is_empty() {
            true => Body::Paragraphs,
            false => Body::Lines,
        },
        ..Head::default()
    }
}

fn check_retry(words: &[&str]) -> Result<(), String> {
    match words {
        [] | ["retry"] | ["retry", _] | ["retry", _, "backoff"] | ["retry", _, "backoff", _] => {
            Ok(())
        }
        ["retry", _, "backoff", _, word, ..] => Err(unknown("the end of the line", Some(word))),
        ["retry", _, word, ..] => Err(unknown("`backoff`", Some(word))),
        [word, ..] => {
            let expected = "`retry N backoff TIME` or the end of the line";
            Err(unknown(expected, Some(word)))
        }
    }
}

fn unknown(expected: &str, word: Option<&str>) -> String {
    match word {
        Some(word) => format!("expected {expected}; found `{word}`"),
        None => format!("expected {expected}; found the end of the line"),
    }
}

/// Whether a word is a label: its form distinguishes it from an unknown or misspelled
/// option.
fn is_label(word: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let is_mark = |letter: char| letter.is_ascii_digit() || "-_".contains(letter);
    let bare: String = word.chars().filter(char::is_ascii_alphabetic).collect();
    let bare = bare.to_ascii_lowercase();
    let is_meant = |option: &&str| {
        // No longer ones are compared: each query of a file may have a label.
        option.len().abs_diff(bare.len()) <= 1 && strsim::damerau_levenshtein(option, &bare) <= 1
    };
    word.chars().all(is_part)
        && word.contains(is_mark)
        && !FOREIGN.contains(&word)
        && !OPTIONS.iter().any(is_meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(line: &str) -> String {
        Head::read(line).expect("a head").line
    }

    #[test]
    fn options_of_a_query_stand_in_any_order() {
        for (line, plain, has_names) in [
            ("query I", "query I", false),
            ("query", "query", false),
            ("query IT colnames", "query IT", true),
            ("query I rowsort colnames", "query I rowsort", true),
            ("query IT colnames,rowsort", "query IT rowsort", true),
            (
                "query IT rowsort, colnames label-1",
                "query IT rowsort label-1",
                true,
            ),
            (
                "query I nosort x_1 retry 2 backoff 1s",
                "query I nosort x_1 retry 2 backoff 1s",
                false,
            ),
            ("query I label-NULL", "query I label-NULL", false),
        ] {
            let head = Head::read(line).expect("a head");
            assert_eq!(
                (head.line.as_str(), head.has_names),
                (plain, has_names),
                "{line}"
            );
        }
    }

    #[test]
    fn an_unknown_word_is_named() {
        for (line, word) in [
            ("query I multiline", "multiline"),
            ("query I rowsort colname", "colname"),
            ("query I rowsrot", "rowsrot"),
            ("query I no_sort", "no_sort"),
            ("query I row-sort", "row-sort"),
            ("query I rowsort,noticetrace", "noticetrace"),
            ("query I partialsort(1,2)", "partialsort(1"),
            ("query I nodeidx=3", "nodeidx=3"),
            ("query I round-in-strings", "round-in-strings"),
            ("query I rowsort label-1 label-2", "label-2"),
            ("query I rowsort nosort", "nosort"),
            ("query I retry 2 backof 1s", "backof"),
            ("query colnames", "colnames"),
            ("query rowsort", "rowsort"),
            ("statement maybe", "maybe"),
            ("statement okay", "okay"),
            ("statement ok async", "async"),
            ("statement count 3 rows", "rows"),
            ("statement ok retry 1 backoff 1s now", "now"),
            ("system maybe", "maybe"),
        ] {
            let told = Head::read(line).expect_err(line);
            assert!(told.contains(&format!("found `{word}`")), "{line}: {told}");
        }
    }

    #[test]
    fn the_text_of_an_error_is_kept_as_it_is() {
        for (line, text, plain, body) in [
            ("statement error", "", "statement error", Body::Paragraphs),
            (
                "query error  a  (b [*",
                "a  (b [*",
                "query error",
                Body::Lines,
            ),
            (
                "statement error retry 2 backoff 10ms",
                "",
                "statement error retry 2 backoff 10ms",
                Body::Paragraphs,
            ),
            (
                "statement error some error retry 2 backoff 10ms",
                "some error",
                "statement error retry 2 backoff 10ms",
                Body::Lines,
            ),
        ] {
            let head = Head::read(line).expect("a head");
            assert_eq!(head.error.as_deref(), Some(text));
            assert_eq!((head.line.as_str(), head.body), (plain, body));
        }
    }

    #[test]
    fn a_comment_behind_a_condition_is_none_of_it() {
        assert_eq!(line_of("onlyif mysql # DIV"), "onlyif mysql ");
        assert_eq!(line_of("let (a, b)").split_whitespace().count(), 3);
    }
}
