//! Comments and blanks at the start of a text.

use crate::sql_text::escape_bytes;

/// Whether a byte is a blank in all character sets of the client.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// Whether a text begins with a comment to the end of its line: `#`, or `--` followed by
/// a blank or the end.
pub(super) fn is_line_comment(text: &[u8]) -> bool {
    match text {
        [b'#', ..] | [b'-', b'-'] => true,
        [b'-', b'-', next, ..] => is_space(*next),
        _ => false,
    }
}

/// Whether a text begins with a comment that servers execute or apply.
pub(super) fn is_code_comment(text: &[u8]) -> bool {
    [&b"/*!"[..], b"/*+", b"/*M!"]
        .iter()
        .any(|head| text.starts_with(head))
}

/// A comment line before a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Remark<'a> {
    /// Lines before it in the text.
    pub(super) line: usize,
    /// Without the dashes; empty if it begins with `#`.
    pub(super) text: &'a [u8],
}

impl Remark<'_> {
    /// The line and the text, if the text begins at line `first`.
    pub(super) fn kept(&self, first: usize) -> Option<(usize, String)> {
        let words = escape_bytes(self.text.trim_ascii());
        (!words.is_empty()).then(|| (first + self.line, words.into_owned()))
    }
}

/// The length of blanks and comments at the start of a text, as servers read them, with
/// the comment lines among them.
pub(super) fn leading(text: &[u8]) -> (usize, Vec<Remark<'_>>) {
    let mut at = 0;
    let mut line = 0;
    let mut found = Vec::new();
    loop {
        let rest = &text[at..];
        let length = if rest.first().is_some_and(|byte| is_space(*byte)) {
            1
        } else if is_line_comment(rest) {
            let end = find(rest, b"\n").unwrap_or(rest.len());
            let words = rest[..end].strip_prefix(b"--").unwrap_or_default();
            found.push(Remark { line, text: words });
            end
        } else if rest.starts_with(b"/*") && !is_code_comment(rest) {
            find(&rest[2..], b"*/").map_or(rest.len(), |end| end + 4)
        } else {
            return (at, found);
        };
        line += rest[..length].iter().filter(|byte| **byte == b'\n').count();
        at += length;
    }
}

/// The length that the client skips before it looks for one of its own commands: blanks
/// and `/* … */`. It leaves a comment at the first `*`, or before the first `/`, and
/// finds the comment's end only there.
pub(super) fn before_command(text: &[u8]) -> usize {
    let opens = |at: usize| at + 2 < text.len() && text[at..].starts_with(b"/*");
    let mut at = 0;
    loop {
        while text.get(at).is_some_and(|byte| is_space(*byte)) {
            at += 1;
        }
        if opens(at) {
            at += 2;
            while at + 2 < text.len() && text[at] != b'*' && text[at + 1] != b'/' {
                at += 1;
            }
            if at + 2 < text.len() && text[at..].starts_with(b"*/") {
                at += 2;
            }
        }
        let goes_on = text.get(at).is_some_and(|byte| is_space(*byte)) || opens(at);
        if !goes_on {
            return at;
        }
    }
}

/// The first position of `part` in a text; `part` is not empty.
pub(super) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    let (&first, _) = part.split_first()?;
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if text[at..].starts_with(part) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// The length of a comment or a quoted piece at the start of a text. A doubled quote does
/// not end a quoted piece; nor does a backslash, except in backticks.
pub(in crate::suite) fn hidden_length(text: &[u8]) -> Option<usize> {
    if is_line_comment(text) {
        return Some(find(text, b"\n").unwrap_or(text.len()));
    }
    if text.starts_with(b"/*") {
        return Some(find(&text[2..], b"*/").map_or(text.len(), |at| at + 4));
    }
    let quote = *text.first().filter(|byte| b"'\"`".contains(byte))?;
    let mut at = 1;
    while at < text.len() {
        if text[at] == b'\\' && quote != b'`' {
            at += 2;
        } else if text[at] != quote {
            at += 1;
        } else if text.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Some(at + 1);
        }
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_before_a_statement_are_found_with_their_lines() {
        let text = b" \n-- onlyif mysql\n/* a\n*/ # b\n/*! SELECT 1 */";
        let (length, found) = leading(text);
        assert_eq!(&text[length..], b"/*! SELECT 1 */");
        let lines: Vec<_> = found.iter().map(|one| (one.line, one.text)).collect();
        assert_eq!(lines, [(1, &b" onlyif mysql"[..]), (3, b"")]);
        assert_eq!(leading(b"--x").0, 0);
        assert_eq!(leading(b"/* open").0, 7);
    }

    #[test]
    fn a_command_may_stand_behind_a_comment() {
        assert_eq!(before_command(b"  /* a */ use w"), 10);
        assert_eq!(before_command(b"-- a"), 0);
        let slash = before_command(b"/* a/b */ use w");
        assert_eq!(slash, 3, "the client gets no further");
    }
}
