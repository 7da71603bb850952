//! Text that fits.

/// The first line of a text, cut to `width` columns.
pub(super) fn first_line(text: &str, width: usize) -> String {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    cut(line, width)
}

/// A text cut to `width` letters, with a mark where it was cut.
pub(super) fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some((_, _)) if width > 1 => {
            let end = text
                .char_indices()
                .nth(width - 1)
                .map_or(text.len(), |(at, _)| at);
            format!("{}…", &text[..end])
        }
        _ => text.to_owned(),
    }
}

/// Each line with `indent` before it.
pub(super) fn indented(text: &str, indent: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{indent}{line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_letters_and_marked() {
        assert_eq!(cut("grüße", 5), "grüße");
        assert_eq!(cut("grüße!", 5), "grüß…");
        assert_eq!(first_line("\n  a\nb", 9), "a");
    }
}
